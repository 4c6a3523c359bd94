#include "provider/count_body.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "provider/json_skipper.h"

namespace weir {
namespace {

// What says something about the input. The rest (max_tokens, stream, temperature, ...) is refused.
constexpr std::array<std::string_view, 11> kMembers = {
    "model",         "messages",          "system",
    "tools",         "tool_choice",       "thinking",
    "cache_control", "mcp_servers",       "output_config",
    "output_format", "context_management"};

}  // namespace

void CountBody::set(std::string_view body, std::size_t offset, std::size_t length,
                    std::string_view model) {
    pieces_.clear();
    size_ = 0;
    next_ = offset_ = 0;
    add("{");
    bool first = true;
    each_member(body, [&](std::string_view name, std::size_t begin, std::size_t, std::size_t end) {
        if (std::find(kMembers.begin(), kMembers.end(), name) == kMembers.end()) return;
        if (!first) add(",");
        first = false;
        const std::string_view member = body.substr(begin, end - begin);
        if (!model.empty() && offset > begin && offset < end) {
            add(member.substr(0, offset - begin));
            add(model);
            add(member.substr(offset - begin + length));
        } else {
            add(member);
        }
    });
    add("}");
}

void CountBody::add(std::string_view piece) {
    pieces_.push_back(piece);
    size_ += piece.size();
}

std::size_t CountBody::read(char* out, std::size_t capacity) {
    std::size_t written = 0;
    while (written < capacity && next_ < pieces_.size()) {
        const std::string_view left = pieces_[next_].substr(offset_);
        const std::size_t size = std::min(left.size(), capacity - written);
        std::memcpy(out + written, left.data(), size);
        written += size;
        offset_ += size;
        if (offset_ < pieces_[next_].size()) break;
        ++next_;
        offset_ = 0;
    }
    return written;
}

}  // namespace weir
