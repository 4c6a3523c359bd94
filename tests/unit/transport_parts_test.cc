#include <gtest/gtest.h>

#include <map>

#include "transport/curl_runtime.h"
#include "transport/deadline_heap.h"
#include "transport/header_line.h"
#include "transport/settings.h"

namespace weir {
namespace {

bool accepted(const std::string& url, const TransportSettings& settings = {}) {
    std::string problem;
    const bool good = check_base_url(url, settings, &problem);
    EXPECT_EQ(good, problem.empty()) << url << ": " << problem;
    EXPECT_EQ(problem.find("hunter2"), std::string::npos) << problem;
    return good;
}

TEST(TransportSettings, HttpsIsGood) {
    EXPECT_TRUE(accepted("https://api.example.com"));
    EXPECT_TRUE(accepted("https://api.example.com/"));
    EXPECT_TRUE(accepted("https://api.example.com:8443/anthropic"));
    EXPECT_TRUE(accepted("HTTPS://[2001:db8::1]"));
}

TEST(TransportSettings, OnlyASchemeAHostAPortAndAPath) {
    EXPECT_FALSE(accepted(""));
    EXPECT_FALSE(accepted("api.example.com"));
    EXPECT_FALSE(accepted("https://"));
    EXPECT_FALSE(accepted("https:///v1"));
    EXPECT_FALSE(accepted("https://user@api.example.com"));
    EXPECT_FALSE(accepted("https://user:hunter2@api.example.com"));
    EXPECT_FALSE(accepted("https://api.example.com?key=hunter2"));
    EXPECT_FALSE(accepted("https://api.example.com/?"));
    EXPECT_FALSE(accepted("https://api.example.com/#hunter2"));
    EXPECT_FALSE(accepted("https://api.example.com:99999"));
    EXPECT_FALSE(accepted("https://api.exa mple.com"));
    EXPECT_FALSE(accepted("https://api.example.com\r\nhost: x"));
    EXPECT_FALSE(accepted(std::string("https://api.example.com\0.evil.example", 37)));
    EXPECT_FALSE(accepted("ftp://api.example.com"));
    EXPECT_FALSE(accepted("file:///etc/passwd"));
}

TEST(TransportSettings, PlainHttpStaysOnThisMachine) {
    for (const char* url : {"http://localhost:8080", "http://LOCALHOST", "http://127.0.0.1:1",
                            "http://127.8.9.10", "http://[::1]:8080"}) {
        EXPECT_TRUE(accepted(url)) << url;
    }
    for (const char* url : {"http://api.example.com", "http://128.0.0.1",
                            "http://localhost.example.com", "http://127.0.0.1.example.com",
                            "http://[::2]", "http://127.0.0.1@example.com", "http://0.0.0.0"}) {
        EXPECT_FALSE(accepted(url)) << url;
    }
    TransportSettings settings;
    settings.plain_http_hosts = {"gateway.internal"};
    EXPECT_TRUE(accepted("http://gateway.internal:8080", settings));
    EXPECT_TRUE(accepted("http://Gateway.Internal", settings));
    EXPECT_FALSE(accepted("http://gateway.internal.example.com", settings));
    EXPECT_FALSE(accepted("http://other.internal", settings));
}

TEST(TransportSettings, Proxies) {
    std::string problem;
    EXPECT_TRUE(check_proxy("", &problem));
    EXPECT_TRUE(check_proxy("http://proxy.example.com:3128", &problem));
    EXPECT_TRUE(check_proxy("socks5h://127.0.0.1:1080", &problem));
    EXPECT_TRUE(check_proxy("http://user:hunter2@proxy.example.com", &problem));
    EXPECT_EQ(problem, "");
    EXPECT_FALSE(check_proxy("gopher://proxy.example.com", &problem));
    EXPECT_FALSE(check_proxy("http://user:hunter2@pro xy", &problem));
    EXPECT_EQ(problem.find("hunter2"), std::string::npos);
}

TEST(TransportRuntime, IsFitAndSaysWhatItIs) {
    std::string problem;
    EXPECT_TRUE(transport_global_init(&problem)) << problem;
    EXPECT_TRUE(transport_global_init(&problem)) << problem;
    EXPECT_EQ(transport_version().rfind("libcurl/", 0), 0U) << transport_version();
}

TEST(TransportHeaderLine, Status) {
    EXPECT_EQ(status_of_line("HTTP/1.1 200 OK"), 200);
    EXPECT_EQ(status_of_line("HTTP/1.1 529"), 529);
    EXPECT_EQ(status_of_line("HTTP/2 404 "), 404);
    for (const char* line : {"", "HTTP/1.1", "HTTP/1.1 ", "HTTP/1.1 20", "HTTP/1.1 2000", "x 200",
                             "HTTP/1.1 -20", "HTTP/1.1 2a0", "HTTP/1.1 099"}) {
        EXPECT_EQ(status_of_line(line), 0) << line;
    }
}

TEST(TransportHeaderLine, Fields) {
    std::string_view name;
    std::string_view value;
    EXPECT_TRUE(split_header_line("retry-after:  12\t", &name, &value));
    EXPECT_EQ(name, "retry-after");
    EXPECT_EQ(value, "12");
    EXPECT_TRUE(split_header_line("empty:", &name, &value));
    EXPECT_EQ(value, "");
    EXPECT_TRUE(split_header_line("a:b:c", &name, &value));
    EXPECT_EQ(value, "b:c");
    for (const char* line : {"", ":x", "no colon", " folded: yes", "\tfolded: yes"}) {
        EXPECT_FALSE(split_header_line(line, &name, &value)) << line;
    }
    EXPECT_EQ(without_line_end("a\r\n"), "a");
    EXPECT_EQ(without_line_end("\r\n"), "");
}

// Against a sorted map, over some thousand random steps.
TEST(TransportDeadlineHeap, AgreesWithASortedMap) {
    constexpr std::size_t kNodes = 50;
    std::vector<DeadlineNode> nodes(kNodes);
    std::map<const DeadlineNode*, TimeNs> inside;
    DeadlineHeap heap;
    std::uint32_t random = 12345;
    const auto next = [&random](std::uint32_t below) {
        random = random * 1664525 + 1013904223;
        return (random >> 8) % below;
    };
    for (int step = 0; step < 20'000; ++step) {
        DeadlineNode* node = &nodes[next(kNodes)];
        const TimeNs at = next(1000);
        if (inside.count(node) == 0) {
            heap.insert(node, at);
            inside[node] = at;
        } else if (next(2) == 0) {
            heap.move(node, at);
            inside[node] = at;
        } else {
            heap.remove(node);
            heap.remove(node);  // no harm
            inside.erase(node);
        }
        TimeNs first = kNever;
        for (const auto& [unused, time] : inside) first = std::min(first, time);
        ASSERT_EQ(heap.first_at(), first);
        ASSERT_EQ(heap.empty(), inside.empty());
        if (!inside.empty()) {
            ASSERT_EQ(inside[heap.first()], first);
        }
    }
}

}  // namespace
}  // namespace weir
