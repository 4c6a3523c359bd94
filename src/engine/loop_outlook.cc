#include "engine/loop.h"

// What submits look at without waiting for the loop.
namespace weir {
namespace {

constexpr TimeNs kPublishEveryNs = 5 * kNsPerMs;

}  // namespace

void Loop::note_class(std::uint16_t model_class) {
    if (in_use_[model_class]) return;
    classes_in_use_.push_back(model_class);
    in_use_[model_class] = true;
}

// Only when something has changed; and while something waits, which makes changes frequent and the
// outlook dear, only every few milliseconds. What is put off is made up for at publish_again_at().
void Loop::publish_outlook() {
    const Core::Counts& counts = core_.counts();
    const std::uint64_t changes = counts.accepted + counts.attempts + counts.succeeded +
                                  counts.failed + counts.refused + responses_seen_;
    if (changes == changes_published_) return;
    outlook_is_late_ = core_.queued() != 0 && now_ - published_at_ < kPublishEveryNs;
    if (outlook_is_late_) return;
    for (const std::uint16_t model_class : classes_in_use_) {
        outlook_->publish(model_class, core_.outlook(model_class, now_));
    }
    published_at_ = now_;
    changes_published_ = changes;
}

TimeNs Loop::publish_again_at() const {
    return outlook_is_late_ ? published_at_ + kPublishEveryNs : kNever;
}

}  // namespace weir
