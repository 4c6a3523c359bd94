#include <algorithm>

#include "engine/clock.h"
#include "engine/engine.h"
#include "engine/json_writer.h"
#include "engine/limit_keys.h"
#include "engine/request_route.h"
#include "weir/weir.h"

// What can be known before a request is submitted, and while it waits.
namespace weir {
namespace {

// Rounded up: at that time it is so. -1: not known.
std::int64_t ms_until(TimeNs at, TimeNs now) {
    if (at == kNever) return -1;
    return at <= now ? 0 : (at - now + kNsPerMs - 1) / kNsPerMs;
}

}  // namespace

std::string Engine::estimate(const RequestBuilder& builder) {
    const TimeNs now = monotonic_now();
    Submission submission = builder.submission(now, settings_.default_deadline_ns);
    refuse_if_no_batch(builder);
    BodyRef rewritten;
    choose_route(settings_.core.routes, builder, &submission, &rewritten);
    Request request;
    fill(submission, inbox_.class_of(submission), &request);

    Expectation expected;
    Limiter::EstimateQuality quality{};
    std::int64_t output_p99 = 0;
    bool in_batch = false;
    {
        const std::lock_guard lock(turn_mutex_);
        const BatchLane* lane = loop_.batch_lane();
        in_batch = submission.batch != nullptr && lane != nullptr &&
                   lane->wants(request, *submission.batch, now);
        Core& core = loop_.core();
        expected = core.estimate(request, now);
        quality = core.limiter().estimate_quality(request.model_class);
        output_p99 = core.limiter().output_quantile(request.model_class, 0.99,
                                                    expected.cost.max_output_tokens);
    }
    const bool never = expected.kind == Verdict::Kind::never && !in_batch;
    const bool waits = expected.starts_at > now && !in_batch;

    JsonWriter json(false);
    json.open('{').member("schema", 1);
    json.member("lane", in_batch ? "batch" : "online");
    json.member("model_class", inbox_.class_name(request.model_class));
    json.key("account");
    const bool has_account = expected.account < settings_.accounts.size();
    has_account ? json.value(settings_.accounts[expected.account].name) : json.literal("null");
    json.member("input_tokens", expected.cost.input_tokens);
    json.key("input_spread");
    const bool guessed = request.input_tokens == 0 && quality.input_samples > 0;
    guessed ? json.value(quality.input_spread) : json.literal("null");
    json.member("output_tokens", expected.cost.output_tokens);
    json.key("output_p99");
    quality.output_samples > 0 ? json.value(output_p99) : json.literal("null");
    // A batch starts when it is closed, at the latest when its first request has waited so long.
    json.member("starts_in_ms", in_batch ? settings_.batch.machine.max_age_ns / kNsPerMs
                                         : ms_until(expected.starts_at, now));
    json.key("binding");
    const bool bound = (waits || never) && expected.binding != LimitKind::unknown;
    bound ? json.value(kind_name(expected.binding)) : json.literal("null");
    json.member("never_fits", never);
    if (never) json.member("holds", expected.holds).member("needs", expected.needs);
    json.key("queue").open('{').member("ahead", in_batch ? 0 : expected.ahead).close('}');
    return json.close('}').take();
}

std::int32_t Engine::place(std::uint64_t ticket, std::int64_t* ahead, std::int64_t* starts_in_ms) {
    const TimeNs now = monotonic_now();
    const std::lock_guard lock(turn_mutex_);
    const std::uint64_t before = inbox_.waiting_before(ticket);
    if (before == Inbox::kEnded) return WEIR_ERR_NOT_FOUND;
    const RequestIndex index = RequestSlab::index_of(ticket);
    const bool taken = before == Inbox::kTaken;
    // What the core does not have, has ended or is in a batch.
    if (taken && slab_.at(index).state == Request::State::idle) return WEIR_ERR_NOT_FOUND;
    const Expectation expected = loop_.core().place(index, now);
    *ahead = static_cast<std::int64_t>(expected.ahead + (taken ? 0 : before));
    *starts_in_ms = ms_until(expected.starts_at, now);
    return WEIR_OK;
}

}  // namespace weir
