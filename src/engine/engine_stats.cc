#include <algorithm>
#include <vector>

#include <nlohmann/json.hpp>

#include "engine/clock.h"
#include "engine/engine.h"
#include "weir/weir.h"

namespace weir {
namespace {

using Json = nlohmann::ordered_json;

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

}  // namespace

std::string Engine::stats() {
    Core::Counts counts;
    std::uint64_t queued = 0;
    std::vector<Limiter::BucketView> buckets;
    const char* state = "open";
    const TimeNs now = monotonic_now();
    {
        const std::lock_guard lock(turn_mutex_);
        counts = loop_.core().counts();
        queued = loop_.core().queued();
        loop_.core().limiter().view(now, &buckets);
        if (loop_.stopped()) {
            state = "closed";
        } else if (loop_.failed()) {
            state = "failed";
        }
    }
    const Inbox::Held held = inbox_.held();
    const Outbox::Waiting waiting = outbox_.waiting();

    Json limits = Json::array();
    for (const Limiter::BucketView& bucket : buckets) {
        const double used = bucket.limit > 0 ? 1 - bucket.level / bucket.limit : 0;
        limits.push_back(
            {{"account", settings_.accounts[bucket.account].name},
             {"class", inbox_.class_name(bucket.model_class)},
             {"kind", kind_name(bucket.kind)},
             {"limit", bucket.limit},
             {"level", bucket.level},
             {"used", std::clamp(used, 0.0, 1.0)},
             {"held", bucket.held},
             {"learnt", bucket.learnt},
             {"paused_ms",
              bucket.paused_until > now ? (bucket.paused_until - now) / kNsPerMs : TimeNs{0}}});
    }
    const Json document = {
        {"schema", kSchema},
        {"version", WEIR_VERSION_STRING},
        {"state", state},
        {"requests",
         {{"accepted", counts.accepted},
          {"outstanding", held.requests},
          {"queued", queued},
          {"backing_off", counts.backing_off},
          {"in_flight", counts.in_flight},
          {"succeeded", counts.succeeded},
          {"failed", counts.failed},
          {"cancelled", counts.cancelled},
          {"attempts", counts.attempts},
          {"retries", counts.retries},
          {"refused", counts.refused},
          {"unpaid", counts.unpaid}}},
        {"queue",
         {{"requests", held.requests},
          {"max_requests", settings_.max_requests},
          {"bytes", held.bytes},
          {"max_bytes", settings_.max_bytes}}},
        {"events",
         {{"waiting", waiting.events},
          {"bytes", waiting.bytes},
          {"max_events", settings_.max_undelivered_events},
          {"max_bytes", settings_.max_undelivered_bytes}}},
        {"concurrency", {{"in_flight", counts.in_flight}, {"max", settings_.core.max_in_flight}}},
        {"memory",
         {{"bodies", held.bytes},
          {"requests", slab_.used() * sizeof(Request)},
          {"events", waiting.bytes + waiting.events * sizeof(weir_event)}}},
        {"limits", std::move(limits)}};
    return document.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace weir
