#pragma once

#include <array>
#include <cstddef>
#include <string_view>

namespace weir {

// A header's name in lower case, as long as it is not longer than any that is looked at; else
// empty.
class HeaderName {
public:
    explicit HeaderName(std::string_view name) {
        if (name.size() > letters_.size()) return;
        for (const char c : name) {
            letters_[size_++] = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
        }
    }
    std::string_view lower() const { return {letters_.data(), size_}; }

private:
    std::array<char, 64> letters_{};
    std::size_t size_ = 0;
};

}  // namespace weir
