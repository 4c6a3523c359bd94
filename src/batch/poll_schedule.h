#pragma once

#include <cstdint>

#include "base/time.h"
#include "batch/batch_types.h"

namespace weir {

// The pause before a batch of `requests`, `age` after its creation, is asked about again. It grows
// with the age, and with the size: a large batch does not end within seconds. `live` batches
// together leave half of the account's calls to creations and results.
TimeNs poll_interval(const BatchSettings& settings, std::uint32_t requests, TimeNs age,
                     std::uint64_t live, TimeNs call_interval);

// The pause after the `failures`th call in a row that failed: 1 s, doubled, up to a minute.
TimeNs call_backoff(std::uint32_t failures);

}  // namespace weir
