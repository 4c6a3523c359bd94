#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "virtual_core.h"

namespace weir::test {

inline constexpr TimeNs kS = kNsPerS;
inline constexpr TimeNs kStart = 1'000 * kS;

inline CoreSettings settings_of(std::vector<AccountSettings> accounts) {
    CoreSettings settings;
    settings.max_in_flight = 30;
    settings.retry.max_attempts = 1;
    settings.limits.classes.emplace_back();
    settings.limits.classes[0].limits.requests_per_minute = 6'000;
    settings.limits.pinned = true;
    for (const AccountSettings& account : accounts) {
        settings.limits.accounts.push_back({.name = account.name, .limits = {}});
    }
    settings.accounts.accounts = std::move(accounts);
    return settings;
}

// A provider that knows which keys are good, and a caller that counts.
class World : public VirtualCore {
public:
    World(const CoreSettings& settings, std::uint64_t seed) : VirtualCore(settings, seed, kStart) {}

    void submit(int count, TimeNs deadline_at = kNever) {
        for (; count > 0; --count) {
            const RequestIndex index = slab_.take();
            Request& request = slab_.at(index);
            request.submitted_at = now();
            request.deadline_at = deadline_at;
            request.input_tokens = 10;
            request.output_tokens = 10;
            core_.submit(index, now(), &actions_);
            ++submitted;
        }
        take_actions();
    }
    // The provider refuses the key's secret from now on.
    void revoke(KeyId id) { revoked_.insert({id.account, id.key, secrets_[index_of(id)]}); }
    void forgive() { revoked_.clear(); }
    void replace(KeyId id) {
        ++secrets_[index_of(id)];
        core_.replace_key(id, &actions_);
        take_actions();
    }
    void retire(KeyId id) {
        core_.retire_key(id, &actions_);
        take_actions();
    }
    std::uint16_t add(std::uint16_t account, std::string_view name) {
        const std::uint16_t key = core_.add_key(account, name, &actions_);
        take_actions();
        return key;
    }
    int in_flight_with(KeyId id) const {
        int count = 0;
        for (const auto& [attempt, live] : in_flight_) count += live.key == id ? 1 : 0;
        return count;
    }
    KeyRing::State state(KeyId id) { return core_.keys().view(id).state; }
    bool is_done() const { return succeeded + static_cast<int>(failures.size()) == submitted; }

    struct Failure {
        std::int32_t status;
        TimeNs keys_back_at;
        TimeNs at;
    };
    OutcomeClass refusal = OutcomeClass::bad_key;
    TimeNs retry_after_ns = -1;
    bool of_workspace = false;
    int submitted = 0;
    int succeeded = 0;
    int refused = 0;
    int in_flight_at_refusal = 0;  // with the same key, when the first one was refused
    std::vector<Failure> failures;
    std::map<std::uint16_t, std::vector<TimeNs>> starts;  // by key, of account 0
    std::vector<KeyRing::State> changes;                  // what key_changed told

private:
    struct Live {
        KeyId key;
        int secret;
    };
    static std::pair<std::uint16_t, std::uint16_t> index_of(KeyId id) {
        return {id.account, id.key};
    }

    void end_attempt(AttemptId attempt) {
        const Live live = in_flight_.at(attempt);
        in_flight_.erase(attempt);
        Outcome outcome;
        if (revoked_.contains({live.key.account, live.key.key, live.secret})) {
            if (refused++ == 0) in_flight_at_refusal = 1 + in_flight_with(live.key);
            outcome.cls = refusal;
            outcome.retry_after_ns = retry_after_ns;
            outcome.of_workspace = of_workspace;
        } else {
            outcome.usage.input_tokens = 10;
            outcome.usage.output_tokens = 10;
        }
        core_.on_end(attempt, outcome, nullptr, now(), &actions_);
    }

    void act(const Action& action) override {
        switch (action.kind) {
            case Action::Kind::start:
                in_flight_[action.attempt] = {{action.account, action.key},
                                              secrets_[{action.account, action.key}]};
                if (action.account == 0) starts[action.key].push_back(now());
                at(now() + kS / 2 + static_cast<TimeNs>(random.below(kS)),
                   [this, attempt = action.attempt] { end_attempt(attempt); });
                break;
            case Action::Kind::succeed:
                ++succeeded;
                slab_.give_back(action.request);
                break;
            case Action::Kind::fail:
                failures.push_back({action.status, action.keys_back_at, now()});
                slab_.give_back(action.request);
                break;
            case Action::Kind::key_changed:
                changes.push_back(state({action.account, action.key}));
                break;
            default:
                break;
        }
    }

    std::map<AttemptId, Live> in_flight_;
    std::map<std::pair<std::uint16_t, std::uint16_t>, int> secrets_;
    std::set<std::tuple<std::uint16_t, std::uint16_t, int>> revoked_;
};

}  // namespace weir::test
