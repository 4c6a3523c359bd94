#include "goodput.h"

#include <algorithm>
#include <array>

#include "goodput_clients.h"

namespace weir::test {

namespace {

// What somebody who read the provider's page would set up, whatever weir was told.
LimitSettings true_limits(const model::Config& config) {
    const auto limits_of = [](const model::Limits& limits) {
        return BucketLimits{.requests_per_minute = limits.requests_per_minute,
                            .input_tokens_per_minute = limits.input_tokens_per_minute,
                            .output_tokens_per_minute = limits.output_tokens_per_minute};
    };
    LimitSettings settings;
    for (const model::ModelClass& from : config.classes) {
        settings.classes.emplace_back();
        settings.classes.back().limits = limits_of(from.limits);
    }
    for (const model::Account& from : config.accounts) {
        settings.accounts.emplace_back();
        for (const model::Account::Override& own : from.overrides) {
            settings.accounts.back().limits.push_back(
                {static_cast<std::uint16_t>(own.model_class), limits_of(own.limits)});
        }
    }
    return settings;
}

std::unique_ptr<Client> make_client(const Situation& situation, Contender contender, World* world,
                                    std::uint64_t seed) {
    const int keys = static_cast<int>(situation.world.model.keys.size());
    const std::size_t classes = situation.world.model.classes.size();
    switch (contender) {
        case Contender::weir:
            return make_weir(situation.limits, world, seed);
        case Contender::workers_10:
            return make_workers(10, keys, classes, world);
        case Contender::workers_50:
            return make_workers(50, keys, classes, world);
        case Contender::workers_200:
            return make_workers(200, keys, classes, world);
        case Contender::paced_queue:
            return make_paced_queue(situation.requests_per_s, keys, classes, world);
        case Contender::debit_bucket:
            return make_debit_bucket(true_limits(situation.world.model), world);
    }
    return nullptr;
}

// What the buckets of one account and model class have given so far, and what a fluid that is never
// refused could have taken: the refill, less what co-tenants took.
struct Tally {
    std::array<double, 3> used{};
    std::array<double, 3> taken_by_others{};
    std::uint64_t accepted = 0;
    std::uint64_t refused = 0;
};

Tally tally_of(model::Model* model, int account, int model_class, TimeNs now) {
    Tally tally;
    const model::ClassCounts& counts = model->counts(account, model_class);
    tally.used = {static_cast<double>(counts.accepted), static_cast<double>(counts.input_tokens),
                  static_cast<double>(counts.output_tokens)};
    tally.accepted = counts.accepted;
    tally.refused = counts.refused_in_all();
    for (std::size_t i = 0; i < 3; ++i) {
        const auto kind = static_cast<model::LimitKind>(i);
        (void)model->level(account, model_class, kind, now);
        tally.taken_by_others[i] =
            model->limit_set(account, model_class).bucket(kind).cotenant_took();
    }
    return tally;
}

// Integral of the limit over the time, in its unit.
double refill_between(const model::Config& config, int account, int model_class,
                      model::LimitKind kind, TimeNs from, TimeNs to) {
    double limit =
        static_cast<double>(config.classes[static_cast<std::size_t>(model_class)].limits[kind]);
    const model::Account& owner = config.accounts[static_cast<std::size_t>(account)];
    for (const model::Account::Override& own : owner.overrides) {
        if (own.model_class == model_class) limit = static_cast<double>(own.limits[kind]);
    }
    double sum = 0;
    double factor = 1;
    TimeNs at = from;
    for (const model::LimitChange& change : config.changes) {
        const TimeNs until = std::clamp(change.at, from, to);
        sum += limit * factor * static_cast<double>(until - at) / 60e9;
        at = until;
        factor = change.factor;
    }
    return sum + limit * factor * static_cast<double>(to - at) / 60e9;
}

}  // namespace

std::string_view contender_name(Contender contender) {
    constexpr std::array<std::string_view, kContenders> names{
        "weir", "10 workers", "50 workers", "200 workers", "paced queue", "debit max_tokens"};
    return names[static_cast<std::size_t>(contender)];
}

Score run_goodput(const Situation& situation, Contender contender, std::uint64_t seed,
                  TimeNs measured_ns) {
    World::Settings settings = situation.world;
    settings.seed = seed;
    settings.model.seed = seed * 7919 + 1;
    World world(settings);
    const std::unique_ptr<Client> client = make_client(situation, contender, &world, seed);
    client->begin(0);
    const TimeNs from = situation.warm_up_ns;
    const TimeNs to = from + measured_ns;

    const int accounts = static_cast<int>(settings.model.accounts.size());
    const int classes = static_cast<int>(settings.model.classes.size());
    std::vector<Tally> before;
    world.run(client.get(), from);
    for (int a = 0; a < accounts; ++a) {
        for (int c = 0; c < classes; ++c) before.push_back(tally_of(&world.model(), a, c, from));
    }
    world.run(client.get(), to);

    Score score;
    std::uint64_t refused = 0;
    double share_sum = 0;
    for (int a = 0; a < accounts; ++a) {
        for (int c = 0; c < classes; ++c) {
            const Tally& then = before[static_cast<std::size_t>(a * classes + c)];
            const Tally now = tally_of(&world.model(), a, c, to);
            score.accepted += now.accepted - then.accepted;
            refused += now.refused - then.refused;
            // The limit that binds is the one that is used most.
            double share = 0;
            for (std::size_t i = 0; i < 3; ++i) {
                const double refill = refill_between(settings.model, a, c,
                                                     static_cast<model::LimitKind>(i), from, to);
                const double left = refill - (now.taken_by_others[i] - then.taken_by_others[i]);
                if (refill > 0) share = std::max(share, (now.used[i] - then.used[i]) / left);
            }
            share_sum += share;
        }
    }
    score.goodput = share_sum / (accounts * classes);
    score.waste = score.accepted == 0
                      ? 1
                      : static_cast<double>(refused) / static_cast<double>(score.accepted);
    score.events = world.events();
    score.trace_hash = world.trace_hash();
    score.ignored = client->ignored_readings();
    return score;
}

JobScore run_job(const Situation& situation, std::uint64_t requests, std::uint64_t seed) {
    World::Settings settings = situation.world;
    settings.seed = seed;
    settings.model.seed = seed * 7919 + 1;
    settings.requests = requests;
    World world(settings);
    const std::unique_ptr<Client> client = make_client(situation, Contender::weir, &world, seed);
    client->begin(0);
    const TimeNs end = world.run(client.get(), 3600 * kNsPerS);
    const Tally tally = tally_of(&world.model(), 0, 0, end);

    JobScore score;
    score.seconds = static_cast<double>(end) / 1e9;
    score.accepted = tally.accepted;
    score.refused = tally.refused;
    for (std::size_t i = 0; i < 3; ++i) {
        const model::Bucket& bucket =
            world.model().limit_set(0, 0).bucket(static_cast<model::LimitKind>(i));
        if (!bucket.limited()) continue;
        const double beyond_depth = std::max(tally.used[i] - bucket.depth(), 0.0);
        score.optimum_s = std::max(score.optimum_s, beyond_depth / bucket.limit() * 60);
    }
    score.optimum_s +=
        world.service_s() / static_cast<double>(std::max<std::uint64_t>(tally.accepted, 1));
    return score;
}

}  // namespace weir::test
