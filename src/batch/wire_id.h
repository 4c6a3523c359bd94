#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "batch/batch_types.h"

namespace weir {

// The custom_id that goes on the wire: the journal's mark, the submission and the position in it,
// as "mark-submission-position". It is how a batch is recognised as ours, because the provider
// keeps nothing else of the caller's with a batch, and how a result finds its entry.
struct WireId {
    SubmissionId submission = 0;
    std::uint32_t position = 0;
};

inline constexpr std::size_t kMaxMark = 24;
inline constexpr std::size_t kMaxWireId = 64;  // the provider's limit

// 1 to kMaxMark letters and digits.
bool valid_mark(std::string_view mark);

void append_wire_id(std::string_view mark, const WireId& id, std::string* out);
std::size_t wire_id_length(std::string_view mark, const WireId& id);

// False for an id that is not of this mark's.
bool parse_wire_id(std::string_view text, std::string_view mark, WireId* out);

}  // namespace weir
