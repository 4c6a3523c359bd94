#include <algorithm>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/clock.h"
#include "engine/engine.h"
#include "engine/json_writer.h"
#include "engine/limit_keys.h"
#include "engine/spend_keys.h"
#include "retry/policy.h"
#include "weir/weir.h"

namespace weir {
namespace {

constexpr int kSchema = 1;

// What the limits of a workspace or a key are about, "" for those of the account.
void write_scope(const Limiter::BucketView& bucket, const CoreSettings& settings,
                 JsonWriter* json) {
    using Scope = LimitSettings::Scope;
    const Scope any;
    const Scope& scope = bucket.scope == Scope::kAny ? any : settings.limits.scopes[bucket.scope];
    std::string_view workspace, key;
    if (scope.account != Scope::kAny) {
        const AccountSettings& account = settings.accounts.accounts[scope.account];
        if (scope.workspace != Scope::kAny) workspace = account.workspaces[scope.workspace];
        if (scope.key != Scope::kAny) key = account.keys[scope.key].name;
    }
    json->member("workspace", workspace).member("key", key);
}

void write_bucket(const Limiter::BucketView& bucket, const CoreSettings& settings,
                  std::string_view model_class, TimeNs now, JsonWriter* json) {
    const double used = bucket.limit > 0 ? 1 - bucket.level / bucket.limit : 0;
    const TimeNs paused = std::max<TimeNs>(0, bucket.paused_until - now);
    std::string_view account;
    if (bucket.account < settings.accounts.accounts.size()) {
        account = settings.accounts.accounts[bucket.account].name;
    }
    json->open('{').member("account", account).member("class", model_class);
    write_scope(bucket, settings, json);
    json->member("kind", kind_name(bucket.kind)).member("limit", bucket.limit);
    json->member("level", bucket.level).member("used", std::clamp(used, 0.0, 1.0));
    json->member("held", bucket.held).member("learnt", bucket.learnt);
    json->member("paused_ms", paused / kNsPerMs).close('}');
}

void write_priority(const Limiter::PriorityView& view, std::string_view account,
                    std::string_view model_class, TimeNs now, JsonWriter* json) {
    json->open('{').member("account", account).member("class", model_class);
    json->member("kind", kind_name(view.kind)).member("limit", view.part.limit);
    json->member("remaining", view.part.remaining);
    json->member("full_in_ms", std::max<TimeNs>(0, view.part.full_at - now) / kNsPerMs).close('}');
}

void write_routes(const RouteSettings& routes, const std::vector<Core::StepCounts>& steps,
                  JsonWriter* json) {
    std::size_t next = 0;
    json->key("routes").open('[');
    for (const Route& route : routes.routes) {
        json->open('{').member("name", route.name).key("steps").open('[');
        for (const RouteStep& step : route.steps) {
            const Core::StepCounts& counts = steps[next++];
            json->open('{').member("model", step.model).member("first", counts.first);
            json->member("moved_in", counts.moved_in).member("succeeded", counts.succeeded);
            json->member("left_overloaded", counts.left_overloaded);
            json->member("left_budget", counts.left_budget);
            json->member("left_capacity", counts.left_capacity).close('}');
        }
        json->close(']').close('}');
    }
    json->close(']');
}

// Where the tables are from that limits and prices are taken from, and of when.
void write_origins(const LimitSettings& settings, JsonWriter* json) {
    json->key("tables").open('{');
    json->key("limits").open('{').member("source", settings.table.source);
    json->member("date", settings.table.date).close('}');
    json->key("prices").open('{').member("source", settings.prices.source);
    json->member("date", settings.prices.date).close('}').close('}');
}

void write_concurrency(const Core::ConcurrencyView& endpoint, std::string_view account,
                       std::string_view model_class, JsonWriter* json) {
    json->open('{').member("account", account).member("class", model_class);
    json->member("in_flight", endpoint.in_flight).member("limit", endpoint.limit);
    json->member("usual_first_token_ms", endpoint.usual_first_token / kNsPerMs);
    json->member("recent_first_token_ms", endpoint.recent_first_token / kNsPerMs).close('}');
}

// How far the raw estimates of a class's input were off (bias: 0.1 is a tenth too low), and by how
// much single ones are off after that is corrected.
void write_estimates(const Limiter::EstimateQuality& quality, std::string_view model_class,
                     JsonWriter* json) {
    json->open('{').member("class", model_class);
    json->member("input_bias", quality.input_factor - 1);
    json->member("input_spread", quality.input_spread);
    json->member("input_samples", quality.input_samples);
    json->member("output_median", quality.output_median);
    json->member("output_p99", quality.output_p99);
    json->member("output_samples", quality.output_samples).close('}');
}

void write_failure(const LastFailure& failure, JsonWriter* json) {
    const bool any = failure.cls != OutcomeClass::success;
    json->open('{').member("outcome", any ? rule(failure.cls).name : "");
    json->member("http_status", failure.http_status).member("message", failure.message);
    json->member("count", failure.count).close('}');
}

}  // namespace

std::string Engine::stats() {
    Core::Counts counts;
    std::uint64_t queued = 0;
    std::vector<Limiter::BucketView> buckets;
    std::vector<Limiter::PriorityView> priority;
    std::vector<Core::StepCounts> steps;
    std::vector<Core::ConcurrencyView> concurrency;
    std::vector<std::pair<std::uint16_t, Limiter::EstimateQuality>> estimates;
    JsonWriter batches(false);
    JsonWriter budgets(false);
    std::uint64_t unpriced = 0;
    std::uint64_t ignored = 0;
    JsonWriter keys(false);
    JsonWriter failure(false);
    std::uint64_t heads = 0;
    const char* state = "open";
    const TimeNs now = monotonic_now();
    {
        const std::lock_guard lock(turn_mutex_);
        counts = loop_.core().counts();
        queued = loop_.core().queued();
        concurrency = loop_.core().concurrency();
        loop_.core().limiter().view(now, &buckets);
        priority = loop_.core().limiter().priority_view(now);
        write_day_budgets(loop_.core().limiter(), settings_.core.limits, now, &budgets);
        unpriced = loop_.core().limiter().unpriced();
        ignored = loop_.core().limiter().ignored_readings();
        for (std::size_t i = 0; i < settings_.core.limits.classes.size(); ++i) {
            const auto model_class = static_cast<std::uint16_t>(i);
            const auto quality = loop_.core().limiter().estimate_quality(model_class);
            if (quality.input_samples > 0 || quality.output_samples > 0) {
                estimates.emplace_back(model_class, quality);
            }
        }
        loop_.write_keys(&keys);
        heads = loop_.heads_seen();
        write_failure(loop_.last_failure(), &failure);
        for (std::size_t route = 0; route < settings_.core.routes.routes.size(); ++route) {
            for (std::size_t i = 0; i < settings_.core.routes.routes[route].steps.size(); ++i) {
                steps.push_back(loop_.core().step_counts(route, i));
            }
        }
        batches.open('{');
        if (const BatchLane* lane = loop_.batch_lane()) lane->write_counts(&batches);
        batches.close('}');
        if (loop_.stopped()) {
            state = "closed";
        } else if (loop_.failed()) {
            state = "failed";
        }
    }
    const Inbox::Held held = inbox_.held();
    const Outbox::Waiting waiting = outbox_.waiting();

    JsonWriter json(false);
    json.open('{').member("schema", kSchema);
    json.member("version", WEIR_VERSION_STRING).member("state", state);
    json.key("requests").open('{');
    json.member("accepted", counts.accepted).member("outstanding", held.requests);
    json.member("queued", queued).member("backing_off", counts.backing_off);
    json.member("in_flight", counts.in_flight).member("succeeded", counts.succeeded);
    json.member("failed", counts.failed).member("cancelled", counts.cancelled);
    json.member("dropped", counts.dropped);
    json.member("attempts", counts.attempts).member("retries", counts.retries);
    json.member("refused", counts.refused).member("unpaid", counts.unpaid);
    json.member("hedges", counts.hedges).member("hedges_won", counts.hedges_won);
    json.member("token_counts", counts.token_counts);
    json.member("token_counts_failed", counts.token_counts_failed);
    json.member("leases_ended", counts.leases_ended).close('}');
    json.key("responses").open('{').member("heads", heads);
    json.key("last_failure").literal(failure.take()).close('}');
    json.key("permits").open('{').member("given", counts.permits);
    json.member("expired", counts.permits_expired).close('}');
    json.key("queue").open('{');
    json.member("requests", held.requests).member("max_requests", settings_.bounds.max_requests);
    json.member("bytes", held.bytes).member("max_bytes", settings_.bounds.max_bytes).close('}');
    json.key("events").open('{');
    json.member("waiting", waiting.events).member("bytes", waiting.bytes);
    json.member("max_events", settings_.max_undelivered_events);
    json.member("max_bytes", settings_.max_undelivered_bytes).close('}');
    json.key("concurrency").open('{').member("in_flight", counts.in_flight);
    json.member("max", settings_.core.max_in_flight).key("adaptive").open('[');
    for (const Core::ConcurrencyView& endpoint : concurrency) {
        write_concurrency(endpoint, settings_.accounts[endpoint.account].name,
                          inbox_.class_name(endpoint.model_class), &json);
    }
    json.close(']').close('}');
    json.key("keys").literal(keys.take());
    write_routes(settings_.core.routes, steps, &json);
    json.key("batch").literal(batches.take());
    json.key("memory").open('{').member("bodies", held.bytes);
    json.member("requests", slab_.used() * sizeof(Request));
    json.member("events", waiting.bytes + waiting.events * sizeof(weir_event)).close('}');
    write_origins(settings_.core.limits, &json);
    json.key("day").open('{').member("unpriced", unpriced);
    json.key("budgets").literal(budgets.take()).close('}');
    json.key("readings").open('{').member("ignored", ignored).close('}');
    json.key("limits").open('[');
    const std::size_t classes = settings_.core.limits.classes.size();
    for (const Limiter::BucketView& bucket : buckets) {
        if (bucket.model_class == classes && counts.token_counts == 0) continue;  // not in use
        const bool has_class = bucket.model_class != LimitSettings::Scope::kAny;
        write_bucket(bucket, settings_.core,
                     has_class ? inbox_.class_name(bucket.model_class) : std::string(), now, &json);
    }
    json.close(']').key("priority_tier").open('[');
    for (const Limiter::PriorityView& view : priority) {
        write_priority(view, settings_.core.accounts.accounts[view.account].name,
                       inbox_.class_name(view.model_class), now, &json);
    }
    json.close(']').key("estimates").open('[');
    for (const auto& [model_class, quality] : estimates) {
        write_estimates(quality, inbox_.class_name(model_class), &json);
    }
    return json.close(']').close('}').take();
}

}  // namespace weir
