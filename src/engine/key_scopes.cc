#include "engine/key_scopes.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "engine/config_values.h"
#include "engine/limit_keys.h"
#include "limits/limiter.h"

namespace weir {
namespace {

using Scope = LimitSettings::Scope;

constexpr std::size_t kMostMatching = kMaxScopes - 1;  // beside the account's and class's own

// A scope for each class that has limits below `prefix`, "account.main.keys.b".
void add_scopes(const Config& config, const std::string& prefix, Scope scope,
                LimitSettings* limits) {
    for (const std::string& name : config.names(prefix + ".limit.")) {
        const auto found =
            std::find_if(limits->classes.begin(), limits->classes.end(),
                         [&](const LimitSettings::Class& each) { return each.name == name; });
        scope.model_class = static_cast<std::uint16_t>(found - limits->classes.begin());
        scope.name = fmt::format("{}.limit.{}", prefix, name);
        scope.limits = BucketLimits();
        read_limits(config, scope.name, &scope.limits);
        limits->scopes.push_back(scope);
    }
}

std::uint16_t index_of(const std::vector<std::string>& names, const std::string& name) {
    const auto found = std::find(names.begin(), names.end(), name);
    return found == names.end() ? Scope::kAny : static_cast<std::uint16_t>(found - names.begin());
}

}  // namespace

void add_key_scopes(const Config& config, const AccountsSettings& accounts, LimitSettings* limits) {
    for (std::size_t i = 0; i < accounts.accounts.size(); ++i) {
        const AccountSettings& account = accounts.accounts[i];
        const std::string base = fmt::format("account.{}.", account.name);
        Scope scope;
        scope.account = static_cast<std::uint16_t>(i);
        for (const std::string& workspace : config.names(base + "workspace.")) {
            const std::string prefix = fmt::format("{}workspace.{}", base, workspace);
            scope.workspace = index_of(account.workspaces, workspace);
            if (scope.workspace == Scope::kAny) {
                refuse_config(
                    fmt::format("{}: no key of the account belongs to the workspace; set "
                                "{}keys.<key>.workspace to {}",
                                prefix, base, workspace));
            }
            add_scopes(config, prefix, scope, limits);
        }
        scope.workspace = Scope::kAny;
        for (std::size_t key = 0; key < account.keys.size(); ++key) {
            scope.key = static_cast<std::uint16_t>(key);
            add_scopes(config, fmt::format("{}keys.{}", base, account.keys[key].name), scope,
                       limits);
        }
    }
    check_scopes(accounts, *limits);
}

void check_scopes(const AccountsSettings& accounts, const LimitSettings& limits) {
    const auto check = [&](std::size_t account, const KeySettings& key, std::size_t index,
                           std::size_t model_class) {
        std::string matching;
        std::size_t count = 0;
        for (const Scope& scope : limits.scopes) {
            if (Scope::matches(scope.account, static_cast<std::uint16_t>(account)) &&
                Scope::matches(scope.workspace, key.workspace) &&
                Scope::matches(scope.key, static_cast<std::uint16_t>(index)) &&
                Scope::matches(scope.model_class, static_cast<std::uint16_t>(model_class))) {
                matching += (count++ == 0 ? "" : ", ") + scope.name;
            }
        }
        if (count <= kMostMatching) return;
        refuse_config(
            fmt::format("{}: a request with the key {} of the account {} would have to pass {} "
                        "sets of limits beside the account's own, and {} are the most",
                        matching, key.name, accounts.accounts[account].name, count, kMostMatching));
    };
    if (limits.scopes.size() <= kMostMatching) return;
    for (std::size_t account = 0; account < accounts.accounts.size(); ++account) {
        const std::vector<KeySettings>& keys = accounts.accounts[account].keys;
        for (std::size_t key = 0; key < keys.size(); ++key) {
            for (std::size_t c = 0; c < limits.classes.size(); ++c) {
                check(account, keys[key], key, c);
            }
        }
    }
}

}  // namespace weir
