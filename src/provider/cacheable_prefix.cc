#include "provider/cacheable_prefix.h"

#include <string.h>

#include <algorithm>
#include <cstddef>

#include "provider/json_skipper.h"

namespace weir {
namespace {

constexpr std::string_view kMarker = "cache_control";

bool has_marker(std::string_view text) {
    return !text.empty() &&
           ::memmem(text.data(), text.size(), kMarker.data(), kMarker.size()) != nullptr;
}

// Over the strings of what it is given, as they are written: neither white space counts nor where
// the markers are, which move on from one turn of a conversation to the next.
class PrefixHash {
public:
    void add(std::string_view json) {
        JsonSkipper skipper(json);
        while (!skipper.done()) {
            if (skipper.here() != '"') {
                skipper.step();
                continue;
            }
            const std::size_t begin = skipper.at();
            skipper.skip_string();
            const std::string_view text = json.substr(begin + 1, skipper.at() - begin - 2);
            skipper.skip_space();
            if (text == kMarker && skipper.here() == ':') {
                skipper.step();
                skipper.skip_space();
                skipper.skip_value();
                at_marker_ = hash_;
            } else {
                mix(text);
            }
        }
    }
    std::uint64_t all() const { return hash_; }
    std::uint64_t at_last_marker() const { return at_marker_; }  // 0: there was none

private:
    void mix(std::string_view text) {
        mix(text.size());
        while (!text.empty()) {
            std::uint64_t word = 0;
            const std::size_t size = std::min(text.size(), sizeof word);
            ::memcpy(&word, text.data(), size);
            mix(word);
            text.remove_prefix(size);
        }
    }
    void mix(std::uint64_t word) {
        hash_ = (hash_ ^ word) * 0x9E3779B97F4A7C15u;
        hash_ ^= hash_ >> 29;
    }

    std::uint64_t hash_ = 0x243F6A8885A308D3u;
    std::uint64_t at_marker_ = 0;
};

std::string_view first_element(std::string_view array) {
    JsonSkipper skipper(array);
    skipper.step();
    skipper.skip_space();
    const std::size_t begin = skipper.at();
    skipper.skip_value();
    return array.substr(begin, skipper.at() - begin);
}

}  // namespace

std::uint32_t cacheable_prefix(std::string_view body) {
    if (!has_marker(body)) return 0;
    std::string_view tools, system, messages;
    bool whole = false;
    each_member(body, [&](std::string_view name, std::size_t, std::size_t value, std::size_t end) {
        const std::string_view text = body.substr(value, end - value);
        if (name == "tools") tools = text;
        if (name == "system") system = text;
        if (name == "messages") messages = text;
        whole |= name == kMarker;
    });
    PrefixHash hash;
    hash.add(tools);
    hash.add(system);
    std::uint64_t found = hash.at_last_marker();
    if (whole || has_marker(messages)) {
        hash.add(first_element(messages));
        found = hash.all();
    }
    if (found == 0) return 0;
    return std::max(1u, static_cast<std::uint32_t>(found ^ found >> 32));
}

}  // namespace weir
