#include "core/request_slab.h"

#include <new>

namespace weir {

RequestSlab::~RequestSlab() {
    for (auto& chunk : chunks_) delete[] chunk.load(std::memory_order_relaxed);
}

RequestIndex RequestSlab::take() {
    RequestIndex index = free_;
    if (index != kNoRequest) {
        free_ = at(index).link.next;
    } else {
        index = used_.load(std::memory_order_relaxed);
        if (index == kMaxRequests) throw std::bad_alloc();
        auto& chunk = chunks_[index >> kChunkBits];
        if (chunk.load(std::memory_order_relaxed) == nullptr) {
            chunk.store(new Request[kChunkMask + 1], std::memory_order_release);
        }
        used_.store(index + 1, std::memory_order_release);
    }
    Request& request = at(index);
    request.link = QueueLink();
    request.generation += 1;
    request.ticket.store(std::uint64_t{request.generation} << 32 | (index + 1u),
                         std::memory_order_release);
    return index;
}

void RequestSlab::give_back(RequestIndex index) {
    Request& request = at(index);
    request.ticket.store(0, std::memory_order_release);
    tags_.leave(index);
    request.reset();
    // A slot whose generations are used up is retired, so that no ticket comes twice.
    if (request.generation == 0xFFFFFFFFu) return;
    request.link.next = free_;
    free_ = index;
}

Backlog RequestSlab::backlog_of(RequestIndex index) const {
    const Request& request = at(index);
    Backlog backlog{.requests = 1};
    const BodyHead head = request.body ? request.body->head() : BodyHead{};
    if (request.input_tokens != 0) {
        backlog.given_input = request.input_tokens;
    } else {
        backlog.raw_input = static_cast<std::int64_t>(head.input_tokens);
    }
    if (request.output_tokens != 0) {
        backlog.given_output = request.output_tokens;
    } else {
        backlog.learnt_output = 1;
        backlog.learnt_max = head.max_tokens;
    }
    backlog.promised = head.max_tokens != 0 ? head.max_tokens : request.output_tokens;
    return backlog;
}

bool RequestSlab::outstanding(std::uint64_t ticket) const {
    const RequestIndex index = index_of(ticket);
    if (ticket == 0 || index >= used_.load(std::memory_order_acquire)) return false;
    return at(index).ticket.load(std::memory_order_acquire) == ticket;
}

}  // namespace weir
