#pragma once

#include <cstdint>
#include <mutex>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "core/body.h"
#include "core/request_slab.h"
#include "engine/model_classes.h"

namespace weir {

// A request as its submitter gives it.
struct Submission {
    const BodyRef* body;
    std::uint64_t user_data;
    std::uint64_t tag;
    TimeNs submitted_at;
    TimeNs deadline_at;
    std::uint32_t input_tokens;
    std::uint32_t output_tokens;
    std::uint8_t priority;
};

// What callers want of the loop, in the order in which they asked; and the count of what they have
// outstanding. The one lock that a submit takes.
class Inbox {
public:
    Inbox(RequestSlab* slab, ModelClasses classes, std::uint32_t max_requests,
          std::uint64_t max_bytes);

    // ---- The callers' side. `wake` becomes true if the loop sleeps and is to be woken ----

    // A new request; its ticket. Throws Failure, and std::bad_alloc.
    std::uint64_t submit(const Submission& submission, bool* wake);
    // False if the ticket, or every request of the tag, has ended.
    bool cancel(std::uint64_t ticket, bool* wake);
    bool cancel_tag(std::uint64_t tag, bool* wake);
    // Nothing is accepted from here on.
    void close(bool* wake) noexcept;

    struct Held {
        std::uint32_t requests;
        std::uint64_t bytes;
    };
    Held held();
    std::string class_name(std::uint16_t model_class);

    // ---- The loop's side ----

    struct Command {
        enum class Kind : std::uint8_t { cancel, cancel_tag };
        Kind kind;
        std::uint64_t value;
        RequestIndex after;  // the request submitted last before it, of the same batch
    };
    struct Batch {
        RequestIndex first = kNoRequest;  // linked by Request::link
        std::vector<Command> commands;
        bool close = false;
    };
    // Moves everything into `batch`, whose commands' memory is reused.
    void take(Batch* batch) noexcept;

    // True if there is nothing to do: whoever brings something wakes the loop.
    bool prepare_sleep() noexcept;

    // The requests have come to their ends. Their tickets are dead when this returns.
    struct Ended {
        RequestIndex request;
        BodyRef body;  // moved out of the slot, so that it is not freed under the lock
    };
    void give_back(std::span<const Ended> ended) noexcept;

    // Refuses everything from here on as WEIR_ERR_INTERNAL, and forgets what waits.
    void fail() noexcept;

private:
    void refuse_if_over(const Submission& submission) const;
    bool wake_if_asleep();

    RequestSlab* const slab_;
    const std::uint32_t max_requests_;
    const std::uint64_t max_bytes_;

    std::mutex mutex_;  // guards all below, and the slab's free list
    ModelClasses classes_;
    RequestIndex head_ = kNoRequest;
    RequestIndex tail_ = kNoRequest;
    std::vector<Command> commands_;
    std::unordered_map<std::uint64_t, std::uint32_t> tags_;  // outstanding requests of a tag
    Held held_{0, 0};
    bool asleep_ = true;
    bool closed_ = false;
    bool close_taken_ = false;
    bool failed_ = false;
};

}  // namespace weir
