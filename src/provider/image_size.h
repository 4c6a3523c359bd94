#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace weir {

struct ImageSize {
    std::uint32_t width = 0;  // pixels
    std::uint32_t height = 0;
};

// The size that the head of a PNG, JPEG, GIF or WebP says, which is given as base64. No more than
// its first 64 kB are read.
std::optional<ImageSize> read_image_size(std::string_view base64);

// Tokens of an image, by the provider's rule: width times height by 750, after it was scaled down
// to fit into 1,568 pixels each way and some 1.15 million in all.
std::uint32_t tokens_of_image(const ImageSize& size);

}  // namespace weir
