#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace weir {

// A text from outside, made fit for errors and logs: valid UTF-8 (what is not becomes U+FFFD), no
// control characters (they become spaces), nothing that looks like an API key (it becomes
// "sk-***"), and at most `max_bytes` long, cut between characters and marked with "...".
std::string clean_text(std::string_view text, std::size_t max_bytes);

}  // namespace weir
