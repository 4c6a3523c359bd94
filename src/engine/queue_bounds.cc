#include "engine/queue_bounds.h"

#include <fmt/format.h>

#include <utility>

#include "base/name_hash.h"
#include "engine/failure.h"
#include "weir/weir.h"

namespace weir {
namespace {

// How far a drop looks past the requests that are in flight.
constexpr std::size_t kMostLookedAt = 1024;
// Between the look and the claim the core may start what was found.
constexpr int kMostTries = 4;

std::size_t body_bytes(const Request& request) {
    return request.body ? request.body->bytes().size() : 0;
}

}  // namespace

void DropOrder::add(RequestIndex index, std::uint8_t priority) {
    const RequestIndex older = newest_[priority];
    at(index).set_older(older);
    at(index).set_newer(kNoRequest);
    if (older != kNoRequest) at(older).set_newer(index);
    newest_[priority] = index;
}

void DropOrder::remove(RequestIndex index, std::uint8_t priority) {
    if (index >> kChunkBits >= chunks_.size()) return;
    const Link link = std::exchange(at(index), Link());
    const bool is_newest = newest_[priority] == index;
    if (!is_newest && link.newer() == kNoRequest) return;  // it was not added
    if (link.older() != kNoRequest) at(link.older()).set_newer(link.newer());
    if (is_newest) {
        newest_[priority] = link.older();
    } else {
        at(link.newer()).set_older(link.older());
    }
}

QueueBounds::QueueBounds(RequestSlab* slab, BoundSettings settings)
    : slab_(slab), settings_(std::move(settings)) {
    for (const BoundSettings::Tenant& named : settings_.tenants) {
        TenantBound bound = named.bound;
        if (bound.requests == 0) bound.requests = settings_.each_tenant.requests;
        if (bound.bytes == 0) bound.bytes = settings_.each_tenant.bytes;
        tenants_[name_hash_64(named.name)] = {.bound = bound, .held = {}, .name = &named.name};
    }
}

QueueBounds::Tenant* QueueBounds::tenant_of(std::uint64_t tenant) {
    if (tenants_.empty()) return nullptr;
    const auto found = tenants_.find(tenant);
    return found == tenants_.end() ? nullptr : &found->second;
}

void QueueBounds::make_room(std::uint64_t tenant, std::uint8_t priority, std::size_t bytes,
                            Dropped* dropped) {
    const TenantBound& each = settings_.each_tenant;
    const bool is_bounded = each.requests != 0 || each.bytes != 0;
    Tenant* known = tenant_of(tenant);
    if (known != nullptr) refuse_if_full(*known, bytes);
    if (known == nullptr && is_bounded) refuse_if_full({.bound = each, .held = {}}, bytes);
    if (!has_room(bytes, Held()) &&
        (!settings_.drop_lowest || dropped == nullptr || !drop_lower(priority, bytes, dropped))) {
        refuse(bytes);
    }
    if (settings_.drop_lowest) order_.grow(slab_->used() + 1u);
    if (known == nullptr && is_bounded) tenants_.emplace(tenant, Tenant{.bound = each, .held = {}});
}

bool QueueBounds::has_room(std::size_t bytes, const Held& freed) const {
    return held_.requests - leaving_.requests - freed.requests < settings_.max_requests &&
           held_.bytes - leaving_.bytes - freed.bytes + bytes <= settings_.max_bytes;
}

// The newest requests of the lowest priorities below this one, until there is room. What is in
// flight is not touched, and nothing is if it would not be enough.
bool QueueBounds::drop_lower(std::uint8_t priority, std::size_t bytes, Dropped* dropped) {
    for (int tries = 0; tries < kMostTries; ++tries) {
        // Room is made by what leaves, and there is a bound to that too.
        if (leaving_.requests + Dropped::kMost > kMostLeaving) return false;
        if (leaving_.bytes > settings_.max_bytes / 4) return false;
        std::array<RequestIndex, Dropped::kMost> found;
        std::size_t count = 0;
        std::size_t looked_at = 0;
        Held freed;
        for (std::uint8_t lower = kPriorities - 1; lower > priority; --lower) {
            for (RequestIndex index = order_.newest(lower);
                 index != kNoRequest && !has_room(bytes, freed) && looked_at < kMostLookedAt;
                 index = order_.older(index), ++looked_at) {
                const Request& request = slab_->at(index);
                if (request.claim.load(std::memory_order_relaxed) != Request::Claim::free) continue;
                if (dropped->count + count == Dropped::kMost) return false;
                found[count++] = index;
                ++freed.requests;
                freed.bytes += body_bytes(request);
            }
        }
        if (!has_room(bytes, freed)) return false;
        bool all = true;
        for (std::size_t i = 0; i < count; ++i) {
            if (leave(found[i], Request::Claim::dropped)) {
                dropped->tickets[dropped->count++] =
                    slab_->at(found[i]).ticket.load(std::memory_order_relaxed);
            } else {
                all = false;
            }
        }
        if (all) return has_room(bytes, Held());
    }
    // The race was lost again and again. What was dropped was dropped for this request.
    return dropped->count > 0;
}

bool QueueBounds::leave(RequestIndex index, Request::Claim claim) noexcept {
    Request& request = slab_->at(index);
    if (!request.take(claim)) return false;
    ++leaving_.requests;
    leaving_.bytes += body_bytes(request);
    return true;
}

void QueueBounds::cancelled(RequestIndex index) noexcept {
    if (leaving_.requests >= kMostLeaving || leaving_.bytes > settings_.max_bytes / 4) return;
    leave(index, Request::Claim::cancelled);
}

void QueueBounds::add(RequestIndex index, bool may_be_dropped) noexcept {
    const Request& request = slab_->at(index);
    const std::size_t bytes = body_bytes(request);
    ++held_.requests;
    held_.bytes += bytes;
    if (Tenant* tenant = tenant_of(request.tenant)) {
        ++tenant->held.requests;
        tenant->held.bytes += bytes;
    }
    if (settings_.drop_lowest && may_be_dropped) order_.add(index, request.priority);
}

void QueueBounds::adopt(RequestIndex index) {
    const TenantBound& each = settings_.each_tenant;
    if (each.requests != 0 || each.bytes != 0) {
        tenants_.try_emplace(slab_->at(index).tenant, Tenant{.bound = each, .held = {}});
    }
    add(index, false);
}

void QueueBounds::remove(RequestIndex index, std::size_t bytes) noexcept {
    const Request& request = slab_->at(index);
    --held_.requests;
    held_.bytes -= bytes;
    const auto claim = request.claim.load(std::memory_order_relaxed);
    if (claim == Request::Claim::dropped || claim == Request::Claim::cancelled) {
        --leaving_.requests;
        leaving_.bytes -= bytes;
    }
    if (settings_.drop_lowest) order_.remove(index, request.priority);
    if (tenants_.empty()) return;
    const auto found = tenants_.find(request.tenant);
    if (found == tenants_.end()) return;
    Tenant& tenant = found->second;
    --tenant.held.requests;
    tenant.held.bytes -= bytes;
    if (tenant.held.requests == 0 && tenant.name == nullptr) tenants_.erase(found);
}

void QueueBounds::body_went(RequestIndex index, std::size_t bytes) noexcept {
    held_.bytes -= bytes;
    if (Tenant* tenant = tenant_of(slab_->at(index).tenant)) tenant->held.bytes -= bytes;
}

void QueueBounds::body_came(RequestIndex index, std::size_t bytes) noexcept {
    held_.bytes += bytes;
    if (Tenant* tenant = tenant_of(slab_->at(index).tenant)) tenant->held.bytes += bytes;
}

void QueueBounds::refuse_if_full(const Tenant& tenant, std::size_t bytes) const {
    const auto key = [&](const char* what, bool of_each) {
        return of_each || tenant.name == nullptr ? fmt::format("queue.tenant_{}", what)
                                                 : fmt::format("tenant.{}.{}", *tenant.name, what);
    };
    const TenantBound& each = settings_.each_tenant;
    const TenantBound& bound = tenant.bound;
    if (bound.requests != 0 && tenant.held.requests >= bound.requests) {
        throw Failure(WEIR_ERR_QUEUE_FULL, ErrorSource::local,
                      fmt::format("{} is reached: {} requests of the tenant are outstanding; wait "
                                  "for events, or raise it",
                                  key("max_requests", bound.requests == each.requests),
                                  tenant.held.requests));
    }
    if (bound.bytes != 0 && tenant.held.bytes + bytes > bound.bytes) {
        throw Failure(
            WEIR_ERR_QUEUE_FULL, ErrorSource::local,
            fmt::format("{} would be passed: the tenant's outstanding bodies have {} "
                        "bytes, this one {}; wait for events, or raise it",
                        key("max_bytes", bound.bytes == each.bytes), tenant.held.bytes, bytes));
    }
}

void QueueBounds::refuse(std::size_t bytes) const {
    const char* lower = settings_.drop_lowest ? ", and nothing of a lower priority waits" : "";
    if (held_.requests - leaving_.requests >= settings_.max_requests) {
        throw Failure(WEIR_ERR_QUEUE_FULL, ErrorSource::local,
                      fmt::format("queue.max_requests is reached: {} requests are outstanding{}",
                                  held_.requests, lower));
    }
    throw Failure(WEIR_ERR_QUEUE_FULL, ErrorSource::local,
                  fmt::format("queue.max_bytes would be passed: the outstanding bodies have {} "
                              "bytes, this one {}{}",
                              held_.bytes, bytes, lower));
}

}  // namespace weir
