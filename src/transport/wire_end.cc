#include <new>
#include <string_view>

#include "transport/transfer.h"

namespace weir {

namespace {

// Whether the handshake was refused, and did not just break off. OpenSSL has no explanation for a
// connection that ends in the middle; libcurl's words are all there is to tell it by, and a wrong
// guess costs a retry.
bool is_refused_handshake(std::string_view words) {
    return words.find("SSL_connect:") == std::string_view::npos &&
           words.find("unexpected eof") == std::string_view::npos;
}

WireEnd::Kind kind_before_request(CURLcode code, std::string_view words) {
    switch (code) {
        case CURLE_OUT_OF_MEMORY:
            return WireEnd::Kind::no_memory;
        case CURLE_OPERATION_TIMEDOUT:
            return WireEnd::Kind::connect_timeout;
        case CURLE_SSL_CONNECT_ERROR:
            return is_refused_handshake(words) ? WireEnd::Kind::tls_failed
                                               : WireEnd::Kind::connect_failed;
        case CURLE_PEER_FAILED_VERIFICATION:
        case CURLE_SSL_CACERT_BADFILE:
        case CURLE_SSL_CERTPROBLEM:
        case CURLE_SSL_CIPHER:
        case CURLE_SSL_CLIENTCERT:
        case CURLE_SSL_ENGINE_INITFAILED:
        case CURLE_SSL_INVALIDCERTSTATUS:
        case CURLE_SSL_ISSUER_ERROR:
        case CURLE_SSL_PINNEDPUBKEYNOTMATCH:
            return WireEnd::Kind::tls_failed;
        default:
            return WireEnd::Kind::connect_failed;
    }
}

}  // namespace

// Without memory for words it is still an end.
WireEnd Transfer::end(WireEnd::Kind kind, std::string_view words) const noexcept {
    WireEnd end{kind, request_sent(), {}};
    try {
        end.detail = words;
    } catch (const std::bad_alloc&) {
    }
    return end;
}

WireEnd Transfer::judge(CURLcode code) const {
    if (code == CURLE_OK && head_ == Head::done) return {WireEnd::Kind::complete, true, {}};
    switch (refusal_) {
        case Refusal::none:
            break;
        case Refusal::too_large:
            return end(WireEnd::Kind::too_large, "the response is larger than allowed");
        case Refusal::unwanted:
            return end(WireEnd::Kind::aborted, "the response was no longer wanted");
        case Refusal::malformed:
            return end(WireEnd::Kind::broken, "the response has no status line");
        case Refusal::resend:
            return end(WireEnd::Kind::broken, "the connection ended before a response came");
        case Refusal::failure:
            return end(WireEnd::Kind::broken, "the response could not be read");
    }
    const std::string_view words =
        error_text_[0] != '\0' ? error_text_.data() : curl_easy_strerror(code);
    WireEnd::Kind kind = WireEnd::Kind::broken;
    if (!request_begun_) {
        kind = kind_before_request(code, words);
    } else if (code == CURLE_OPERATION_TIMEDOUT) {
        kind = WireEnd::Kind::total_timeout;
    }
    return end(kind, words);
}

}  // namespace weir
