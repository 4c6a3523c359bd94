#include <algorithm>
#include <string_view>
#include <utility>

#include "engine/json_writer.h"
#include "engine/loop.h"

// Keys that come, go and change their state.
namespace weir {

// The changes that callers asked for. What finds no memory, or no place for its key, is done in
// another turn, and nothing overtakes it.
void Loop::change_keys() {
    if (!actions_.empty()) return;  // an attempt may be about to start with a key as it is
    if (key_files_) key_files_->turn();
    if (key_changes_.empty()) key_inbox_->take(&key_changes_);
    std::size_t done = 0;
    try {
        while (done < key_changes_.size() && change_key(key_changes_[done])) ++done;
    } catch (const std::bad_alloc&) {
        log(WEIR_LOG_WARNING, "a change of a key waits for memory");
    }
    key_changes_.erase(key_changes_.begin(),
                       key_changes_.begin() + static_cast<std::ptrdiff_t>(done));
}

void Loop::on_key_file(KeyId id, std::string_view secret) {
    if (core_.keys().view(id).state == KeyRing::State::retired) return;
    const AccessSettings& settings = settings_.accounts[id.account].access;
    KeyAccessRef access = std::make_shared<const KeyAccess>(secret, settings);
    core_.replace_key(id, &actions_);
    keys_.set(id, std::move(access));
}

void Loop::on_key_file_problem(std::string_view problem) noexcept {
    log(WEIR_LOG_WARNING, "{}", problem);
}

bool Loop::change_key(const KeyChanges::Change& change) {
    KeyId id{change.account, core_.keys().find(change.account, change.key)};
    if (change.access == nullptr) {
        core_.retire_key(id, &actions_);
        keys_.retire(id);
        return true;
    }
    keys_.reserve(id.account);
    if (id.key != KeyRing::kNoKey) {
        core_.replace_key(id, &actions_);
    } else {
        id.key = core_.add_key(id.account, change.key, &actions_);
        if (id.key == KeyRing::kNoKey) return false;
    }
    keys_.set(id, change.access);
    return true;
}

// Tells of a key's state; false if there was no memory for it.
bool Loop::key_changed(const Action& action) noexcept {
    const KeyId id{action.account, action.key};
    const KeyRing::View key = core_.keys().view(id);
    const char* const state = action.replaced ? "replaced" : state_name(key.state);
    try {
        JsonWriter json(false);
        json.open('{');
        write_key(key, state, &json);
        events_.push_back(make_data_event(WEIR_EVENT_KEY, json.close('}').take()));
    } catch (const std::bad_alloc&) {
        return false;
    }
    const bool is_out =
        key.state == KeyRing::State::quarantined || key.state == KeyRing::State::cooling;
    log(is_out ? WEIR_LOG_WARNING : WEIR_LOG_INFO, "account {}: key {} {}{}{}",
        settings_.accounts[id.account].name, core_.keys().name(id), state, is_out ? ": " : "",
        is_out ? rule(key.reason).name : "");
    return true;
}

// The members of an object. Times are of the wall clock, as a key may be out for days.
void Loop::write_key(const KeyRing::View& key, const char* state, JsonWriter* json) const {
    const AccountSettings& account = settings_.core.accounts.accounts[key.id.account];
    const KeyRing& ring = core_.keys();
    const std::uint16_t workspace = ring.workspace(key.id);
    const bool is_out =
        key.state == KeyRing::State::quarantined || key.state == KeyRing::State::cooling;
    json->member("account", account.name);
    json->member("workspace", workspace < account.workspaces.size()
                                  ? std::string_view(account.workspaces[workspace])
                                  : std::string_view());
    json->member("key", ring.name(key.id)).member("state", state);
    json->member("reason", is_out ? rule(key.reason).name : "");
    json->member("until_ms", is_out ? later(key.until, wall_offset_) / kNsPerMs : 0);
}

void Loop::write_keys(JsonWriter* json) const {
    json->open('[');
    for (const KeyRing::View& key : core_.keys().view()) {
        json->open('{');
        write_key(key, state_name(key.state), json);
        json->member("in_flight", key.in_flight).close('}');
    }
    json->close(']');
}

}  // namespace weir
