#include "batch/collector.h"

#include <algorithm>

#include "batch/create_body.h"

namespace weir {

std::uint64_t Collector::size_in_batch(std::uint64_t body_bytes) {
    // The submission and the position are not known yet: counted with all their digits.
    constexpr std::uint64_t kFrameOfItem = 96;
    return body_bytes + kFrameOfItem;
}

bool Collector::ever_fits(std::uint64_t body_bytes) const {
    return size_in_batch(body_bytes) + CreateBody::kFrame <= max_bytes_;
}

std::uint64_t Collector::add(GroupIndex index, EntryId entry, std::uint64_t body_bytes,
                             TimeNs now) {
    if (index >= groups_.size()) groups_.resize(index + 1);
    Group& group = groups_[index];
    const std::uint64_t bytes = size_in_batch(body_bytes);
    group.entries.emplace(++last_place_, Waiting{entry, bytes, now});
    group.bytes += bytes;
    ++size_;
    return last_place_;
}

void Collector::remove(GroupIndex index, std::uint64_t place) {
    Group& group = groups_[index];
    const auto it = group.entries.find(place);
    if (it == group.entries.end()) return;
    group.bytes -= it->second.bytes;
    group.entries.erase(it);
    --size_;
}

void Collector::flush() {
    for (Group& group : groups_) group.flushed = last_place_;
}

void Collector::lower_max_bytes(std::uint64_t max_bytes) {
    max_bytes_ = std::min(max_bytes_, max_bytes);
}

TimeNs Collector::ripe_at(const Group& group) const {
    if (group.entries.empty()) return kNever;
    const auto oldest = group.entries.begin();
    const bool full = group.entries.size() >= max_requests_ ||
                      group.bytes + CreateBody::kFrame >= max_bytes_ ||
                      oldest->first <= group.flushed;
    return full ? 0 : later(oldest->second.since, max_age_ns_);
}

bool Collector::take(TimeNs now, GroupIndex* index, std::vector<EntryId>* entries) {
    const auto it = std::find_if(groups_.begin(), groups_.end(),
                                 [&](const Group& group) { return ripe_at(group) <= now; });
    if (it == groups_.end()) return false;
    Group& group = *it;
    *index = static_cast<GroupIndex>(it - groups_.begin());
    entries->clear();
    std::uint64_t bytes = CreateBody::kFrame;
    while (!group.entries.empty() && entries->size() < max_requests_) {
        const auto oldest = group.entries.begin();
        if (!entries->empty() && bytes + oldest->second.bytes > max_bytes_) break;
        bytes += oldest->second.bytes;
        entries->push_back(oldest->second.entry);
        group.bytes -= oldest->second.bytes;
        group.entries.erase(oldest);
    }
    size_ -= entries->size();
    return true;
}

TimeNs Collector::next_timer() const {
    TimeNs next = kNever;
    for (const Group& group : groups_) next = std::min(next, ripe_at(group));
    return next;
}

}  // namespace weir
