#pragma once

#include <string_view>

#include "batch/batch_types.h"
#include "engine/json_writer.h"

namespace weir {

// Sums over the results whose price is known, -1 while there are none; how many there are of these
// is said, and of the others.
void write_cost(const BatchCost& cost, std::string_view prefix, JsonWriter* json);

}  // namespace weir
