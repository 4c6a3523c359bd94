#include <arpa/inet.h>
#include <curl/curl.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <strings.h>

#include <memory>

#include "transport/settings.h"

namespace weir {

namespace {

struct UrlFree {
    void operator()(CURLU* url) const { curl_url_cleanup(url); }
};
using Url = std::unique_ptr<CURLU, UrlFree>;

bool good(CURLUcode code) {
    if (code == CURLUE_OUT_OF_MEMORY) throw std::bad_alloc();
    return code == CURLUE_OK;
}

// Parsed by libcurl, so that what is checked is what will be connected to. NULL if malformed.
Url parse(const std::string& text, unsigned flags) {
    if (text.find('\0') != std::string::npos) return nullptr;
    Url url(curl_url());
    if (!url) throw std::bad_alloc();
    return good(curl_url_set(url.get(), CURLUPART_URL, text.c_str(), flags)) ? std::move(url)
                                                                             : nullptr;
}

bool has(const Url& url, CURLUPart part) {
    char* value = nullptr;
    if (!good(curl_url_get(url.get(), part, &value, 0))) return false;
    curl_free(value);
    return true;
}

std::string get(const Url& url, CURLUPart part) {
    char* value = nullptr;
    if (!good(curl_url_get(url.get(), part, &value, 0))) return {};
    const std::unique_ptr<char, void (*)(void*)> owned(value, &curl_free);
    return owned.get();
}

// The names and addresses of this machine that cannot lead anywhere else.
bool is_loopback(const std::string& host) {
    if (strcasecmp(host.c_str(), "localhost") == 0) return true;
    in_addr v4{};
    if (inet_pton(AF_INET, host.c_str(), &v4) == 1) return ntohl(v4.s_addr) >> 24 == 127;
    if (host.size() < 2 || host.front() != '[' || host.back() != ']') return false;
    in6_addr v6{};
    if (inet_pton(AF_INET6, host.substr(1, host.size() - 2).c_str(), &v6) != 1) return false;
    return IN6_IS_ADDR_LOOPBACK(&v6);
}

bool is_named(const std::string& host, const std::vector<std::string>& names) {
    for (const std::string& name : names) {
        if (strcasecmp(host.c_str(), name.c_str()) == 0) return true;
    }
    return false;
}

}  // namespace

bool is_https(std::string_view url) {
    constexpr std::string_view kScheme = "https:";
    return url.size() >= kScheme.size() &&
           strncasecmp(url.data(), kScheme.data(), kScheme.size()) == 0;
}

bool check_base_url(const std::string& url, const TransportSettings& settings,
                    std::string* problem) {
    // libcurl takes any number of slashes before the host; a slip should not move the host.
    const std::size_t slashes = url.find("://");
    const bool has_authority =
        slashes != std::string::npos && !url.substr(slashes + 3).starts_with('/');
    const Url parsed = has_authority ? parse(url, 0) : nullptr;
    if (!parsed) {
        *problem = "is not a URL; it should read like https://api.example.com";
        return false;
    }
    if (has(parsed, CURLUPART_USER) || has(parsed, CURLUPART_PASSWORD) ||
        has(parsed, CURLUPART_OPTIONS)) {
        *problem = "must not hold a user or a password";
        return false;
    }
    if (url.find('?') != std::string::npos || url.find('#') != std::string::npos) {
        *problem = "must not have a query or a fragment";
        return false;
    }
    const std::string scheme = get(parsed, CURLUPART_SCHEME);
    const std::string host = get(parsed, CURLUPART_HOST);
    if (host.empty()) {
        *problem = "has no host";
        return false;
    }
    if (scheme == "https") return true;
    if (scheme != "http") {
        *problem = fmt::format("has the scheme {}; it must be https", scheme);
        return false;
    }
    if (is_loopback(host) || is_named(host, settings.plain_http_hosts)) return true;
    *problem = fmt::format(
        "would send the key to {} unencrypted; use https, or allow plain http to that host", host);
    return false;
}

bool check_proxy(const std::string& proxy, std::string* problem) {
    if (proxy.empty()) return true;
    const Url parsed = parse(proxy, CURLU_NON_SUPPORT_SCHEME | CURLU_GUESS_SCHEME);
    const std::string scheme = parsed ? get(parsed, CURLUPART_SCHEME) : "";
    for (const char* known : {"http", "https", "socks4", "socks4a", "socks5", "socks5h"}) {
        if (scheme == known) return true;
    }
    *problem = "is not a proxy; it should read like http://proxy.example.com:3128";
    return false;
}

}  // namespace weir
