#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "core/request.h"
#include "engine/event.h"
#include "engine/exchange.h"
#include "engine/permit_object.h"
#include "provider/batch_calls.h"

namespace weir {

// Not terminal: the request's permit is out.
weir_event make_permit_event(const Request& request, std::unique_ptr<weir_permit> permit) noexcept;

// The terminal event of a request that was answered. Without memory for the answer it is a failure.
weir_event make_done(const Request& request, Exchange* exchange, std::string_view account,
                     std::int64_t cost_micros, const RouteSettings& routes, TimeNs now) noexcept;

// The terminal event of a request that a batch has answered.
weir_event make_batch_done(const Request& request, const BatchResult& result,
                           std::string_view account, std::int64_t cost_micros,
                           const RouteSettings& routes, TimeNs now) noexcept;

// What was passed on of the request's stream is void.
weir_event make_stream_restart(const Request& request) noexcept;

// The terminal event of a request that failed, with what its last attempt left to say; and when a
// key comes back, if there is none for it (-1: that is not why, or not known).
weir_event make_failed(const Request& request, std::int32_t status,
                       TimeNs keys_back_in_ns = -1) noexcept;

// The terminal event of a request that a budget or the journal has no room for: `message` says
// which, and in `frees_in_ns` there is room again (-1: never, or nobody knows).
weir_event make_refused(const Request& request, std::int32_t status, std::string_view message,
                        TimeNs frees_in_ns = -1) noexcept;

// The terminal event that needs no memory.
weir_event make_plain_failure(const Request& request, std::int32_t status) noexcept;

}  // namespace weir
