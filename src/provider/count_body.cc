#include "provider/count_body.h"

#include <algorithm>
#include <array>
#include <cstring>

namespace weir {
namespace {

// What says something about the input. The rest (max_tokens, stream, temperature, ...) is refused.
constexpr std::array<std::string_view, 11> kMembers = {
    "model",         "messages",          "system",
    "tools",         "tool_choice",       "thinking",
    "cache_control", "mcp_servers",       "output_config",
    "output_format", "context_management"};

bool is_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

// Walks over JSON that is known to be valid.
class Walker {
public:
    explicit Walker(std::string_view text) : text_(text) {}

    std::size_t at() const { return at_; }
    bool done() const { return at_ >= text_.size(); }
    char here() const { return done() ? '\0' : text_[at_]; }
    void step() { ++at_; }
    void skip_space() {
        while (!done() && is_space(text_[at_])) ++at_;
    }
    void skip_string() {
        for (++at_; !done() && text_[at_] != '"'; ++at_) {
            if (text_[at_] == '\\') ++at_;
        }
        ++at_;
    }
    void skip_value() {
        std::size_t depth = 0;
        do {
            const char c = here();
            if (c == '"') {
                skip_string();
                if (depth == 0) return;
                continue;
            }
            if (depth == 0 && (c == ',' || c == '}')) return;
            if (c == '{' || c == '[') ++depth;
            if (c == '}' || c == ']') --depth;
            step();
            // A number, or one of the words, goes on until what follows it.
            if (depth == 0 && (c == '}' || c == ']')) return;
        } while (!done() && (depth > 0 || (here() != ',' && here() != '}')));
    }

private:
    std::string_view text_;
    std::size_t at_ = 0;
};

}  // namespace

void CountBody::set(std::string_view body, std::size_t offset, std::size_t length,
                    std::string_view model) {
    pieces_.clear();
    size_ = 0;
    next_ = offset_ = 0;
    add("{");
    Walker walker(body);
    walker.skip_space();
    walker.step();
    bool first = true;
    for (walker.skip_space(); walker.here() == '"'; walker.skip_space()) {
        const std::size_t begin = walker.at();
        walker.skip_string();
        const std::string_view name = body.substr(begin + 1, walker.at() - begin - 2);
        walker.skip_space();
        walker.step();  // the colon
        walker.skip_space();
        walker.skip_value();
        if (std::find(kMembers.begin(), kMembers.end(), name) != kMembers.end()) {
            if (!first) add(",");
            first = false;
            const std::string_view member = body.substr(begin, walker.at() - begin);
            if (!model.empty() && offset > begin && offset < walker.at()) {
                add(member.substr(0, offset - begin));
                add(model);
                add(member.substr(offset - begin + length));
            } else {
                add(member);
            }
        }
        walker.skip_space();
        if (walker.here() == ',') walker.step();
    }
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
