#include "goodput.h"

namespace weir::test {

namespace {

constexpr double kSigmas[] = {0.7, 1.0};

// About 3.3 requests a second, whatever binds: 1500 tokens in and 400 out on average.
constexpr model::Limits kRequestsBind{200, 900'000, 240'000, 0};
constexpr model::Limits kInputBinds{1000, 300'000, 240'000, 0};
constexpr model::Limits kOutputBinds{1000, 900'000, 80'000, 0};

BucketLimits known(const model::Limits& limits, double factor = 1) {
    const auto scaled = limits.scaled(factor);
    return {.requests_per_minute = scaled.requests_per_minute,
            .input_tokens_per_minute = scaled.input_tokens_per_minute,
            .output_tokens_per_minute = scaled.output_tokens_per_minute,
            .tokens_per_day = 0};
}

struct Marks {
    double goodput;
    double waste;
};

Situation base(const std::string& name, const model::Limits& limits, double sigma, Marks marks) {
    Situation situation;
    situation.name = name;
    situation.world.model = model::simple_config(limits);
    situation.world.input.sigma = sigma;
    situation.world.output.sigma = sigma;
    LimitSettings::Class model_class;
    model_class.name = "any";
    model_class.models = {"*"};
    model_class.limits = known(limits);
    situation.limits.classes.push_back(model_class);
    LimitSettings::Account account;
    account.name = "main";
    situation.limits.accounts.push_back(account);
    situation.goodput_at_least = marks.goodput;
    situation.waste_at_most = marks.waste;
    situation.requests_per_s = static_cast<double>(limits.requests_per_minute) / 60;
    return situation;
}

void each_limit(const std::string& name, double sigma, Marks marks, std::vector<Situation>* out) {
    out->push_back(base(name + ", requests bind", kRequestsBind, sigma, marks));
    out->push_back(base(name + ", input binds", kInputBinds, sigma, marks));
    out->push_back(base(name + ", output binds", kOutputBinds, sigma, marks));
}

// Whole answers: headers come with the end, seconds after they were stamped, and nothing shows what
// is being produced.
void add_whole_answers(double sigma, std::vector<Situation>* out) {
    std::vector<Situation> rows;
    each_limit("answers not streamed", sigma, {0.98, 0.002}, &rows);
    for (Situation& row : rows) {
        row.world.stream = false;
        row.limits.classes[0].limits = {};
        out->push_back(row);
    }
}

// Adds the situations of one spread.
void add_learning(double sigma, std::vector<Situation>* out) {
    std::vector<Situation> rows;
    each_limit("nothing configured, headers", sigma, {0.985, 0.001}, &rows);
    for (Situation& row : rows) row.limits.classes[0].limits = {};
    out->insert(out->end(), rows.begin(), rows.end());

    for (const double factor : {1.1, 0.9}) {
        rows.clear();
        each_limit(factor > 1 ? "believed 10 % too high, pinned" : "believed 10 % too low, pinned",
                   sigma, {0.98, 0.005}, &rows);
        for (Situation& row : rows) {
            row.limits.classes[0].limits = known(row.world.model.classes[0].limits, factor);
            row.limits.pinned = true;
            out->push_back(row);
        }
    }
    rows.clear();
    each_limit("bursty co-tenant takes 30 %", sigma, {0.97, 0.01}, &rows);
    for (Situation& row : rows) {
        model::Cotenant cotenant;
        cotenant.share = 0.3;
        cotenant.on_s = 10;
        cotenant.off_s = 20;
        row.world.model.cotenants.push_back(cotenant);
        out->push_back(row);
    }
    rows.clear();
    each_limit("limit halved, then doubled", sigma, {0.97, 0.01}, &rows);
    for (Situation& row : rows) {
        row.world.model.changes.push_back({.at = 25 * kNsPerMinute,
                                           .account = -1,
                                           .model_class = -1,
                                           .factor = 0.5,
                                           .limits = {}});
        row.world.model.changes.push_back({.at = 45 * kNsPerMinute,
                                           .account = -1,
                                           .model_class = -1,
                                           .factor = 1.0,
                                           .limits = {}});
        out->push_back(row);
    }
}

// The bucket holds what refills in so many seconds. At three times the limits, requests that are
// larger than what refills in a second are rare. At their own size the input bucket is smaller than
// 2 to 4 % of the requests (sigma 0.7 and 1.0), which are let through by a full bucket alone.
struct Shallow {
    const char* name;
    double depth_s;
    double limits_times = 1;
    bool is_configured = false;
};
constexpr Shallow kShallow[] = {
    {"enforced over 1 s, limits tripled", 1, 3},           {"enforced over 1 s", 1},
    {"enforced over 1 s, depth configured", 1, 1, true},   {"enforced over 10 s", 10},
    {"enforced over 10 s, depth configured", 10, 1, true},
};

void add_shallow(const Shallow& shallow, double sigma, std::vector<Situation>* out) {
    std::vector<Situation> rows;
    each_limit(shallow.name, sigma, {0.98, 0.005}, &rows);
    for (Situation& row : rows) {
        row.world.model.classes[0].enforcement.depth_s = shallow.depth_s;
        model::Limits& limits = row.world.model.classes[0].limits;
        limits = limits.scaled(shallow.limits_times);
        row.limits.classes[0].limits = known(limits);
        row.requests_per_s *= shallow.limits_times;
        if (shallow.is_configured) row.limits.burst_s = shallow.depth_s;
        out->push_back(row);
    }
}

void add_enforcement(double sigma, std::vector<Situation>* out) {
    for (const Shallow& shallow : kShallow) add_shallow(shallow, sigma, out);
    Situation reserved = base("output reserved by max_tokens", kOutputBinds, sigma, {0.98, 0.001});
    reserved.world.model.classes[0].enforcement.output = model::OutputAccounting::reserved;
    out->push_back(reserved);

    Situation small = base("max_tokens 4096, 100 produced, 8,000 a minute",
                           {1000, 900'000, 8'000, 0}, sigma, {0.97, 0.005});
    small.world.output = {100, 0};
    out->push_back(small);
}

void add_no_headers(double sigma, std::vector<Situation>* out) {
    std::vector<Situation> rows;
    each_limit("no headers, no retry-after, unknown", sigma, {0.90, 0.01}, &rows);
    for (Situation& row : rows) {
        row.world.model.headers = model::HeaderFamily::none;
        row.world.model.retry_after = model::RetryAfterStyle::missing;
        row.world.names_refused_limit = false;
        row.limits.classes[0].limits = {};
        row.warm_up_ns = 10 * kNsPerMinute;
        out->push_back(row);
    }
    rows.clear();
    each_limit("no headers, configured", sigma, {0.98, 0.002}, &rows);
    for (Situation& row : rows) {
        row.world.model.headers = model::HeaderFamily::none;
        row.world.names_refused_limit = false;
        out->push_back(row);
    }
}

Situation two_accounts(double sigma) {
    Situation situation =
        base("two accounts, unequal, two model classes each", kOutputBinds, sigma, {0.985, 0.002});
    model::Config& config = situation.world.model;
    config.classes.push_back(config.classes[0]);
    config.classes[0].name = "first";
    config.classes[1].name = "second";
    config.classes[1].limits = {200, 900'000, 240'000, 0};
    config.accounts.push_back(
        {"small", {{0, {500, 450'000, 30'000, 0}}, {1, {60, 300'000, 90'000, 0}}}});
    config.keys.push_back({"other-key", 1, kNever});

    LimitSettings& limits = situation.limits;
    limits.classes.push_back(limits.classes[0]);
    limits.classes[1].name = "second";
    limits.classes[1].limits = known(config.classes[1].limits);
    LimitSettings::Account account;
    account.name = "small";
    for (const model::Account::Override& own : config.accounts[1].overrides) {
        account.limits.push_back({static_cast<std::uint16_t>(own.model_class), known(own.limits)});
    }
    limits.accounts.push_back(account);
    situation.requests_per_s = (1000.0 + 200.0 + 500.0 + 60.0) / 60;
    return situation;
}

}  // namespace

std::vector<Situation> goodput_situations() {
    std::vector<Situation> all;
    for (const double sigma : kSigmas) {
        std::vector<Situation> rows;
        each_limit("known limits", sigma, {0.99, 0.0005}, &rows);
        add_whole_answers(sigma, &rows);
        add_learning(sigma, &rows);
        add_enforcement(sigma, &rows);
        add_no_headers(sigma, &rows);
        rows.push_back(two_accounts(sigma));
        for (Situation& row : rows) {
            row.name += sigma < 1 ? ", sigma 0.7" : ", sigma 1.0";
            all.push_back(row);
        }
    }
    return all;
}

}  // namespace weir::test
