#pragma once

#include <array>
#include <cstdint>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "batch/batch_types.h"
#include "core/body.h"
#include "core/request_slab.h"
#include "engine/attempt_report.h"
#include "engine/model_classes.h"
#include "engine/outlook.h"
#include "engine/queue_bounds.h"

namespace weir {

enum class Lane : std::uint8_t { online, batch, automatic };

// What a request that asks for the batch lane has beside the others.
struct BatchWish {
    Lane lane = Lane::batch;
    TimeNs fallback_ns = 0;  // answered online so long before its deadline; 0: never
    std::string custom_id = {};
    std::string complexity = {};  // of one with a route
    std::uint64_t tag = 0;        // as in the Submission
};

// A request as its submitter gives it.
struct Submission {
    const BodyRef* body;
    std::uint64_t user_data;
    std::uint64_t tag;
    TimeNs submitted_at;
    TimeNs deadline_at;
    std::uint32_t input_tokens;
    std::uint32_t output_tokens;
    std::uint64_t tenant;    // name_hash_64
    std::uint32_t affinity;  // name_hash
    std::uint8_t priority;
    bool stream_restart = false;
    const BatchWish* batch;      // NULL: online
    std::uint32_t lease_ms = 0;  // of a permit; 0: a request
    bool count_tokens = false;
    RoutePlace route = {};          // chosen for it, where it asks for one
    std::uint16_t model_class = 0;  // that of the route
    std::uint16_t prices = 0xFFFF;  // likewise
};

// Sets what the submitter decides.
void fill(const Submission& submission, ModelClasses::Found found, Request* request);

// What callers want of the loop, in the order in which they asked; and the count of what they have
// outstanding. The one lock that a submit takes.
class Inbox {
public:
    // What `outlook` rules out is refused.
    Inbox(RequestSlab* slab, const Outlook* outlook, ModelClasses classes, BoundSettings bounds);

    // ---- The callers' side. `wake` becomes true if the loop sleeps and is to be woken ----

    // A new request; its ticket. Throws Failure, and std::bad_alloc.
    std::uint64_t submit(const Submission& submission, bool* wake);
    // The same, for a permit that is to be given at once: it is not passed on to the loop.
    // kNoRequest if something waits here that it would overtake.
    RequestIndex submit_apart(const Submission& submission);
    // False if the ticket, or every request of the tag, has ended.
    bool cancel(std::uint64_t ticket, bool* wake);
    bool cancel_tag(std::uint64_t tag, bool* wake);
    struct Command {
        enum class Kind : std::uint8_t {
            cancel,
            cancel_tag,
            drop,
            acknowledge,
            flush,
            cancel_batch,
            report,           // of a permit; Batch::reports has what it says
            report_head,      // likewise
            report_progress,  // `amount` output tokens so far
        };
        Kind kind;
        std::uint64_t value;
        RequestIndex after;  // the request submitted last before it, of the same batch
        std::int64_t amount = 0;
        std::uint32_t attempt = 0;  // of a permit: which of the ticket's it is
    };
    // A command that needs no check here, in its place among the submits.
    void tell(Command::Kind kind, std::uint64_t value, bool* wake);
    // False if the permit is not out.
    bool report(const PermitName& permit, AttemptReport report, bool whole, bool* wake);
    bool report_progress(const PermitName& permit, std::int64_t output_tokens, bool* wake);
    // Nothing is accepted from here on.
    void close(bool* wake) noexcept;

    using Held = QueueBounds::Held;
    Held held();
    std::string class_name(std::uint16_t model_class);
    ModelClasses::Found class_of(const Submission& submission);
    ModelClasses::Found class_of(const BodyBlock& body);
    // How many were submitted before the request and are not taken either. O(of these).
    static constexpr std::uint64_t kTaken = ~std::uint64_t{0};  // by the loop
    static constexpr std::uint64_t kEnded = kTaken - 1;         // or never begun
    std::uint64_t waiting_before(std::uint64_t ticket);

    // ---- The loop's side ----

    struct Wish {
        RequestIndex request;
        BatchWish wish;
    };
    struct Batch {
        RequestIndex first = kNoRequest;  // linked by Request::link
        std::vector<Command> commands;
        std::vector<Wish> wishes;            // of some of the requests, in their order
        std::vector<AttemptReport> reports;  // of some of the commands, in their order
        bool close = false;
    };
    // Moves everything into `batch`, whose commands' memory is reused.
    void take(Batch* batch) noexcept;

    // The first of the tag's outstanding requests, to be followed by RequestSlab::next_of_tag.
    RequestIndex first_of_tag(std::uint64_t tag) noexcept;

    // True if there is nothing to do: whoever brings something wakes the loop.
    bool prepare_sleep() noexcept;

    // The requests have come to their ends. Their tickets are dead when this returns.
    struct Ended {
        explicit Ended(RequestIndex ended = kNoRequest) : request(ended) {}
        RequestIndex request;
        BodyRef body;  // give_back() puts it here, so that it is not freed under the lock
    };
    void give_back(std::span<Ended> ended) noexcept;

    // The permit for the request's attempt is out: it may be reported.
    void permit_given(RequestIndex request) noexcept;

    // A slot for a request of an earlier run; its ticket. Above all bounds, since it was accepted.
    std::uint64_t adopt(const BatchOrigin& origin, TimeNs deadline_at, TimeNs now);
    // The request's body is kept elsewhere from here on, or needed here again.
    void release_body(RequestIndex request) noexcept;
    void restore_body(RequestIndex request, BodyRef body) noexcept;

    // Refuses everything from here on as WEIR_ERR_INTERNAL, and forgets what waits.
    void fail() noexcept;

private:
    void refuse_if_closed() const;
    ModelClasses::Found find_class(const Submission& submission);  // under the lock
    void make_room(const Submission& submission);
    RequestIndex take_slot(const Submission& submission, ModelClasses::Found found);
    bool permit_is_out(const PermitName& permit) const;
    void make_room_for_command();
    bool wake_if_asleep();

    RequestSlab* const slab_;
    const Outlook* const outlook_;

    std::mutex mutex_;  // guards all below, and the slab's free list and tags
    ModelClasses classes_;
    RequestIndex head_ = kNoRequest;
    RequestIndex tail_ = kNoRequest;
    std::vector<Command> commands_;
    std::vector<Wish> wishes_;
    std::vector<AttemptReport> reports_;
    std::array<std::uint32_t, kPriorities> waiting_{};  // of the linked requests
    QueueBounds bounds_;
    bool asleep_ = true;
    bool closed_ = false;
    bool close_taken_ = false;
    bool failed_ = false;
};

}  // namespace weir
