#include "provider/text_count.h"

#include <cstring>

#include "provider/json_text.h"

namespace weir {
namespace {

// What a run of bytes holds, without regard to what escape sequences mean.
struct ByteCounts {
    std::uint64_t letters = 0;
    std::uint64_t high = 0;   // bytes of characters outside ASCII
    std::uint64_t leads = 0;  // the first bytes of such characters
    std::uint64_t backslashes = 0;
};

bool is_letter_or_space(std::uint8_t c) {
    return static_cast<std::uint8_t>((c | 0x20) - 'a') < 26 || c == ' ';
}

void count_bytes_one_by_one(std::string_view text, ByteCounts* counts) {
    for (const char c : text) {
        const auto byte = static_cast<std::uint8_t>(c);
        counts->letters += is_letter_or_space(byte);
        counts->high += byte >= 0x80;
        counts->leads += byte >= 0xC0;
        counts->backslashes += c == '\\';
    }
}

#if defined(__GNUC__)
// Sixteen bytes at once; the compiler turns these into the vector instructions of the target.
using Bytes = std::uint8_t __attribute__((vector_size(16)));

std::uint64_t sum(Bytes bytes) {
    std::uint64_t total = 0;
    for (int i = 0; i < 16; ++i) total += bytes[i];
    return total;
}

void count_bytes(std::string_view text, ByteCounts* counts) {
    constexpr std::size_t width = sizeof(Bytes);
    constexpr std::size_t most = 255;  // blocks before a lane of the sums would overflow
    std::size_t blocks = text.size() / width;
    const char* at = text.data();
    while (blocks > 0) {
        const std::size_t now = blocks < most ? blocks : most;
        Bytes letters{}, high{}, leads{}, backslashes{};
        for (std::size_t i = 0; i < now; ++i, at += width) {
            Bytes block;
            std::memcpy(&block, at, width);
            // A comparison gives 255 for true: taking it away adds one.
            letters -= static_cast<Bytes>(static_cast<Bytes>((block | 0x20) - 'a') < 26);
            letters -= static_cast<Bytes>(block == ' ');
            high -= static_cast<Bytes>(block >= 0x80);
            leads -= static_cast<Bytes>(block >= 0xC0);
            backslashes -= static_cast<Bytes>(block == '\\');
        }
        counts->letters += sum(letters);
        counts->high += sum(high);
        counts->leads += sum(leads);
        counts->backslashes += sum(backslashes);
        blocks -= now;
    }
    const auto left = text.size() % width;
    count_bytes_one_by_one(text.substr(text.size() - left), counts);
}
#else
void count_bytes(std::string_view text, ByteCounts* counts) {
    count_bytes_one_by_one(text, counts);
}
#endif

// Replaces what the bytes of the escape sequences were counted as by what they mean.
bool correct_for_escapes(std::string_view raw, TextCounts* counts) {
    std::size_t at = 0;
    while ((at = raw.find('\\', at)) != std::string_view::npos) {
        std::uint32_t character = 0;
        const std::size_t length = read_escape(raw.substr(at), &character);
        if (length == 0) return false;
        for (const char c : raw.substr(at, length)) {
            --(is_letter_or_space(static_cast<std::uint8_t>(c)) ? counts->letters
                                                                : counts->other_ascii);
        }
        if (character >= 0x80) {
            ++counts->wide_chars;
        } else {
            ++(is_letter_or_space(static_cast<std::uint8_t>(character)) ? counts->letters
                                                                        : counts->other_ascii);
        }
        at += length;
    }
    return true;
}

}  // namespace

bool count_text(std::string_view raw, TextCounts* counts) {
    ByteCounts bytes;
    count_bytes(raw, &bytes);
    TextCounts text;
    text.letters = bytes.letters;
    text.other_ascii = raw.size() - bytes.letters - bytes.high;
    text.wide_chars = bytes.leads;
    if (bytes.backslashes != 0 && !correct_for_escapes(raw, &text)) return false;
    counts->add(text);
    return true;
}

}  // namespace weir
