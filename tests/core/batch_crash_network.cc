#include <algorithm>
#include <optional>
#include <utility>

#include "batch_crash_parts.h"

namespace weir::test {

namespace {

Outcome answered(int status) {
    Outcome outcome;
    outcome.http_status = status;
    if (status == 429) outcome.cls = OutcomeClass::rate_limited;
    if (status == 404 || status == 400) outcome.cls = OutcomeClass::bad_request;
    if (status == 500) outcome.cls = OutcomeClass::server_error;
    if (status == 529) outcome.cls = OutcomeClass::overloaded;
    outcome.maybe_executed = status == 500;
    return outcome;
}

// A 2xx that cannot be read.
Outcome nonsense() {
    Outcome outcome;
    outcome.http_status = 200;
    outcome.cls = OutcomeClass::broken;
    outcome.maybe_executed = true;
    return outcome;
}

Outcome lost(bool maybe_executed) {
    Outcome outcome;
    outcome.cls = OutcomeClass::connection;
    outcome.maybe_executed = maybe_executed;
    return outcome;
}

}  // namespace

void CrashWorld::reply(BatchCallId id, Outcome outcome, std::optional<BatchObject> batch,
                       std::optional<BatchPage> page) {
    at(after(now_, 200 * kNsPerMs),
       [this, id, outcome, batch = std::move(batch), page = std::move(page)] {
           if (live_calls_.erase(id) == 0) return;
           machine_->on_call_end(id, outcome, {batch ? &*batch : nullptr, page ? &*page : nullptr},
                                 now_, &out_);
       });
}

void CrashWorld::call(std::shared_ptr<BatchCall> call) {
    live_calls_[call->id] = true;
    if (call->kind == BatchCall::Kind::create) return create(call);
    at(after(now_, 300 * kNsPerMs), [this, call] {
        if (chance(5)) return reply(call->id, answered(529), {}, {});
        if (chance(2)) return reply(call->id, answered(429), {}, {});
        if (chance(3)) return reply(call->id, lost(true), {}, {});
        if (call->kind == BatchCall::Kind::list) {
            if (chance(2)) return reply(call->id, nonsense(), {}, {});
            if (chance(1)) listing_stuck_until_ = after(now_, 4 * kVisibility);
            if (now_ < listing_stuck_until_) {
                return reply(call->id, answered(200), {}, stuck_page());
            }
            return reply(call->id, answered(200), {},
                         api_.list(call->after_id, std::min(call->page_size, 2u), now_));
        }
        const SimBatchApi::Batch* batch = api_.find(call->remote_id);
        const bool results = call->kind == BatchCall::Kind::results;
        if (batch == nullptr || batch->readable_at > now_ ||
            (results && batch->results_at > now_)) {
            return reply(call->id, answered(404), {}, {});
        }
        if (results) {
            const std::size_t cut =
                chance(30) ? random_.below(batch->items.size() + 1) : batch->items.size() + 1;
            return download(call->id, call->remote_id, 0, cut);
        }
        if (call->kind == BatchCall::Kind::cancel) api_.cancel(call->remote_id, now_);
        const BatchObject object = api_.object(*batch, now_);
        if (call->kind == BatchCall::Kind::remove) api_.remove(call->remote_id);
        reply(call->id, answered(200), object, {});
    });
}

// What happens on the way to the provider happens even if this program has died since.
void CrashWorld::create(const std::shared_ptr<BatchCall>& call) {
    std::string body(call->body->size(), ' ');
    std::size_t size = 0;
    while (const std::size_t n = call->body->read(body.data() + size, 7)) size += n;
    if (size != body.size()) fail("the size of a creation is not what was said");
    if (chance(5)) return reply(call->id, lost(false), {}, {});
    if (chance(14)) return reply(call->id, answered(529), {}, {});
    if (chance(4)) return reply(call->id, answered(429), {}, {});
    if (chance(4)) return reply(call->id, answered(500), {}, {});
    if (const auto bad = bad_request(body)) return refuse(call->id, *bad);
    if (chance(4)) return reply(call->id, lost(true), {}, {});
    const bool reply_lost = chance(20);
    const int wrong_answer = chance(5) ? 500 : chance(5) ? 529 : chance(5) ? 200 : 0;
    if (chance(10)) api_.create_foreign(call->body->size() / 44 + 1, now_);
    const TimeNs on_the_way = after(0, chance(10) ? kVisibility / 3 : kNsPerS);
    at_provider(now_ + on_the_way,
                [this, id = call->id, run = run_, body, reply_lost, wrong_answer] {
                    const BatchObject object = api_.object(api_.create(body, now_), now_);
                    trace(object.created_unix_ns > 0);
                    if (run != run_) return;
                    if (reply_lost) return reply(id, lost(true), {}, {});
                    if (wrong_answer == 200) return reply(id, nonsense(), {}, {});
                    if (wrong_answer != 0) return reply(id, answered(wrong_answer), {}, {});
                    reply(id, answered(200), object, {});
                });
    // A connection that breaks before the provider is done.
    if (chance(8)) reply(call->id, lost(true), {}, {});
}

// The position of the first request for which the provider refuses the batch.
std::optional<std::uint32_t> CrashWorld::bad_request(const std::string& body) const {
    const std::string name = "{\"i\":";
    std::uint32_t position = 0;
    for (std::size_t at = body.find(name); at != body.npos; at = body.find(name, at + 1)) {
        if (requests_[std::stoul(body.substr(at + name.size()))].bad) return position;
        ++position;
    }
    return std::nullopt;
}

// The refusal of a creation: it says for which request, or does not.
void CrashWorld::refuse(BatchCallId id, std::uint32_t position) {
    const bool named = chance(50);
    at(after(now_, 200 * kNsPerMs), [this, id, position, named] {
        if (live_calls_.erase(id) == 0) return;
        BatchAnswer answer;
        if (named) answer.refused_at = {position};
        machine_->on_call_end(id, answered(400), answer, now_, &out_);
    });
}

// There is always more, after the same batch.
BatchPage CrashWorld::stuck_page() const {
    BatchPage page;
    page.has_more = true;
    page.batches.emplace_back().id = "msgbatch_stuck";
    page.batches.back().created_unix_ns = kUnixAtZero + now_;
    return page;
}

void CrashWorld::download(BatchCallId id, const std::string& remote_id, std::size_t next,
                          std::size_t cut) {
    at(after(now_, 300 * kNsPerMs), [this, id, remote_id, next, cut] {
        const SimBatchApi::Batch* batch = api_.find(remote_id);
        std::size_t i = next;
        for (std::size_t n = 0; n < 5; ++n, ++i) {
            if (!live_calls_.contains(id)) return;
            if (i == cut) return reply(id, lost(true), {}, {});
            if (batch == nullptr || i == batch->items.size()) {
                return reply(id, answered(200), {}, {});
            }
            const SimBatchApi::Item& item = batch->items[i];
            if (item.fate == SimBatchApi::Fate::missing) continue;
            BatchResult result;
            result.custom_id = item.custom_id;
            if (item.fate == SimBatchApi::Fate::expired) result.type = BatchResult::Type::expired;
            if (item.fate == SimBatchApi::Fate::overloaded ||
                item.fate == SimBatchApi::Fate::invalid) {
                result.type = BatchResult::Type::errored;
                result.error_class = item.fate == SimBatchApi::Fate::invalid
                                         ? OutcomeClass::bad_request
                                         : OutcomeClass::overloaded;
            }
            result_at_hand_ = &result;
            const ResultPrice price{.micros = 1, .saved_micros = 1};
            machine_->on_result(id, result, price, now_, &out_);
            if (chance(2)) machine_->on_result(id, result, price, now_, &out_);
            drain();
            result_at_hand_ = nullptr;
        }
        download(id, remote_id, i, cut);
    });
}

}  // namespace weir::test
