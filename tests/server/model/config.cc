#include "model/config.h"

#include <array>

namespace weir::model {

std::string_view header_family_name(HeaderFamily family) {
    constexpr std::array<std::string_view, 5> names{"none", "anthropic", "x_ratelimit_date",
                                                    "x_ratelimit_duration", "ietf"};
    return names[static_cast<std::size_t>(family)];
}

Config simple_config(const Limits& limits) {
    Config config;
    ModelClass model_class;
    model_class.name = "any";
    model_class.models = {"*"};
    model_class.limits = limits;
    config.classes.push_back(model_class);
    config.accounts.push_back({"main", {}});
    config.keys.push_back({"test-key", 0, kNever});
    return config;
}

}  // namespace weir::model
