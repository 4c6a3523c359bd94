#include "limits/tables.h"

#include <fmt/core.h>

#include <algorithm>
#include <utility>

#include <nlohmann/json.hpp>

#include "limits/gcra.h"

namespace weir {

namespace {

using Json = nlohmann::json;

constexpr double kHighestPrice = 1e6;

constexpr char kLimitTable[] =
#include "limits/limits_json.inc"
    ;
constexpr char kPriceTable[] =
#include "limits/prices_json.inc"
    ;

// A reader that remembers the first thing that was wrong.
class Reader {
public:
    explicit Reader(std::string* problem) : problem_(problem) { problem_->clear(); }

    bool good() const { return problem_->empty(); }
    void wrong(std::string_view what) {
        if (good()) *problem_ = what;
    }

    const Json* member(const Json& object, const char* name, Json::value_t type) {
        if (!object.is_object()) return nullptr;
        const auto found = object.find(name);
        if (found == object.end()) return nullptr;
        if (found->type() != type) {
            wrong(fmt::format("\"{}\" has the wrong type", name));
            return nullptr;
        }
        return &*found;
    }
    std::string text(const Json& object, const char* name) {
        const Json* found = member(object, name, Json::value_t::string);
        return found == nullptr ? std::string() : found->get<std::string>();
    }
    double number(const Json& object, const char* name, double most) {
        if (!object.is_object()) return 0;
        const auto found = object.find(name);
        if (found == object.end()) return 0;
        const double value = found->is_number() ? found->get<double>() : -1;
        if (!(value >= 0 && value <= most)) {
            wrong(fmt::format("\"{}\" is not a number from 0 to {}", name, most));
            return 0;
        }
        return value;
    }
    std::int64_t units(const Json& object, const char* name) {
        return static_cast<std::int64_t>(number(object, name, static_cast<double>(kMaxUnits)));
    }
    std::vector<std::string> models(const Json& row) {
        std::vector<std::string> models;
        const Json* found = member(row, "models", Json::value_t::array);
        if (found == nullptr || found->empty()) {
            wrong("a row has no models");
            return models;
        }
        for (const Json& model : *found) {
            if (!model.is_string()) wrong("a model is not a string");
            if (model.is_string()) models.push_back(model.get<std::string>());
        }
        return models;
    }

private:
    std::string* problem_;
};

bool parse(std::string_view text, Json* document, std::string* problem) {
    *document = Json::parse(text.begin(), text.end(), nullptr, false);
    if (document->is_object()) return true;
    *problem = "the table is not a JSON object";
    return false;
}

TokenPrices read_prices(const Json& row, Reader* reader) {
    return {.input = reader->number(row, "input", kHighestPrice),
            .cache_write_5m = reader->number(row, "cache_write_5m", kHighestPrice),
            .cache_write_1h = reader->number(row, "cache_write_1h", kHighestPrice),
            .cache_read = reader->number(row, "cache_read", kHighestPrice),
            .output = reader->number(row, "output", kHighestPrice)};
}

BucketLimits read_limits(const Json& row, Reader* reader) {
    return {.requests_per_minute = reader->units(row, "requests_per_minute"),
            .input_tokens_per_minute = reader->units(row, "input_tokens_per_minute"),
            .output_tokens_per_minute = reader->units(row, "output_tokens_per_minute"),
            .tokens_per_day = reader->units(row, "tokens_per_day"),
            .in_flight = reader->units(row, "in_flight")};
}

int best_match(const std::vector<std::string>& patterns, std::string_view model) {
    int best = -1;
    for (const std::string& pattern : patterns) best = std::max(best, match_length(pattern, model));
    return best;
}

template <class Row>
const Row* find_row(const std::vector<Row>& rows, std::string_view model) {
    const Row* best = nullptr;
    int best_length = -1;
    for (const Row& row : rows) {
        const int length = best_match(row.models, model);
        if (length <= best_length) continue;
        best = &row;
        best_length = length;
    }
    return best;
}

}  // namespace

std::string_view built_in_limit_table() { return kLimitTable; }
std::string_view built_in_price_table() { return kPriceTable; }

int match_length(std::string_view pattern, std::string_view model) {
    const bool prefix = pattern.ends_with('*');
    if (prefix) pattern.remove_suffix(1);
    const bool matches = prefix ? model.starts_with(pattern) : model == pattern;
    if (!matches) return -1;
    // A whole id is a better match than the same text as a prefix.
    return static_cast<int>(std::min<std::size_t>(pattern.size(), 1u << 20)) * 2 + (prefix ? 0 : 1);
}

const LimitTable::Class* LimitTable::find(std::string_view model) const {
    return find_row(classes, model);
}

bool LimitTable::tier(std::string_view class_name, std::string_view tier_name,
                      BucketLimits* limits) const {
    for (const Class& each : classes) {
        if (each.name != class_name) continue;
        const auto found = each.tiers.find(tier_name);
        if (found == each.tiers.end()) return false;
        *limits = found->second;
        return true;
    }
    return false;
}

const TokenPrices* PriceTable::find(std::string_view model, std::int64_t prompt_tokens) const {
    const Row* row = find_row(rows, model);
    if (row == nullptr) return nullptr;
    return row->above_tokens > 0 && prompt_tokens > row->above_tokens ? &row->above : &row->prices;
}

bool parse_limit_table(std::string_view text, LimitTable* table, std::string* problem) {
    Json document;
    if (!parse(text, &document, problem)) return false;
    Reader reader(problem);
    LimitTable read;
    read.source = reader.text(document, "source");
    read.date = reader.text(document, "date");
    const Json* classes = reader.member(document, "classes", Json::value_t::array);
    if (classes == nullptr) reader.wrong("there are no \"classes\"");
    for (std::size_t i = 0; reader.good() && i < classes->size(); ++i) {
        const Json& row = (*classes)[i];
        LimitTable::Class each;
        each.name = reader.text(row, "name");
        if (each.name.empty()) reader.wrong("a class has no name");
        each.models = reader.models(row);
        const Json* counts = reader.member(row, "cache_reads_count", Json::value_t::boolean);
        each.cache_reads_count = counts != nullptr && counts->get<bool>();
        if (const Json* tiers = reader.member(row, "tiers", Json::value_t::object)) {
            for (const auto& [name, limits] : tiers->items()) {
                each.tiers[name] = read_limits(limits, &reader);
            }
        }
        read.classes.push_back(std::move(each));
    }
    if (reader.good()) *table = std::move(read);
    return reader.good();
}

bool parse_price_table(std::string_view text, PriceTable* table, std::string* problem) {
    Json document;
    if (!parse(text, &document, problem)) return false;
    Reader reader(problem);
    PriceTable read;
    read.source = reader.text(document, "source");
    read.date = reader.text(document, "date");
    if (document.contains("batch_factor"))
        read.batch_factor = reader.number(document, "batch_factor", 1);
    const Json* rows = reader.member(document, "prices", Json::value_t::array);
    if (rows == nullptr) reader.wrong("there are no \"prices\"");
    for (std::size_t i = 0; reader.good() && i < rows->size(); ++i) {
        const Json& from = (*rows)[i];
        PriceTable::Row row;
        row.models = reader.models(from);
        row.prices = read_prices(from, &reader);
        if (const Json* above = reader.member(from, "above", Json::value_t::object)) {
            row.above_tokens = reader.units(*above, "prompt_tokens");
            row.above = read_prices(*above, &reader);
        }
        read.rows.push_back(std::move(row));
    }
    if (reader.good()) *table = std::move(read);
    return reader.good();
}

}  // namespace weir
