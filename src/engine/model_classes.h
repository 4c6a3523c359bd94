#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "limits/limit_settings.h"

namespace weir {

// "claude-opus-4-5,claude-opus-4-6*" in its parts. False if a part is empty, or has a star that is
// not at its end.
bool split_models(std::string_view list, std::vector<std::string>* models);

// Finds the class of a model: the longest match of the configured classes and the table's, or else
// a class that is set up for the model at its first use, out of a number of spare ones. Requests in
// fast mode have classes of their own, because they draw on limits of their own.
//
// Not thread-safe: used under the inbox's lock.
class ModelClasses {
public:
    // Added to the settings' classes, with no name until they are used.
    static constexpr std::size_t kSpare = 16;

    // `classes` are those of the settings, whose last kSpare are spare.
    explicit ModelClasses(const std::vector<LimitSettings::Class>& classes, PriceTable prices = {});

    struct Found {
        std::uint16_t model_class;
        PricesId prices;
    };
    Found find(std::string_view model, bool fast);

    // Beyond the classes is the core's own, for calls that count tokens.
    std::string_view name(std::uint16_t model_class) const {
        return model_class < names_.size() ? std::string_view(names_[model_class]) : "token_count";
    }

private:
    struct Pattern {
        std::string text;  // without the star
        bool prefix;
        std::uint16_t model_class;
    };
    std::uint16_t resolve(std::string_view model, bool fast);
    std::uint16_t named(std::string_view name);

    std::vector<Pattern> patterns_;
    std::vector<std::string> names_;
    std::size_t used_;  // classes that have a name
    PriceTable prices_;
    std::array<std::map<std::string, Found, std::less<>>, 2> seen_;  // by fast
};

}  // namespace weir
