#include <stdexcept>
#include <unordered_map>
#include <vector>

#include "core/core.h"
#include "goodput_clients.h"

namespace weir::test {

namespace {

// Waiting requests of each model class: enough that there is always one.
constexpr int kBacklog = 32;
constexpr std::uint32_t kMaxInFlight = 4096;

class WeirClient : public Client {
public:
    WeirClient(const LimitSettings& limits, World* world, std::uint64_t seed)
        : world_(world),
          core_(core_settings(limits), &slab_, seed),
          classes_(limits.classes.size()) {}

    void begin(TimeNs now) override {
        for (std::size_t i = 0; i < classes_; ++i) {
            for (int n = 0; n < kBacklog; ++n) submit(static_cast<std::uint16_t>(i), now);
        }
        advance(now);
    }
    void on_head(AttemptRef ref, const LimitReadings& readings, TimeNs now) override {
        core_.on_head(ids_[ref], false, readings, now);
    }
    void on_progress(AttemptRef ref, std::int64_t output_tokens, TimeNs now) override {
        core_.on_progress(ids_[ref], output_tokens, now);
    }
    void on_input_counted(AttemptRef ref, const Usage& usage, TimeNs now) override {
        core_.on_input_counted(ids_[ref], usage, now);
    }
    void on_end(AttemptRef ref, const Outcome& outcome, TimeNs now) override {
        core_.on_end(ids_[ref], outcome, nullptr, now, &actions_);
    }
    void advance(TimeNs now) override {
        for (;;) {
            core_.advance(now, &actions_);
            if (actions_.empty()) return;
            work_off(now);
        }
    }
    TimeNs next_timer() const override { return core_.next_timer(); }
    std::uint64_t ignored_readings() const override { return core_.limiter().ignored_readings(); }

private:
    static CoreSettings core_settings(const LimitSettings& limits) {
        CoreSettings settings;
        settings.accounts.accounts.resize(limits.accounts.size());
        settings.max_in_flight = kMaxInFlight;
        settings.limits = limits;
        settings.retry.max_refusals = 200;
        return settings;
    }

    void submit(std::uint16_t model_class, TimeNs now) {
        if (!world_->has_work()) return;
        const Work work = world_->draw_work(model_class);
        const RequestIndex index = slab_.take();
        if (index >= works_.size()) {
            works_.resize(index + 1);
            started_.resize(index + 1);
        }
        started_[index] = false;
        works_[index] = work;
        Request& request = slab_.at(index);
        request.submitted_at = now;
        request.model_class = model_class;
        request.input_tokens = static_cast<std::uint32_t>(work.estimated_input);
        request.body = body_for(work.max_tokens);
        core_.submit(index, now, &actions_);
    }

    BodyRef body_for(std::int64_t max_tokens) {
        BodyRef& body = bodies_[max_tokens];
        if (!body) {
            RequestHead head;
            head.max_tokens = static_cast<std::uint32_t>(max_tokens);
            body = BodyRef(BodyBlock::make("{}", head, {}));
        }
        return body;
    }

    void work_off(TimeNs now) {
        std::vector<Action> actions;
        actions.swap(actions_);
        for (const Action& action : actions) {
            switch (action.kind) {
                case Action::Kind::start:
                case Action::Kind::count:
                case Action::Kind::permit: {
                    const AttemptRef ref =
                        world_->send(action.account, works_[action.request], now);
                    if (ref >= ids_.size()) ids_.resize(ref + 1);
                    ids_[ref] = action.attempt;
                    // One out of the queue, one into it; a repeated one came back by itself.
                    if (!started_[action.request]) {
                        started_[action.request] = true;
                        submit(works_[action.request].model_class, now);
                    }
                    break;
                }
                case Action::Kind::key_changed:
                case Action::Kind::abort:
                case Action::Kind::restart:
                    throw std::logic_error("nothing was cancelled, and no key refused");
                case Action::Kind::succeed:
                case Action::Kind::fail: {
                    slab_.give_back(action.request);
                    break;
                }
            }
        }
    }

    World* world_;
    RequestSlab slab_;
    Core core_;
    std::size_t classes_;
    std::vector<Work> works_;     // by request
    std::vector<bool> started_;   // the same
    std::vector<AttemptId> ids_;  // by attempt of the world
    std::vector<Action> actions_;
    std::unordered_map<std::int64_t, BodyRef> bodies_;
};

}  // namespace

std::unique_ptr<Client> make_weir(const LimitSettings& limits, World* world, std::uint64_t seed) {
    return std::make_unique<WeirClient>(limits, world, seed);
}

}  // namespace weir::test
