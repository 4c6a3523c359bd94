#include <gtest/gtest.h>

#include "transport_certificates.h"
#include "transport_loop.h"
#include "transport_server.h"

namespace weir::testing {
namespace {

using Kind = WireEnd::Kind;

void answer_all(Connection& peer, int) {
    while (!peer.read_request().empty()) peer.send(ok_response("{}"));
}

class TransportTls : public ::testing::Test {
protected:
    static void SetUpTestSuite() { certificates_ = new Certificates; }
    static void TearDownTestSuite() {
        delete certificates_;
        certificates_ = nullptr;
    }
    static TransportSettings trusting(const std::string& ca_file) {
        TransportSettings settings;
        settings.ca_file = ca_file;
        return settings;
    }
    static Certificates* certificates_;
};
Certificates* TransportTls::certificates_ = nullptr;

TEST_F(TransportTls, TrustsTheConfiguredAuthority) {
    Server server(answer_all, certificates_->for_localhost());
    Loop loop(trusting(certificates_->ca_file()));
    for (int i = 0; i < 3; ++i) {
        Seen& seen = loop.fetch(server.url());
        EXPECT_EQ(seen.kind(), Kind::complete) << seen.end.detail;
    }
    EXPECT_EQ(server.connections(), 1);

    Loop::Parts parts;
    parts.base_url = server.url();
    parts.fresh_connection = true;
    EXPECT_EQ(loop.finish(loop.start(parts)).kind(), Kind::complete);
    EXPECT_EQ(server.connections(), 2);
}

TEST_F(TransportTls, RefusesAnotherAuthority) {
    Server server(answer_all, certificates_->for_localhost());
    Loop loop(trusting(certificates_->other_ca_file()));
    Seen& seen = loop.fetch(server.url());
    EXPECT_EQ(seen.kind(), Kind::tls_failed) << seen.end.detail;
    EXPECT_FALSE(seen.end.request_sent);
}

TEST_F(TransportTls, RefusesAnAuthorityThatTheSystemDoesNotKnow) {
    Server server(answer_all, certificates_->for_localhost());
    Loop loop;
    Seen& seen = loop.fetch(server.url());
    EXPECT_EQ(seen.kind(), Kind::tls_failed) << seen.end.detail;
    EXPECT_FALSE(seen.end.request_sent);
}

TEST_F(TransportTls, RefusesACertificateForAnotherHost) {
    Server server(answer_all, certificates_->for_other_host());
    Loop loop(trusting(certificates_->ca_file()));
    Seen& seen = loop.fetch(server.url());
    EXPECT_EQ(seen.kind(), Kind::tls_failed) << seen.end.detail;
    EXPECT_FALSE(seen.end.request_sent);
}

TEST_F(TransportTls, SaysWhichFileHasNoCertificates) {
    Loop loop(trusting("/nowhere/ca.pem"));
    std::string problem;
    EXPECT_FALSE(loop.transport->load_certificates(&problem));
    EXPECT_NE(problem.find("/nowhere/ca.pem"), std::string::npos) << problem;
    Seen& seen = loop.fetch("https://localhost:1");
    EXPECT_EQ(seen.kind(), Kind::tls_failed);
    EXPECT_NE(seen.end.detail.find("/nowhere/ca.pem"), std::string::npos) << seen.end.detail;
}

TEST_F(TransportTls, AHandshakeThatBreaksOffIsAFailedConnection) {
    Server server([](Connection& peer, int) { peer.read_some(1000); });
    std::string url = server.url();
    url.replace(0, 4, "https");
    Loop loop;
    Seen& seen = loop.fetch(url);
    EXPECT_EQ(seen.kind(), Kind::connect_failed) << seen.end.detail;
    EXPECT_FALSE(seen.end.request_sent);
}

TEST_F(TransportTls, AHandshakeThatIsNotTlsIsRefused) {
    Server server([](Connection& peer, int) {
        peer.send("HTTP/1.1 400 Bad Request\r\n\r\n");
        peer.wait_for_close();
    });
    std::string url = server.url();
    url.replace(0, 4, "https");
    Loop loop;
    Seen& seen = loop.fetch(url);
    EXPECT_EQ(seen.kind(), Kind::tls_failed) << seen.end.detail;
}

// Chooses HTTP/2 where it is offered.
int choose_http2(SSL*, const unsigned char** chosen, unsigned char* size,
                 const unsigned char* offered, unsigned offered_size, void*) {
    static constexpr unsigned char kWanted[] = "\x02h2\x08http/1.1";
    unsigned char* found = nullptr;
    if (SSL_select_next_proto(&found, size, kWanted, sizeof kWanted - 1, offered, offered_size) !=
        OPENSSL_NPN_NEGOTIATED) {
        return SSL_TLSEXT_ERR_NOACK;
    }
    *chosen = found;
    return SSL_TLSEXT_ERR_OK;
}

TEST_F(TransportTls, GivesHttp2UpWhenItFails) {
    SSL_CTX_set_alpn_select_cb(certificates_->for_localhost(), &choose_http2, nullptr);
    Server server(
        [](Connection& peer, int number) {
            if (number > 0) return answer_all(peer, number);
            // An empty SETTINGS frame, and once the request is there, RST_STREAM for stream 1.
            peer.send(std::string_view("\0\0\0\x04\0\0\0\0\0", 9));
            peer.read_head();  // the client's preface ends like a head
            peer.send(std::string_view("\0\0\x04\x03\0\0\0\0\x01\0\0\0\x02", 13));
            peer.wait_for_close();
        },
        certificates_->for_localhost());
    TransportSettings settings = trusting(certificates_->ca_file());
    settings.http_version = HttpVersion::http2;
    Loop loop(settings);
    Seen& first = loop.fetch(server.url());
    EXPECT_EQ(first.kind(), Kind::broken) << first.end.detail;
    EXPECT_TRUE(first.end.request_sent);
    Seen& second = loop.fetch(server.url());
    EXPECT_EQ(second.kind(), Kind::complete) << second.end.detail;
    SSL_CTX_set_alpn_select_cb(certificates_->for_localhost(), nullptr, nullptr);
}

TEST_F(TransportTls, NothingIsSentTwice) {
    std::atomic<int> requests{0};
    Server server(
        [&](Connection& peer, int) {
            if (!peer.read_request().empty()) ++requests;
            peer.send(ok_response("{}"));
            if (!peer.read_request().empty()) ++requests;
        },
        certificates_->for_localhost());
    Loop loop(trusting(certificates_->ca_file()));
    EXPECT_EQ(loop.fetch(server.url()).kind(), Kind::complete);
    Seen& seen = loop.fetch(server.url());
    EXPECT_EQ(seen.kind(), Kind::broken) << seen.end.detail;
    EXPECT_TRUE(seen.end.request_sent);
    EXPECT_EQ(requests.load(), 2);
}

TEST_F(TransportTls, TakesANewConnectionWhenTheIdleOneWasClosed) {
    Gate closed;
    Server server(
        [&](Connection& peer, int number) {
            peer.read_request();
            peer.send(ok_response("{}"));
            if (number > 0) return peer.wait_for_close();
            peer.end();
            closed.open();
        },
        certificates_->for_localhost());
    Loop loop(trusting(certificates_->ca_file()));
    EXPECT_EQ(loop.fetch(server.url()).kind(), Kind::complete);
    ASSERT_TRUE(closed.wait());
    Seen& second = loop.fetch(server.url());
    EXPECT_EQ(second.kind(), Kind::complete) << second.end.detail;
    EXPECT_EQ(server.connections(), 2);
}

TEST_F(TransportTls, GoesThroughTheProxyWithoutShowingItTheKey) {
    Server server(answer_all, certificates_->for_localhost());
    std::string seen_by_proxy;
    Gate tunnelled;
    Server proxy([&](Connection& peer, int) {
        seen_by_proxy = peer.read_head();
        peer.send("HTTP/1.1 200 Connection established\r\nvia: proxy\r\n\r\n");
        tunnelled.open();
        peer.splice_to(server.port());
    });
    TransportSettings settings = trusting(certificates_->ca_file());
    settings.proxy = proxy.url();
    Loop loop(settings);
    Seen& seen = loop.fetch(server.url());
    EXPECT_EQ(seen.kind(), Kind::complete) << seen.end.detail;
    EXPECT_EQ(seen.header("via"), "");
    ASSERT_TRUE(tunnelled.wait());
    EXPECT_EQ(seen_by_proxy.rfind("CONNECT localhost:" + std::to_string(server.port()), 0), 0U);
    EXPECT_EQ(seen_by_proxy.find("x-api-key"), std::string::npos);
}

TEST_F(TransportTls, AProxyThatRefusesIsAFailedConnection) {
    Server proxy([&](Connection& peer, int) {
        peer.read_head();
        peer.send("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n");
    });
    TransportSettings settings = trusting(certificates_->ca_file());
    settings.proxy = proxy.url();
    Loop loop(settings);
    Seen& seen = loop.fetch("https://localhost:1");
    EXPECT_EQ(seen.kind(), Kind::connect_failed) << seen.end.detail;
    EXPECT_FALSE(seen.end.request_sent);
}

}  // namespace
}  // namespace weir::testing
