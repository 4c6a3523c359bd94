#pragma once

#include <array>
#include <cstddef>
#include <string_view>

namespace weir {

// A header's name in lower case, as long as it is not longer than any that is looked at; else
// empty.
class HeaderName {
public:
    explicit HeaderName(std::string_view name)
        : size_(name.size() <= letters_.size() ? name.size() : 0) {
        for (std::size_t i = 0, size = size_; i < size; ++i) {
            const char c = name[i];
            letters_[i] = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
        }
    }
    std::string_view lower() const { return {letters_.data(), size_}; }

private:
    std::array<char, 64> letters_;  // as many as size_ says
    std::size_t size_;
};

}  // namespace weir
