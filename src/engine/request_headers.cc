#include "engine/request_headers.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "engine/failure.h"
#include "weir/weir.h"

namespace weir {
namespace {

constexpr std::size_t kMaxHeaderName = 128;
constexpr std::size_t kMaxHeaderValue = 8192;
constexpr std::string_view kBetaHeader = "anthropic-beta";

// Those that say who pays, where the message goes, and how long it is.
constexpr std::array<std::string_view, 24> kOwnedHeaders = {"accept-encoding",
                                                            "anthropic-version",
                                                            "authorization",
                                                            "connection",
                                                            "content-encoding",
                                                            "content-length",
                                                            "content-type",
                                                            "cookie",
                                                            "expect",
                                                            "forwarded",
                                                            "host",
                                                            "http2-settings",
                                                            "keep-alive",
                                                            "proxy-authorization",
                                                            "proxy-connection",
                                                            "range",
                                                            "te",
                                                            "trailer",
                                                            "transfer-encoding",
                                                            "upgrade",
                                                            "user-agent",
                                                            "via",
                                                            "x-api-key",
                                                            "x-forwarded-for"};

[[noreturn]] void refuse(std::string message) {
    throw Failure(WEIR_ERR_INVALID_VALUE, ErrorSource::local, std::move(message));
}

// RFC 9110's token, in lower case.
bool is_header_name(std::string_view name) {
    if (name.empty() || name.size() > kMaxHeaderName) return false;
    return std::all_of(name.begin(), name.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
               std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
    });
}

bool is_header_value(std::string_view value) {
    if (value.empty() || value.size() > kMaxHeaderValue || value.front() == ' ' ||
        value.back() == ' ')
        return false;
    return std::all_of(value.begin(), value.end(), [](char c) { return c >= 0x20 && c <= 0x7E; });
}

std::string lower_case(std::string_view text) {
    std::string lower(text);
    for (char& c : lower) {
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    }
    return lower;
}

std::string_view name_of(std::string_view line) { return line.substr(0, line.find(':')); }

// The line of that name, or the end.
auto find_line(std::vector<std::string>& lines, std::string_view name) {
    return std::find_if(lines.begin(), lines.end(),
                        [name](const std::string& line) { return name_of(line) == name; });
}

}  // namespace

std::string checked_header_name(std::string_view prefix, std::string_view name) {
    std::string lower = lower_case(name.substr(0, kMaxHeaderName + 1));
    if (!is_header_name(lower)) {
        refuse(fmt::format("{}: what follows is not a header's name", prefix));
    }
    if (std::find(kOwnedHeaders.begin(), kOwnedHeaders.end(), lower) != kOwnedHeaders.end()) {
        refuse(fmt::format("{}{}: this header is set by weir alone", prefix, lower));
    }
    return lower;
}

void check_header_value(std::string_view prefix, std::string_view name, std::string_view value) {
    if (is_header_value(value)) return;
    refuse(fmt::format("{}{}: the value is not printable ASCII of 1 to {} bytes", prefix, name,
                       kMaxHeaderValue));
}

void add_betas(std::string_view names, std::string* header_value) {
    while (!names.empty()) {
        const std::size_t comma = std::min(names.find(','), names.size());
        std::string_view name = names.substr(0, comma);
        names.remove_prefix(std::min(comma + 1, names.size()));
        while (name.starts_with(' ')) name.remove_prefix(1);
        while (name.ends_with(' ')) name.remove_suffix(1);
        if (name.empty() ||
            ("," + *header_value + ",").find(fmt::format(",{},", name)) != std::string::npos) {
            continue;
        }
        if (!header_value->empty()) header_value->push_back(',');
        header_value->append(name);
    }
}

std::vector<std::string> merged_headers(const std::vector<std::string>& base,
                                        const std::vector<std::string>& more) {
    std::vector<std::string> merged = base;
    for (const std::string& line : more) {
        const std::string_view name = name_of(line);
        const auto found = find_line(merged, name);
        if (found == merged.end()) {
            merged.push_back(line);
        } else if (name == kBetaHeader) {
            constexpr std::size_t kValueAt = kBetaHeader.size() + 2;
            std::string betas = found->substr(kValueAt);
            add_betas(std::string_view(line).substr(kValueAt), &betas);
            *found = fmt::format("{}: {}", kBetaHeader, betas);
        } else {
            *found = line;
        }
    }
    return merged;
}

}  // namespace weir
