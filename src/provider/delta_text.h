#pragma once

#include <string_view>

#include "provider/text_count.h"

namespace weir {

// Counts the output that a content_block_delta event shows: its text, thinking or partial_json. The
// event is not parsed, only searched: the figure is for an estimate.
void count_delta_text(std::string_view data, TextCounts* counts);

}  // namespace weir
