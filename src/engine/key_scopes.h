#pragma once

#include "accounts/account_settings.h"
#include "engine/config.h"
#include "limits/limit_settings.h"

namespace weir {

// Adds the limits of workspaces and keys to those of the accounts. Throws Failure.
void add_key_scopes(const Config& config, const AccountsSettings& accounts, LimitSettings* limits);

// Throws Failure if an attempt with one of the keys would have to pass more scopes than it can.
void check_scopes(const AccountsSettings& accounts, const LimitSettings& limits);

}  // namespace weir
