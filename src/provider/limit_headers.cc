#include "provider/limit_headers.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
#include <optional>
#include <string_view>

#include "provider/duration.h"
#include "provider/header_name.h"
#include "provider/rfc3339.h"
#include "provider/structured_field.h"

namespace weir {
namespace {

// No limit is larger; figures that are, are nonsense.
constexpr std::int64_t kMostUnits = 1'000'000'000'000;
constexpr std::int64_t kAnthropicRounding = 1'000;
// A window longer than this is no rate that could be scaled to a minute.
constexpr std::int64_t kLongestWindowS = 3'600;
constexpr std::int64_t kDayS = 86'400;

enum Part : std::uint8_t { kLimit, kRemaining, kReset };

// Those that tell of the request's own limits, in the order of preference; and kPriority.
enum Family : std::uint8_t { kFast, kAnthropic, kX, kFields, kDraft7, kPriority, kFamilies };

bool cut_prefix(std::string_view* text, std::string_view prefix) {
    if (text->substr(0, prefix.size()) != prefix) return false;
    text->remove_prefix(prefix.size());
    return true;
}

bool cut_suffix(std::string_view* text, std::string_view suffix) {
    if (text->size() < suffix.size() || text->substr(text->size() - suffix.size()) != suffix) {
        return false;
    }
    text->remove_suffix(suffix.size());
    return true;
}

// What a limit is about: "input-tokens", "tokens-day".
std::optional<LimitKind> kind_of(std::string_view subject) {
    if (!cut_suffix(&subject, "-per-minute")) cut_suffix(&subject, "-minute");
    const bool day = cut_suffix(&subject, "-per-day") || cut_suffix(&subject, "-day") ||
                     cut_prefix(&subject, "daily-");
    if (subject == "tokens") return day ? LimitKind::day_tokens : LimitKind::tokens;
    if (day) return std::nullopt;
    if (subject == "requests") return LimitKind::requests;
    if (subject == "input-tokens") return LimitKind::input_tokens;
    if (subject == "output-tokens") return LimitKind::output_tokens;
    return std::nullopt;
}

std::optional<Part> part_of(std::string_view word) {
    if (word == "limit") return kLimit;
    if (word == "remaining") return kRemaining;
    if (word == "reset") return kReset;
    return std::nullopt;
}

std::optional<std::int64_t> units(std::string_view text) {
    std::int64_t value = 0;
    const char* end = text.data() + text.size();
    const auto [at, error] = std::from_chars(text.data(), end, value);
    if (error != std::errc() || at != end || value < 0 || value > kMostUnits) return std::nullopt;
    return value;
}

class Collector {
public:
    explicit Collector(std::int64_t now_unix_ns)
        : now_unix_ns_(std::max<std::int64_t>(now_unix_ns, 0)) {}

    void read(std::string_view name, std::string_view value);
    LimitReadings result();

private:
    struct Policy {
        std::string name;
        std::optional<LimitKind> kind;
        std::int64_t limit =
            -1;  // a minute or a day, as the kind says; -1 if its window is neither
    };

    void take(Family family, std::optional<LimitKind> kind, std::optional<Part> part,
              std::string_view value);
    bool put(LimitReading* reading, Part part, std::string_view value, Family family);
    std::optional<TimeNs> reset_in(std::string_view value) const;
    void read_draft7(std::string_view part, std::string_view value);
    void read_policies(std::string_view value);
    void read_field(std::string_view value);
    bool read_policy(const StructuredItem& item);
    bool read_quota(const StructuredItem& item);
    void join_policies();
    LimitReading& at(Family family, LimitKind kind) { return readings_[family][kind]; }

    std::int64_t now_unix_ns_;
    std::array<LimitReadings, kFamilies> readings_;
    std::vector<Policy> policies_;
    std::vector<std::pair<std::string, LimitReading>> quotas_;  // of the RateLimit field, by policy
    std::uint32_t ignored_ = 0;
};

void Collector::read(std::string_view name, std::string_view value) {
    if (name == "ratelimit") return read_field(value);
    if (name == "ratelimit-policy") return read_policies(value);
    if (cut_prefix(&name, "ratelimit-")) return read_draft7(name, value);
    if (cut_prefix(&name, "x-ratelimit-")) {
        const std::size_t dash = name.find('-');
        if (dash == std::string_view::npos) return;
        return take(kX, kind_of(name.substr(dash + 1)), part_of(name.substr(0, dash)), value);
    }
    Family family = kAnthropic;
    if (cut_prefix(&name, "anthropic-fast-")) {
        family = kFast;
    } else if (cut_prefix(&name, "anthropic-priority-")) {
        family = kPriority;
    } else if (!cut_prefix(&name, "anthropic-ratelimit-")) {
        return;
    }
    const std::size_t dash = name.rfind('-');
    if (dash == std::string_view::npos) return;
    take(family, kind_of(name.substr(0, dash)), part_of(name.substr(dash + 1)), value);
}

void Collector::take(Family family, std::optional<LimitKind> kind, std::optional<Part> part,
                     std::string_view value) {
    if (!kind || !part) return;
    if (!put(&at(family, *kind), *part, value, family)) ++ignored_;
}

// False if the value makes no sense, or if the part is there already.
bool Collector::put(LimitReading* reading, Part part, std::string_view value, Family family) {
    if (part == kReset) {
        if (reading->reset_in_ns >= 0) return false;
        const auto reset = reset_in(value);
        reading->reset_in_ns = reset.value_or(-1);
        return reset.has_value();
    }
    std::int64_t& figure = part == kLimit ? reading->limit : reading->remaining;
    const auto number = units(value);
    // A limit of zero would mean that nothing can ever be sent, and a response has just come.
    if (!number || figure >= 0 || (part == kLimit && *number == 0)) return false;
    figure = *number;
    const bool rounds = family == kFast || family == kAnthropic || family == kPriority;
    if (part == kRemaining && rounds && reading != &at(family, LimitKind::requests) &&
        figure % kAnthropicRounding == 0) {
        reading->rounding = kAnthropicRounding;
    }
    return true;
}

// A time, a duration, or a number: of seconds, or of seconds since 1970 if it is that large.
std::optional<TimeNs> Collector::reset_in(std::string_view value) const {
    constexpr std::int64_t first_unix_time = 1'000'000'000;
    std::optional<std::int64_t> time = parse_rfc3339(value);
    if (const auto number = units(value); number && *number >= first_unix_time) {
        time = *number > now_unix_ns_ / kNsPerS + kMaxWaitNs / kNsPerS
                   ? std::numeric_limits<std::int64_t>::max()
                   : *number * kNsPerS;
    }
    const std::optional<TimeNs> wait =
        time ? std::max<TimeNs>(*time - now_unix_ns_, 0) : parse_duration(value);
    if (!wait || *wait >= kMaxWaitNs) return std::nullopt;
    return wait;
}

void Collector::read_draft7(std::string_view part, std::string_view value) {
    // "100, 100;w=60": what follows the comma are the policies, for people.
    if (part == "limit") value = value.substr(0, value.find_first_of(",; "));
    take(kDraft7, LimitKind::requests, part_of(part), value);
}

void Collector::read_policies(std::string_view value) {
    const auto items = parse_structured_list(value);
    if (!items) {
        ++ignored_;
        return;
    }
    for (const StructuredItem& item : *items) ignored_ += !read_policy(item);
}

// The unit of a policy is in its parameter; without one it may be guessed from its name.
std::optional<LimitKind> kind_of_policy(std::string_view unit, std::string_view name,
                                        std::int64_t window_s) {
    const auto has = [](std::string_view text, std::string_view word) {
        return text.find(word) != std::string_view::npos;
    };
    const std::string_view from = unit.empty() ? name : unit;
    LimitKind kind = LimitKind::requests;
    if (has(from, "token")) {
        kind = has(from, "input")    ? LimitKind::input_tokens
               : has(from, "output") ? LimitKind::output_tokens
                                     : LimitKind::tokens;
    } else if (!unit.empty() && unit != "requests") {
        return std::nullopt;
    }
    const bool day = window_s == kDayS || has(name, "day") || has(name, "daily");
    if (!day) return kind;
    return kind == LimitKind::tokens ? std::optional(LimitKind::day_tokens) : std::nullopt;
}

bool Collector::read_policy(const StructuredItem& item) {
    const auto* quota = item.parameter("q");
    const auto* window = item.parameter("w");
    const auto* unit = item.parameter("qu");
    if (item.text.empty() || !quota || !quota->integer || *quota->integer <= 0 ||
        *quota->integer > kMostUnits) {
        return false;
    }
    const std::int64_t window_s = window ? window->integer.value_or(0) : 60;
    if (window_s <= 0) return false;
    Policy policy;
    policy.name = item.text;
    policy.kind = kind_of_policy(unit ? unit->text : std::string_view(), item.text, window_s);
    if (policy.kind == LimitKind::day_tokens) {
        if (!window || window_s == kDayS) policy.limit = *quota->integer;
    } else if (window_s <= kLongestWindowS) {
        policy.limit = std::clamp<std::int64_t>(*quota->integer * 60 / window_s, 1, kMostUnits);
    } else {
        policy.kind = std::nullopt;
    }
    policies_.push_back(std::move(policy));
    return true;
}

void Collector::read_field(std::string_view value) {
    const auto items = parse_structured_list(value);
    if (!items) {
        ++ignored_;
        return;
    }
    for (const StructuredItem& item : *items) ignored_ += !read_quota(item);
}

bool Collector::read_quota(const StructuredItem& item) {
    const auto* remaining = item.parameter("r");
    const auto* reset = item.parameter("t");
    if (item.text.empty() || !remaining || !remaining->integer || *remaining->integer < 0 ||
        *remaining->integer > kMostUnits) {
        return false;
    }
    LimitReading reading;
    reading.remaining = *remaining->integer;
    if (reset && reset->integer && *reset->integer >= 0 && *reset->integer < kMaxWaitNs / kNsPerS) {
        reading.reset_in_ns = *reset->integer * kNsPerS;
    }
    quotas_.emplace_back(item.text, reading);
    return true;
}

// A quota belongs to the policy of its name. Where several policies limit the same thing, the one
// with the least left is kept, or the lowest limit where nothing is said of what is left.
void Collector::join_policies() {
    const auto keep = [this](std::optional<LimitKind> kind, const LimitReading& reading) {
        if (!kind || !reading.present()) return;
        LimitReading& kept = at(kFields, *kind);
        const auto rank = [](const LimitReading& r) {
            return std::pair(r.remaining < 0 ? kMostUnits + 1 : r.remaining,
                             r.limit < 0 ? kMostUnits + 1 : r.limit);
        };
        if (!kept.present() || rank(reading) < rank(kept)) kept = reading;
    };
    for (const Policy& policy : policies_) {
        LimitReading reading;
        for (const auto& [name, quota] : quotas_) {
            if (name == policy.name) reading = quota;
        }
        reading.limit = policy.limit;
        keep(policy.kind, reading);
    }
    for (const auto& quota : quotas_) {
        const bool known = std::any_of(policies_.begin(), policies_.end(),
                                       [&](const Policy& p) { return p.name == quota.first; });
        if (!known) keep(kind_of_policy({}, quota.first, 60), quota.second);
    }
}

LimitReadings Collector::result() {
    join_policies();
    const bool fast = std::any_of(readings_[kFast].of.begin(), readings_[kFast].of.end(),
                                  [](const LimitReading& r) { return r.present(); });
    LimitReadings all;
    for (int i = 0; i < kLimitKinds; ++i) {
        const auto kind = static_cast<LimitKind>(i);
        for (int family = 0; family < kPriority; ++family) {
            if (fast && family != kFast && kind != LimitKind::requests) break;
            const LimitReading& reading = at(static_cast<Family>(family), kind);
            if (!reading.present()) continue;
            all[kind] = reading;
            break;
        }
    }
    all.priority = {at(kPriority, LimitKind::input_tokens),
                    at(kPriority, LimitKind::output_tokens)};
    all.ignored = ignored_;
    return all;
}

}  // namespace

LimitReadings read_limit_headers(const std::vector<std::pair<std::string, std::string>>& headers,
                                 std::int64_t now_unix_ns) {
    Collector collector(now_unix_ns);
    for (const auto& [name, value] : headers) collector.read(HeaderName(name).lower(), value);
    return collector.result();
}

}  // namespace weir
