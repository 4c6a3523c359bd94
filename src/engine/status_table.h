#pragma once

#include <cstdint>
#include <span>

namespace weir {

// Where an error arose, as weir_error_source names it.
enum class ErrorSource : std::uint8_t { config, local, transport, provider };

const char* error_source_name(ErrorSource source);

// One WEIR_ERR_ code.
struct StatusRow {
    std::int32_t code;
    const char* name;     // stable, for programs
    const char* text;     // one line, for people
    std::uint32_t flags;  // WEIR_ERROR_ flags that always hold
    ErrorSource source;   // the usual one
};

// Every code but WEIR_OK, in the order of the header.
std::span<const StatusRow> status_table();

// NULL for a code that is not in the table.
const StatusRow* find_status(std::int32_t code);

}  // namespace weir
