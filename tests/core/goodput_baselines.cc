#include <algorithm>
#include <cmath>
#include <deque>
#include <queue>
#include <vector>

#include "goodput_clients.h"

namespace weir::test {

namespace {

// What is common to the baselines: attempts that stand for a piece of work, and timers.
class Baseline : public Client {
public:
    Baseline(int keys, std::size_t classes, World* world)
        : world_(world), keys_(keys), classes_(classes) {}

    void on_head(AttemptRef, const LimitReadings&, TimeNs) override {}
    void on_progress(AttemptRef, std::int64_t, TimeNs) override {}
    TimeNs next_timer() const override { return timers_.empty() ? kNever : timers_.top().at; }

protected:
    struct Job {
        Work work;
        int key = 0;
        int refusals = 0;
    };
    struct Timer {
        TimeNs at;
        std::uint64_t order;
        Job job;
        bool operator<(const Timer& other) const {
            return at != other.at ? at > other.at : order > other.order;
        }
    };

    // Keys and model classes in turn.
    Job next_job() {
        const std::size_t turn = turn_++;
        Job job;
        job.key = static_cast<int>(turn % static_cast<std::size_t>(keys_));
        job.work = world_->draw_work(
            static_cast<std::uint16_t>(turn / static_cast<std::size_t>(keys_) % classes_));
        return job;
    }
    void send(const Job& job, TimeNs now) {
        const AttemptRef ref = world_->send(job.key, job.work, now);
        if (ref >= jobs_.size()) jobs_.resize(ref + 1);
        jobs_[ref] = job;
    }
    void call_at(TimeNs at, const Job& job) { timers_.push({at, order_++, job}); }
    Job take_timer() {
        const Job job = timers_.top().job;
        timers_.pop();
        return job;
    }

    World* world_;
    int keys_;
    std::size_t classes_;
    std::size_t turn_ = 0;
    std::uint64_t order_ = 0;
    std::vector<Job> jobs_;  // by attempt of the world
    std::priority_queue<Timer> timers_;
};

TimeNs sdk_backoff(const Outcome& outcome, int refusals, Random* random) {
    if (outcome.retry_after_ns > 0 && outcome.retry_after_ns <= kNsPerMinute)
        return outcome.retry_after_ns;
    const double seconds = std::min(0.5 * std::pow(2.0, std::min(refusals - 1, 10)), 8.0);
    return static_cast<TimeNs>(seconds * (1 - 0.25 * random->unit()) * 1e9);
}

class Workers : public Baseline {
public:
    Workers(int workers, int keys, std::size_t classes, World* world)
        : Baseline(keys, classes, world), workers_(workers) {}

    void begin(TimeNs now) override {
        for (int i = 0; i < workers_; ++i) send(next_job(), now);
    }
    void on_end(AttemptRef ref, const Outcome& outcome, TimeNs now) override {
        Job job = jobs_[ref];
        if (outcome.cls == OutcomeClass::success) return send(next_job(), now);
        ++job.refusals;
        call_at(now + sdk_backoff(outcome, job.refusals, &world_->random()), job);
    }
    void advance(TimeNs now) override {
        while (next_timer() <= now) send(take_timer(), now);
    }

private:
    int workers_;
};

class PacedQueue : public Baseline {
public:
    PacedQueue(double requests_per_s, int keys, std::size_t classes, World* world)
        : Baseline(keys, classes, world), rate_(requests_per_s), highest_(requests_per_s) {}

    void begin(TimeNs now) override { next_at_ = now; }
    void on_end(AttemptRef ref, const Outcome& outcome, TimeNs now) override {
        if (outcome.cls == OutcomeClass::success) {
            rate_ = std::min(rate_ * 1.01, highest_);
            return;
        }
        Job job = jobs_[ref];
        ++job.refusals;
        rate_ = std::max(rate_ * 0.5, highest_ * 0.05);
        call_at(now + sdk_backoff(outcome, job.refusals, &world_->random()), job);
    }
    void advance(TimeNs now) override {
        while (timers_.size() > 0 && timers_.top().at <= now) waiting_.push_back(take_timer());
        while (next_at_ <= now) {
            if (waiting_.empty()) waiting_.push_back(next_job());
            send(waiting_.front(), now);
            waiting_.pop_front();
            next_at_ += static_cast<TimeNs>(1e9 / rate_);
        }
    }
    TimeNs next_timer() const override { return std::min(Baseline::next_timer(), next_at_); }

private:
    double rate_;
    double highest_;
    TimeNs next_at_ = 0;
    std::deque<Job> waiting_;
};

class DebitBucket : public Baseline {
public:
    DebitBucket(const LimitSettings& limits, World* world)
        : Baseline(static_cast<int>(limits.accounts.size()), limits.classes.size(), world) {
        for (const LimitSettings::Account& account : limits.accounts) {
            for (std::size_t c = 0; c < limits.classes.size(); ++c) {
                BucketLimits own = limits.classes[c].limits;
                for (const LimitSettings::AccountLimits& each : account.limits) {
                    if (each.model_class == c) own = each.limits;
                }
                lanes_.emplace_back();
                lanes_.back().full = {static_cast<double>(own.requests_per_minute),
                                      static_cast<double>(own.input_tokens_per_minute),
                                      static_cast<double>(own.output_tokens_per_minute)};
                lanes_.back().level = lanes_.back().full;
                lanes_.back().key =
                    static_cast<int>(lanes_.size() - 1) / static_cast<int>(limits.classes.size());
                lanes_.back().model_class = static_cast<std::uint16_t>(c);
            }
        }
    }

    void begin(TimeNs now) override {
        for (Lane& lane : lanes_) lane.at = now;
        advance(now);
    }
    void on_end(AttemptRef ref, const Outcome& outcome, TimeNs now) override {
        if (outcome.cls == OutcomeClass::success) return;
        Job job = jobs_[ref];
        ++job.refusals;
        call_at(now + sdk_backoff(outcome, job.refusals, &world_->random()), job);
    }
    void advance(TimeNs now) override {
        while (timers_.size() > 0 && timers_.top().at <= now) send(take_timer(), now);
        for (Lane& lane : lanes_) {
            while (lane.next_at <= now) start_next(&lane, now);
        }
    }
    TimeNs next_timer() const override {
        TimeNs next = Baseline::next_timer();
        for (const Lane& lane : lanes_) next = std::min(next, lane.next_at);
        return next;
    }

private:
    struct Lane {
        std::array<double, 3> full{};
        std::array<double, 3> level{};
        TimeNs at = 0;
        TimeNs next_at = 0;
        bool has_work = false;
        Work work;
        int key = 0;
        std::uint16_t model_class = 0;
    };

    void start_next(Lane* lane, TimeNs now) {
        if (!lane->has_work) lane->work = world_->draw_work(lane->model_class);
        lane->has_work = true;
        const std::array<double, 3> need = {1, static_cast<double>(lane->work.estimated_input),
                                            static_cast<double>(lane->work.max_tokens)};
        const double minutes = static_cast<double>(now - lane->at) / 60e9;
        lane->at = now;
        double wait_min = 0;
        for (std::size_t i = 0; i < need.size(); ++i) {
            if (lane->full[i] <= 0) continue;
            lane->level[i] = std::min(lane->full[i], lane->level[i] + lane->full[i] * minutes);
            wait_min = std::max(wait_min, (need[i] - lane->level[i]) / lane->full[i]);
        }
        if (wait_min > 0) {
            lane->next_at = now + static_cast<TimeNs>(wait_min * 60e9) + kNsPerMs;
            return;
        }
        for (std::size_t i = 0; i < need.size(); ++i) lane->level[i] -= need[i];
        lane->has_work = false;
        Job job;
        job.work = lane->work;
        job.key = lane->key;
        send(job, now);
    }

    std::vector<Lane> lanes_;
};

}  // namespace

std::unique_ptr<Client> make_workers(int workers, int keys, std::size_t classes, World* world) {
    return std::make_unique<Workers>(workers, keys, classes, world);
}

std::unique_ptr<Client> make_paced_queue(double requests_per_s, int keys, std::size_t classes,
                                         World* world) {
    return std::make_unique<PacedQueue>(requests_per_s, keys, classes, world);
}

std::unique_ptr<Client> make_debit_bucket(const LimitSettings& limits, World* world) {
    return std::make_unique<DebitBucket>(limits, world);
}

}  // namespace weir::test
