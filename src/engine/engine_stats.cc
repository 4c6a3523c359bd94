#include <algorithm>
#include <string_view>
#include <vector>

#include "engine/clock.h"
#include "engine/engine.h"
#include "engine/json_writer.h"
#include "weir/weir.h"

namespace weir {
namespace {

constexpr int kSchema = 1;

const char* kind_name(LimitKind kind) {
    switch (kind) {
        case LimitKind::requests:
            return "requests";
        case LimitKind::input_tokens:
            return "input_tokens";
        case LimitKind::output_tokens:
            return "output_tokens";
        case LimitKind::tokens:
            return "tokens";
        case LimitKind::day_tokens:
            return "day_tokens";
        case LimitKind::unknown:
            break;
    }
    return "unknown";
}

void write_bucket(const Limiter::BucketView& bucket, std::string_view account,
                  std::string_view model_class, TimeNs now, JsonWriter* json) {
    const double used = bucket.limit > 0 ? 1 - bucket.level / bucket.limit : 0;
    const TimeNs paused = std::max<TimeNs>(0, bucket.paused_until - now);
    json->open('{').member("account", account).member("class", model_class);
    json->member("kind", kind_name(bucket.kind)).member("limit", bucket.limit);
    json->member("level", bucket.level).member("used", std::clamp(used, 0.0, 1.0));
    json->member("held", bucket.held).member("learnt", bucket.learnt);
    json->member("paused_ms", paused / kNsPerMs).close('}');
}

void write_concurrency(const Core::ConcurrencyView& endpoint, std::string_view account,
                       std::string_view model_class, JsonWriter* json) {
    json->open('{').member("account", account).member("class", model_class);
    json->member("in_flight", endpoint.in_flight).member("limit", endpoint.limit);
    json->member("usual_first_token_ms", endpoint.usual_first_token / kNsPerMs);
    json->member("recent_first_token_ms", endpoint.recent_first_token / kNsPerMs).close('}');
}

}  // namespace

std::string Engine::stats() {
    Core::Counts counts;
    std::uint64_t queued = 0;
    std::vector<Limiter::BucketView> buckets;
    std::vector<Core::ConcurrencyView> concurrency;
    JsonWriter batches(false);
    const char* state = "open";
    const TimeNs now = monotonic_now();
    {
        const std::lock_guard lock(turn_mutex_);
        counts = loop_.core().counts();
        queued = loop_.core().queued();
        concurrency = loop_.core().concurrency();
        loop_.core().limiter().view(now, &buckets);
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
    json.member("refused", counts.refused).member("unpaid", counts.unpaid).close('}');
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
    json.key("batch").literal(batches.take());
    json.key("memory").open('{').member("bodies", held.bytes);
    json.member("requests", slab_.used() * sizeof(Request));
    json.member("events", waiting.bytes + waiting.events * sizeof(weir_event)).close('}');
    json.key("limits").open('[');
    for (const Limiter::BucketView& bucket : buckets) {
        write_bucket(bucket, settings_.accounts[bucket.account].name,
                     inbox_.class_name(bucket.model_class), now, &json);
    }
    return json.close(']').close('}').take();
}

}  // namespace weir
