#include "transport/curl_runtime.h"

#include <curl/curl.h>
#include <fmt/format.h>
#include <openssl/crypto.h>

#include <mutex>
#include <string_view>

namespace weir {

namespace {

constexpr unsigned kOldestCurl = 0x075400;      // 7.84.0
constexpr unsigned kSoundHttp2Curl = 0x080400;  // 8.4.0

const curl_version_info_data& runtime() { return *curl_version_info(CURLVERSION_NOW); }

bool has_feature(int bit) { return (runtime().features & bit) != 0; }

std::string why_unfit() {
    const curl_version_info_data& info = runtime();
    if (info.version_num < kOldestCurl) {
        return fmt::format("libcurl {} is too old: 7.84 or newer is needed", info.version);
    }
    if (!has_feature(CURL_VERSION_THREADSAFE)) {
        return fmt::format("libcurl {} was built without thread-safe initialisation", info.version);
    }
    if (!has_feature(CURL_VERSION_ASYNCHDNS)) {
        return fmt::format("libcurl {} was built with a resolver that blocks", info.version);
    }
    if (!has_feature(CURL_VERSION_SSL)) {
        return fmt::format("libcurl {} was built without TLS", info.version);
    }
    if (const CURLcode code = curl_global_init(CURL_GLOBAL_DEFAULT); code != CURLE_OK) {
        return fmt::format("libcurl did not start: {}", curl_easy_strerror(code));
    }
    return {};
}

}  // namespace

bool transport_global_init(std::string* problem) {
    static std::once_flag once;
    // Decided once; a process that must give up says the same thing each time.
    static const std::string* verdict = nullptr;
    std::call_once(once, [] { verdict = new std::string(why_unfit()); });
    if (verdict->empty()) return true;
    *problem = *verdict;
    return false;
}

std::string transport_version() {
    const curl_version_info_data& info = runtime();
    return fmt::format("libcurl/{} {}", info.version,
                       info.ssl_version != nullptr ? info.ssl_version : "no TLS");
}

bool curl_has_http2() { return has_feature(CURL_VERSION_HTTP2); }

bool curl_http2_is_sound() { return curl_has_http2() && runtime().version_num >= kSoundHttp2Curl; }

bool curl_shares_our_openssl() {
#ifdef OPENSSL_VERSION_STRING
    const char* theirs = runtime().ssl_version;
    return theirs != nullptr &&
           std::string_view(theirs) ==
               fmt::format("OpenSSL/{}", OpenSSL_version(OPENSSL_VERSION_STRING));
#else
    return false;
#endif
}

}  // namespace weir
