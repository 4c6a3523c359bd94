#pragma once

#include <atomic>
#include <cstdint>
#include <memory>

#include "base/time.h"
#include "base/timing_wheel.h"
#include "core/body.h"
#include "core/tag_groups.h"
#include "provider/outcome.h"
#include "queue/queue_link.h"
#include "routing/route_place.h"

namespace weir {

using RequestIndex = std::uint32_t;
inline constexpr RequestIndex kNoRequest = 0xFFFFFFFFu;
using AttemptIndex = std::uint32_t;
inline constexpr AttemptIndex kNoAttempt = 0xFFFFFFFFu;

// One request, from submit to its terminal event: a slot of a RequestSlab. The submitting thread
// fills in the first part and hands the slot over; from then on the core alone touches it, but for
// `ticket`, which any thread may read to learn whether the request is still outstanding.
struct Request {
    enum class State : std::uint8_t { idle, queued, backing_off, in_flight, set_aside };
    // Whose a request is. While it waits it is free for whoever comes first: the core, which starts
    // it, or a caller, who has it dropped or cancels it.
    enum class Claim : std::uint8_t { free, core, dropped, cancelled };

    std::atomic<std::uint64_t> ticket{0};  // generation << 32 | index + 1; 0 while free
    std::uint64_t user_data = 0;
    TagLink tag;  // set by RequestSlab::set_tag
    BodyRef body;
    TimeNs submitted_at = 0;
    TimeNs deadline_at = kNever;
    std::uint64_t tenant = 0;         // name_hash_64
    std::uint32_t generation = 0;     // of the slot; a generation is never given twice
    std::uint32_t input_tokens = 0;   // the caller's figure, or 0: to be estimated
    std::uint32_t output_tokens = 0;  // the caller's figure, or 0: as learnt
    std::uint32_t affinity = 0;  // like requests go to the same account, where that is configured
    std::uint32_t lease_ms = 0;  // a permit's: the caller makes the attempt, and reports it within
    RoutePlace route;            // the model class is that of its step
    std::uint16_t model_class = 0;
    std::uint16_t prices = 0xFFFF;  // a PricesId
    std::uint8_t priority = 2;
    bool stream_restart : 1 = false;  // the caller allows a broken stream to begin again
    bool counting : 1 = false;        // its input tokens are asked for, before anything else

    // The core's part.
    std::uint16_t attempts = 0;
    AttemptIndex attempt = kNoAttempt;        // in flight; of two, the first
    std::unique_ptr<ErrorDetail> last_error;  // of the last attempt that failed
    // The deadline, or what comes before it: the end of a backoff or of a lease, or a look ahead.
    // What follows is put into its tail.
    [[no_unique_address]] TimerLink timer;
    std::atomic<Claim> claim{Claim::free};
    State state : 3 = State::idle;    // idle: free, in the inbox, or ended
    bool read_nothing : 1 = false;    // an answer was whole, and could not be understood
    bool maybe_executed : 1 = false;  // by an earlier attempt
    bool was_set_aside : 1 = false;   // its tenant's budget had no room for it
    bool hedged : 1 = false;          // it had two attempts at a time
    std::uint16_t refusals = 0;       // attempts that a limit of the provider's turned away
    // The attempt whose permit is out and may be reported; 0: none. Under the inbox's lock alone.
    std::uint16_t permit_attempt = 0;
    QueueLink link;  // in the queue, the inbox or the free list

    bool take(Claim by) {
        Claim expected = Claim::free;
        return claim.compare_exchange_strong(expected, by, std::memory_order_acq_rel);
    }

    void reset();  // as a free slot, but for ticket and generation
};

// A million queued requests have room in 192 bytes each, with the head of their BodyBlock.
static_assert(sizeof(Request) <= 144);

}  // namespace weir
