#include "provider/text_count.h"

#include <algorithm>
#include <array>
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

// Sixteen bytes at once; the compiler turns these into the vector instructions of the target.
using Bytes = std::uint8_t __attribute__((vector_size(16)));

std::uint64_t sum(Bytes bytes) {
    std::array<std::uint64_t, 2> halves;
    std::memcpy(halves.data(), &bytes, sizeof bytes);
    constexpr std::uint64_t every_other = 0x00FF00FF00FF00FF;
    std::uint64_t total = 0;
    for (const std::uint64_t half : halves) {
        const std::uint64_t pairs = (half & every_other) + (half >> 8 & every_other);
        total += pairs * 0x0001000100010001 >> 48;
    }
    return total;
}

// The sums of up to 255 blocks; a lane of them would overflow with more.
class BlockCounts {
public:
    static constexpr std::size_t kMostBlocks = 255;

    void add(Bytes block) {
        // A comparison gives 255 for true: taking it away adds one.
        letters_ -= static_cast<Bytes>(static_cast<Bytes>((block | 0x20) - 'a') < 26);
        letters_ -= static_cast<Bytes>(block == ' ');
        high_ -= static_cast<Bytes>(block >= 0x80);
        leads_ -= static_cast<Bytes>(block >= 0xC0);
        backslashes_ -= static_cast<Bytes>(block == '\\');
    }

    void add_to(ByteCounts* counts) const {
        counts->letters += sum(letters_);
        counts->high += sum(high_);
        counts->leads += sum(leads_);
        counts->backslashes += sum(backslashes_);
    }

private:
    Bytes letters_{};
    Bytes high_{};
    Bytes leads_{};
    Bytes backslashes_{};
};

void count_bytes(std::string_view text, ByteCounts* counts) {
    while (!text.empty()) {
        BlockCounts sums;
        for (std::size_t i = 0; i < BlockCounts::kMostBlocks && !text.empty(); ++i) {
            Bytes block{};  // zeros are none of what is counted
            const std::size_t size = std::min(text.size(), sizeof block);
            if (size == sizeof block) {
                std::memcpy(&block, text.data(), sizeof block);
            } else {
                std::memcpy(&block, text.data(), size);
            }
            sums.add(block);
            text.remove_prefix(size);
        }
        sums.add_to(counts);
    }
}

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
