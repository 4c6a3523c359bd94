#include "engine/model_classes.h"

#include <algorithm>
#include <utility>

namespace weir {
namespace {

constexpr std::size_t kMaxSeen = 1024;
constexpr std::size_t kMaxName = 64;

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// The id without its date, "-20250929", or "-latest": they name the same model.
std::string_view undated(std::string_view model) {
    constexpr std::string_view kLatest = "-latest";
    if (model.ends_with(kLatest)) return model.substr(0, model.size() - kLatest.size());
    constexpr std::size_t kDate = 9;
    if (model.size() <= kDate) return model;
    const std::string_view end = model.substr(model.size() - kDate);
    const bool dated = end[0] == '-' && std::all_of(end.begin() + 1, end.end(), is_digit);
    return dated ? model.substr(0, model.size() - kDate) : model;
}

}  // namespace

bool split_models(std::string_view list, std::vector<std::string>* models) {
    models->clear();
    for (std::size_t at = 0; at <= list.size();) {
        const std::size_t comma = std::min(list.find(',', at), list.size());
        std::string_view model = list.substr(at, comma - at);
        while (model.starts_with(' ')) model.remove_prefix(1);
        while (model.ends_with(' ')) model.remove_suffix(1);
        const std::size_t star = model.find('*');
        if (model.empty() || (star != std::string_view::npos && star + 1 != model.size())) {
            return false;
        }
        models->emplace_back(model);
        at = comma + 1;
    }
    return true;
}

ModelClasses::ModelClasses(const std::vector<LimitSettings::Class>& classes, PriceTable prices)
    : used_(classes.size() - kSpare), prices_(std::move(prices)) {
    for (std::size_t i = 0; i < classes.size(); ++i) {
        names_.push_back(classes[i].name);
        for (const std::string& model : classes[i].models) {
            const bool prefix = model.ends_with('*');
            patterns_.push_back({model.substr(0, model.size() - (prefix ? 1 : 0)), prefix,
                                 static_cast<std::uint16_t>(i)});
        }
    }
    // The longest first, and at equal length the exact id before the prefix.
    std::stable_sort(patterns_.begin(), patterns_.end(), [](const Pattern& a, const Pattern& b) {
        return a.text.size() != b.text.size() ? a.text.size() > b.text.size() : a.prefix < b.prefix;
    });
}

ModelClasses::Found ModelClasses::find(std::string_view model, bool fast) {
    auto& seen = seen_[fast ? 1 : 0];
    if (const auto known = seen.find(model); known != seen.end()) return known->second;
    const Found found{resolve(model, fast), prices_.find(model, fast)};
    if (seen.size() < kMaxSeen) seen.emplace(model, found);
    return found;
}

std::uint16_t ModelClasses::resolve(std::string_view model, bool fast) {
    std::string name(undated(model).substr(0, kMaxName));
    for (const Pattern& pattern : patterns_) {
        if (pattern.prefix ? !model.starts_with(pattern.text) : model != pattern.text) continue;
        if (!fast) return pattern.model_class;
        name = names_[pattern.model_class];
        break;
    }
    return named(fast ? name + "-fast" : name);
}

// The class of that name, or a spare one that takes it. When they have run out the last one is
// shared by what is left.
std::uint16_t ModelClasses::named(std::string_view name) {
    const auto end = names_.begin() + static_cast<std::ptrdiff_t>(used_);
    const auto found = std::find(names_.begin(), end, name);
    if (found != end) return static_cast<std::uint16_t>(found - names_.begin());
    if (used_ == names_.size()) return static_cast<std::uint16_t>(used_ - 1);
    names_[used_] = used_ + 1 == names_.size() ? "other" : name;
    return static_cast<std::uint16_t>(used_++);
}

}  // namespace weir
