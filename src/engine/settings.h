#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "base/time.h"
#include "batch/batch_types.h"
#include "core/core_settings.h"
#include "engine/config.h"
#include "engine/queue_bounds.h"
#include "engine/transport.h"
#include "transport/settings.h"

namespace weir {

struct ConfiguredKey {
    std::string name;
    std::string workspace;  // "": none
    std::string secret;
    std::string source;  // the key of the configuration that the secret came from
    std::string file;    // "": it came from elsewhere
    bool later = false;  // it has no secret until weir_key_set brings one
};

// How the requests of an account show themselves to the provider, beside the key.
struct AccessSettings {
    bool bearer = false;  // the key goes into authorization, and not into x-api-key
    std::string provider_version{};
    std::vector<std::string> headers{};  // of the account's own, as request_headers.h has them
};

// What an account's requests need; its limits are in CoreSettings, by the same index, and so are
// its keys.
struct AccountAccess {
    std::string name;
    std::vector<ConfiguredKey> keys;
    AccessSettings access{};
    std::string base_url;
};

struct BatchLaneSettings {
    std::string journal_path;  // empty: there is no batch lane
    BatchSettings machine;
    TimeNs auto_deadline_ns = 0;  // the least deadline of what the lane takes by itself
    bool cancel_on_close = false;
};

// The configuration in the types of the rooms that use it.
struct Settings {
    bool caller_driven = false;
    std::uint64_t seed = 0;  // 0: from the system
    std::size_t max_undelivered_bytes = 0;
    std::size_t max_undelivered_events = 0;
    BoundSettings bounds;
    TimeNs default_deadline_ns = 0;  // 0: none
    bool count_tokens = false;       // of every request
    std::uint32_t permit_lease_ms = 0;
    std::size_t max_response_bytes = 0;
    std::uint32_t log_level = 0;  // a WEIR_LOG_ level; 0: off
    std::vector<AccountAccess> accounts;
    HttpTimeouts timeouts;
    CoreSettings core;
    BatchLaneSettings batch;
    TransportSettings transport;
};

// Throws Failure for what does not go together, with the names of the keys; reads the accounts'
// keys from the environment and from files.
Settings make_settings(const Config& config);

}  // namespace weir
