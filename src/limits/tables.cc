#include "limits/tables.h"

#include <algorithm>
#include <set>
#include <utility>

#include "limits/gcra.h"
#include "limits/table_reader.h"

namespace weir {

namespace {

using Value = TableReader::Value;

constexpr double kHighestPrice = 1e6;
constexpr std::int64_t kMostUnits = 1'000'000'000'000;
constexpr std::size_t kMostRows = 1'000;

constexpr char kLimitTable[] =
#include "limits/limits_json.inc"
    ;
constexpr char kPriceTable[] =
#include "limits/prices_json.inc"
    ;

// Names become parts of configuration keys.
bool is_name(std::string_view name) {
    constexpr std::size_t kMost = 64;
    return name.size() <= kMost && std::all_of(name.begin(), name.end(), [](char c) {
               return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                      c == '_' || c == '-';
           });
}

// Every model pattern of a table belongs to one row.
class Models {
public:
    bool read(TableReader* reader, Value& value, std::vector<std::string>* models) {
        const bool read = reader->array(value, [&](Value& element) {
            std::string model;
            if (!reader->text(element, &model)) return false;
            const std::size_t star = model.find('*');
            if (star != std::string::npos && star + 1 != model.size()) {
                return reader->wrong("a star may stand at a model's end only");
            }
            if (!seen_.insert(model).second) return reader->wrong("this model is there twice");
            models->push_back(std::move(model));
            return true;
        });
        return read && (!models->empty() || reader->wrong("there are no models"));
    }

private:
    std::set<std::string> seen_;
};

bool read_limits(TableReader* reader, Value& value, BucketLimits* limits) {
    return reader->object(value, [&](std::string_view name, Value& v) {
        if (name == "requests_per_minute") {
            return reader->count(v, kMostUnits, &limits->requests_per_minute);
        }
        if (name == "input_tokens_per_minute") {
            return reader->count(v, kMostUnits, &limits->input_tokens_per_minute);
        }
        if (name == "output_tokens_per_minute") {
            return reader->count(v, kMostUnits, &limits->output_tokens_per_minute);
        }
        if (name == "tokens_per_day") return reader->count(v, kMostUnits, &limits->tokens_per_day);
        if (name == "in_flight") return reader->count(v, kMostUnits, &limits->in_flight);
        return reader->unknown(
            "requests_per_minute, input_tokens_per_minute, output_tokens_per_minute, "
            "tokens_per_day and in_flight");
    });
}

bool read_class(TableReader* reader, Value& value, Models* models, LimitTable::Class* row) {
    const bool read = reader->object(value, [&](std::string_view name, Value& v) {
        if (name == "name") {
            return reader->text(v, &row->name) &&
                   (is_name(row->name) ||
                    reader->wrong("a name is up to 64 letters, digits, - and _"));
        }
        if (name == "models") return models->read(reader, v, &row->models);
        if (name == "cache_reads_count") return reader->boolean(v, &row->cache_reads_count);
        if (name == "tiers") {
            return reader->object(v, [&](std::string_view tier, Value& limits) {
                if (!is_name(tier)) {
                    return reader->wrong("a name is up to 64 letters, digits, - and _");
                }
                return read_limits(reader, limits, &row->tiers[std::string(tier)]);
            });
        }
        return reader->unknown("name, models, cache_reads_count and tiers");
    });
    if (!read) return false;
    if (row->name.empty()) return reader->wrong("there is no name");
    return !row->models.empty() || reader->wrong("there are no models");
}

bool read_tier(TableReader* reader, Value& value, LimitTable::Tier* tier) {
    return reader->object(value, [&](std::string_view name, Value& v) {
        if (name == "batch_calls_per_minute") {
            return reader->count(v, kMostUnits, &tier->batch.calls_per_minute);
        }
        if (name == "batch_queue_places") {
            return reader->count(v, kMostUnits, &tier->batch.queue_places);
        }
        if (name == "token_counts_per_minute") {
            return reader->count(v, kMostUnits, &tier->token_counts_per_minute);
        }
        return reader->unknown(
            "batch_calls_per_minute, batch_queue_places and token_counts_per_minute");
    });
}

// Whether the field is one of a card's prices; *good says whether it could be read.
bool read_price(TableReader* reader, std::string_view name, Value& value, TokenPrices* prices,
                bool* good) {
    double* price = name == "input"            ? &prices->input
                    : name == "cache_write_5m" ? &prices->cache_write_5m
                    : name == "cache_write_1h" ? &prices->cache_write_1h
                    : name == "cache_read"     ? &prices->cache_read
                    : name == "output"         ? &prices->output
                                               : nullptr;
    if (price != nullptr) *good = reader->number(value, kHighestPrice, price);
    return price != nullptr;
}

constexpr std::string_view kPriceFields =
    "models, input, cache_write_5m, cache_write_1h, cache_read, output, above and fast";

bool read_price_row(TableReader* reader, Value& value, Models* models, PriceTable::Row* row) {
    const bool read = reader->object(value, [&](std::string_view name, Value& v) {
        bool good = false;
        if (read_price(reader, name, v, &row->prices, &good)) return good;
        if (name == "models") return models->read(reader, v, &row->models);
        if (name == "fast") {
            row->has_fast = true;
            return reader->object(v, [&](std::string_view inner, Value& price) {
                if (read_price(reader, inner, price, &row->fast, &good)) return good;
                return reader->unknown("the prices");
            });
        }
        if (name != "above") return reader->unknown(kPriceFields);
        return reader->object(v, [&](std::string_view inner, Value& price) {
            if (read_price(reader, inner, price, &row->above, &good)) return good;
            if (inner != "prompt_tokens") return reader->unknown("prompt_tokens and the prices");
            return reader->count(price, kMostUnits, &row->above_tokens);
        });
    });
    return read && (!row->models.empty() || reader->wrong("there are no models"));
}

}  // namespace

std::string_view built_in_limit_table() { return kLimitTable; }
std::string_view built_in_price_table() { return kPriceTable; }

const LimitTable::Class* LimitTable::find(std::string_view name) const {
    for (const Class& each : classes) {
        if (each.name == name) return &each;
    }
    return nullptr;
}

const LimitTable::Class* LimitTable::class_of(std::string_view model) const {
    return best_row(classes, model);
}

bool LimitTable::tier(std::string_view class_name, std::string_view tier_name,
                      BucketLimits* limits) const {
    const Class* found_class = find(class_name);
    if (found_class == nullptr) return false;
    const auto found = found_class->tiers.find(tier_name);
    if (found == found_class->tiers.end()) return false;
    *limits = found->second;
    return true;
}

std::vector<std::string> LimitTable::tiers() const {
    std::set<std::string> names;
    for (const auto& [name, tier] : apart) names.insert(name);
    for (const Class& each : classes) {
        for (const auto& [name, limits] : each.tiers) names.insert(name);
    }
    return {names.begin(), names.end()};
}

bool parse_limit_table(std::string_view text, LimitTable* table, std::string* problem) {
    TableReader reader(problem);
    LimitTable read;
    Models models;
    const bool good = reader.document(text, [&](std::string_view name, Value& value) {
        if (name == "source") return reader.text(value, &read.source);
        if (name == "date") return reader.text(value, &read.date);
        if (name == "apart") {
            return reader.object(value, [&](std::string_view tier, Value& row) {
                if (!is_name(tier)) {
                    return reader.wrong("a name is up to 64 letters, digits, - and _");
                }
                return read_tier(&reader, row, &read.apart[std::string(tier)]);
            });
        }
        if (name != "classes") return reader.unknown("source, date, apart and classes");
        return reader.array(value, [&](Value& row) {
            LimitTable::Class each;
            if (!read_class(&reader, row, &models, &each)) return false;
            if (read.find(each.name) != nullptr) return reader.wrong("this class is there twice");
            if (read.classes.size() == kMostRows) return reader.wrong("there are too many classes");
            read.classes.push_back(std::move(each));
            return true;
        });
    });
    if (!good || (read.classes.empty() && !reader.wrong("there are no classes"))) return false;
    *table = std::move(read);
    return true;
}

bool parse_price_table(std::string_view text, PriceTable* table, std::string* problem) {
    TableReader reader(problem);
    PriceTable read;
    Models models;
    const bool good = reader.document(text, [&](std::string_view name, Value& value) {
        if (name == "source") return reader.text(value, &read.source);
        if (name == "date") return reader.text(value, &read.date);
        if (name == "batch_factor") return reader.number(value, 1, &read.batch_factor);
        if (name != "prices") return reader.unknown("source, date, batch_factor and prices");
        return reader.array(value, [&](Value& value_of_row) {
            PriceTable::Row row;
            if (!read_price_row(&reader, value_of_row, &models, &row)) return false;
            if (read.rows.size() == kMostRows) return reader.wrong("there are too many rows");
            read.rows.push_back(std::move(row));
            return true;
        });
    });
    if (!good || (read.rows.empty() && !reader.wrong("there are no prices"))) return false;
    *table = std::move(read);
    return true;
}

}  // namespace weir
