#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "engine/config.h"
#include "engine/settings.h"

namespace weir {

// The account's keys, each from the one place that is configured for it. Throws Failure that names
// the key of the configuration, and never shows a secret.
std::vector<ConfiguredKey> account_keys(const Config& config, std::string_view account);

// The secret in a file. `key` is the key of the configuration, for the Failure.
std::string secret_of_file(std::string_view key, const std::string& path);

// The secret, if it is one that a header can carry. Throws Failure with `key` in it.
std::string checked_secret(std::string_view key, std::string_view value);

}  // namespace weir
