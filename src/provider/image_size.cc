#include "provider/image_size.h"

#include <algorithm>
#include <cmath>
#include <string>

namespace weir {
namespace {

constexpr std::size_t kMostBase64 = std::size_t{64} << 10;
constexpr double kLongestSide = 1568;
constexpr double kMostPixels = 1'150'000;
constexpr double kPixelsAToken = 750;

int value_of(char c) {
    if (c >= 'A' && c <= 'Z') return c - 'A';
    if (c >= 'a' && c <= 'z') return c - 'a' + 26;
    if (c >= '0' && c <= '9') return c - '0' + 52;
    if (c == '+') return 62;
    return c == '/' ? 63 : -1;
}

// As far as it is base64.
std::string decoded(std::string_view base64) {
    std::string bytes;
    std::uint32_t bits = 0;
    int count = 0;
    for (const char c : base64.substr(0, kMostBase64)) {
        const int value = value_of(c);
        if (value < 0) break;
        bits = bits << 6 | static_cast<std::uint32_t>(value);
        if (++count % 4 != 0) continue;
        for (const int shift : {16, 8, 0}) bytes.push_back(static_cast<char>(bits >> shift & 0xFF));
        bits = 0;
    }
    return bytes;
}

// Unsigned numbers in a text; 0 beyond its end.
class Bytes {
public:
    explicit Bytes(std::string_view text) : text_(text) {}
    std::uint32_t at(std::size_t i) const {
        return i < text_.size() ? static_cast<unsigned char>(text_[i]) : 0;
    }
    std::uint32_t big16(std::size_t i) const { return at(i) << 8 | at(i + 1); }
    std::uint32_t big32(std::size_t i) const { return big16(i) << 16 | big16(i + 2); }
    std::uint32_t little16(std::size_t i) const { return at(i + 1) << 8 | at(i); }
    std::uint32_t little24(std::size_t i) const { return at(i + 2) << 16 | little16(i); }

private:
    std::string_view text_;
};

// The frame's header is one of several segments, each with its length.
ImageSize size_of_jpeg(std::string_view text) {
    const Bytes bytes(text);
    for (std::size_t at = 2; at + 9 < text.size();) {
        if (bytes.at(at) != 0xFF) return {};
        const std::uint32_t marker = bytes.at(at + 1);
        if (marker == 0xFF) {
            ++at;
            continue;
        }
        const bool is_frame =
            marker >= 0xC0 && marker <= 0xCF && marker != 0xC4 && marker != 0xC8 && marker != 0xCC;
        if (is_frame) return {bytes.big16(at + 7), bytes.big16(at + 5)};
        at += 2 + std::max<std::size_t>(bytes.big16(at + 2), 2);
    }
    return {};
}

ImageSize size_of_webp(std::string_view text) {
    const Bytes bytes(text);
    const std::string_view form = text.substr(12, 4);
    if (form == "VP8 ") return {bytes.little16(26) & 0x3FFF, bytes.little16(28) & 0x3FFF};
    if (form == "VP8X") return {bytes.little24(24) + 1, bytes.little24(27) + 1};
    if (form != "VP8L") return {};
    const std::uint32_t bits = bytes.little24(21) | bytes.at(24) << 24;
    return {(bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1};
}

ImageSize size_of(std::string_view text) {
    const Bytes bytes(text);
    if (text.starts_with("\x89PNG") && text.size() >= 24) return {bytes.big32(16), bytes.big32(20)};
    if (text.starts_with("\xFF\xD8")) return size_of_jpeg(text);
    if (text.starts_with("GIF8") && text.size() >= 10)
        return {bytes.little16(6), bytes.little16(8)};
    if (text.starts_with("RIFF") && text.size() >= 30) return size_of_webp(text);
    return {};
}

}  // namespace

std::optional<ImageSize> read_image_size(std::string_view base64) {
    const ImageSize size = size_of(decoded(base64));
    if (size.width == 0 || size.height == 0) return std::nullopt;
    return size;
}

std::uint32_t tokens_of_image(const ImageSize& size) {
    double width = size.width;
    double height = size.height;
    const double side = std::max(width, height);
    double scale = side > kLongestSide ? kLongestSide / side : 1;
    const double pixels = width * height * scale * scale;
    if (pixels > kMostPixels) scale *= std::sqrt(kMostPixels / pixels);
    width *= scale;
    height *= scale;
    return static_cast<std::uint32_t>(std::ceil(std::max(width * height / kPixelsAToken, 1.0)));
}

}  // namespace weir
