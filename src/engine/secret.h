#pragma once

#include <string>
#include <string_view>

#include "engine/config.h"

namespace weir {

// The account's API key, from the one of account.<name>.key, .key_env and .key_file that is set.
// Throws Failure that names the key of the configuration, and never shows the secret.
std::string account_key(const Config& config, std::string_view account);

// Whatever a provider sends back, the key is not shown.
void cover_secret(std::string_view secret, std::string* text);

}  // namespace weir
