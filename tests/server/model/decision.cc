#include "model/decision.h"

#include <algorithm>

namespace weir::model {

std::int64_t Decision::produced_at(TimeNs now) const {
    if (now < first_token_at) return 0;
    if (now >= production_ends_at || tokens_per_s <= 0) return produced_tokens;
    const double seconds = static_cast<double>(now - first_token_at) / static_cast<double>(kNsPerS);
    return std::min(produced_tokens, static_cast<std::int64_t>(seconds * tokens_per_s));
}

}  // namespace weir::model
