#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "weir/weir.h"

namespace weir {

// The engine keeps its events in the public form, and owns what they hold until they are taken.

static_assert(sizeof(void*) != 8 || sizeof(weir_event) == 64);

// An event whose data is a copy of `data`: a stream's or a log record. Throws std::bad_alloc.
weir_event make_data_event(std::uint32_t type, std::string_view data);

weir_event make_engine_event(std::uint32_t state) noexcept;

// Releases what the event holds, and clears it.
void release_event(weir_event* event) noexcept;

}  // namespace weir
