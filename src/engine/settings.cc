#include "engine/settings.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <initializer_list>
#include <string_view>

#include "base/name_hash.h"
#include "engine/config_values.h"
#include "engine/key_scopes.h"
#include "engine/limit_keys.h"
#include "engine/request_headers.h"
#include "engine/retry_keys.h"
#include "engine/route_keys.h"
#include "engine/secret.h"
#include "weir/weir.h"

namespace weir {
namespace {

std::vector<std::string> list(std::string_view text) {
    std::vector<std::string> parts;
    while (!text.empty()) {
        const std::size_t comma = text.find(',');
        if (comma != 0) parts.emplace_back(text.substr(0, comma));
        text.remove_prefix(comma == std::string_view::npos ? text.size() : comma + 1);
    }
    return parts;
}

std::uint32_t log_level(std::string_view name) {
    if (name == "error") return WEIR_LOG_ERROR;
    if (name == "warning") return WEIR_LOG_WARNING;
    if (name == "info") return WEIR_LOG_INFO;
    return name == "debug" ? WEIR_LOG_DEBUG : 0;
}

QueueSettings queue_settings(const Config& config) {
    QueueSettings queue;
    if (config.value("queue.order") == "deadline") queue.order = QueueSettings::Order::deadline;
    if (config.value("queue.sharing") == "weighted") {
        queue.sharing = QueueSettings::Sharing::weighted;
    }
    queue.ageing_ns = milliseconds(config, "queue.ageing_ms");
    const std::vector<std::string> weights = list(config.value("queue.weights"));
    bool right = weights.size() == queue.weights.size();
    for (std::size_t i = 0; right && i < weights.size(); ++i) {
        std::uint32_t weight = 0;
        const char* end = weights[i].data() + weights[i].size();
        const auto parsed = std::from_chars(weights[i].data(), end, weight);
        right = parsed.ec == std::errc() && parsed.ptr == end && weight >= 1 && weight <= 1000;
        queue.weights[i] = weight;
    }
    if (!right) refuse_config("queue.weights: not four numbers from 1 to 1000, as in 8,4,2,1");
    queue.tenant_max_in_flight = number<std::uint32_t>(config, "concurrency.tenant_max");
    for (const std::string& name : config.names("tenant.")) {
        const auto most =
            number<std::uint32_t>(config, fmt::format("tenant.{}.max_in_flight", name));
        if (most != 0) queue.tenant_bounds.emplace_back(name_hash_64(name), most);
        queue.tenant_weights.emplace_back(
            name_hash_64(name),
            number<std::uint32_t>(config, fmt::format("tenant.{}.weight", name)));
    }
    return queue;
}

std::uint16_t workspace_of(const ConfiguredKey& key, std::vector<std::string>* workspaces) {
    if (key.workspace.empty()) return KeySettings::kNoWorkspace;
    const auto found = std::find(workspaces->begin(), workspaces->end(), key.workspace);
    const auto index = static_cast<std::uint16_t>(found - workspaces->begin());
    if (found == workspaces->end()) workspaces->push_back(key.workspace);
    return index;
}

BoundSettings bound_settings(const Config& config) {
    BoundSettings bounds;
    bounds.max_requests = number<std::uint32_t>(config, "queue.max_requests");
    bounds.max_bytes = number<std::uint64_t>(config, "queue.max_bytes");
    bounds.drop_lowest = config.value("queue.on_full") == "drop_lowest";
    bounds.each_tenant.requests = number<std::uint32_t>(config, "queue.tenant_max_requests");
    bounds.each_tenant.bytes = number<std::uint64_t>(config, "queue.tenant_max_bytes");
    for (const std::string& name : config.names("tenant.")) {
        const std::string prefix = fmt::format("tenant.{}.", name);
        BoundSettings::Tenant tenant{.name = name, .bound = {}};
        tenant.bound.requests = number<std::uint32_t>(config, prefix + "max_requests");
        tenant.bound.bytes = number<std::uint64_t>(config, prefix + "max_bytes");
        if (tenant.bound.requests == 0 && tenant.bound.bytes == 0) continue;
        bounds.tenants.push_back(std::move(tenant));
    }
    return bounds;
}

AdaptiveSettings adaptive_settings(const Config& config) {
    AdaptiveSettings adaptive;
    adaptive.on = config.value("concurrency.adaptive") == "on";
    adaptive.floor = number<std::uint32_t>(config, "concurrency.adaptive_floor");
    adaptive.ceiling = number<std::uint32_t>(config, "concurrency.adaptive_ceiling");
    if (adaptive.floor > adaptive.ceiling) {
        refuse_config(
            fmt::format("concurrency.adaptive_floor: {} is above concurrency.adaptive_ceiling, "
                        "which is {}; lower the one or raise the other",
                        adaptive.floor, adaptive.ceiling));
    }
    return adaptive;
}

AccountsSettings accounts_settings(const Config& config,
                                   const std::vector<AccountAccess>& accounts) {
    AccountsSettings settings;
    const std::string_view choice = config.value("accounts.choice");
    settings.choice = choice == "round_robin" ? AccountChoice::round_robin
                      : choice == "weighted"  ? AccountChoice::weighted
                      : choice == "sticky"    ? AccountChoice::sticky
                                              : AccountChoice::most_budget;
    settings.wait_when_all_out = config.value("accounts.when_all_out") == "wait";
    for (const AccountAccess& account : accounts) {
        AccountSettings& made = settings.accounts.emplace_back();
        made.name = account.name;
        made.weight = number<std::uint32_t>(config, fmt::format("account.{}.weight", account.name));
        made.max_in_flight =
            number<std::uint32_t>(config, fmt::format("account.{}.max_in_flight", account.name));
        made.keys.clear();
        for (const ConfiguredKey& key : account.keys) {
            made.keys.push_back({.name = key.name,
                                 .workspace = workspace_of(key, &made.workspaces),
                                 .max_in_flight = number<std::uint32_t>(
                                     config, fmt::format("account.{}.keys.{}.max_in_flight",
                                                         account.name, key.name)),
                                 .later = key.later});
        }
    }
    return settings;
}

BatchLaneSettings batch_settings(const Config& config) {
    BatchLaneSettings batch;
    batch.journal_path = config.value("journal.path");
    batch.auto_deadline_ns = milliseconds(config, "batch.auto_deadline_ms");
    batch.cancel_on_close = config.value("batch.on_close") == "cancel";
    BatchSettings& machine = batch.machine;
    const std::string_view work = config.value("batch.work");
    machine.work = work == "look"     ? BatchWork::look
                   : work == "submit" ? BatchWork::submit
                                      : BatchWork::all;
    machine.max_requests = number<std::uint32_t>(config, "batch.max_requests");
    machine.max_bytes = number<std::uint64_t>(config, "batch.max_bytes");
    machine.max_age_ns = milliseconds(config, "batch.max_age_ms");
    machine.max_attempts = number<std::uint8_t>(config, "batch.max_attempts");
    machine.calls_per_minute = number<std::uint32_t>(config, "batch.calls_per_minute");
    machine.queue_places = number<std::uint32_t>(config, "batch.queue_places");
    machine.poll_min_ns = milliseconds(config, "batch.poll_min_ms");
    machine.poll_max_ns = milliseconds(config, "batch.poll_max_ms");
    machine.visibility_ns = milliseconds(config, "batch.visibility_ms");
    machine.not_found_ns = milliseconds(config, "batch.not_found_ms");
    machine.delete_when_delivered = boolean(config, "batch.delete_after");
    if (machine.poll_min_ns > machine.poll_max_ns) {
        refuse_config("batch.poll_min_ms is above batch.poll_max_ms");
    }
    return batch;
}

// What an account's tier allows, unless the configuration says otherwise for all.
std::vector<BatchSettings::AccountLimits> batch_limits(const Config& config,
                                                       const LimitSettings& limits) {
    const auto small = [](std::int64_t limit) {
        constexpr std::int64_t kMost = 100'000'000;
        return static_cast<std::uint32_t>(std::min(limit, kMost));
    };
    std::vector<BatchSettings::AccountLimits> all;
    for (const LimitSettings::Account& account : limits.accounts) {
        BatchSettings::AccountLimits& own = all.emplace_back();
        if (!config.is_set("batch.calls_per_minute")) {
            own.calls_per_minute = small(account.batch.calls_per_minute);
        }
        if (!config.is_set("batch.queue_places")) {
            own.queue_places = small(account.batch.queue_places);
        }
    }
    return all;
}

HttpTimeouts timeouts(const Config& config) {
    HttpTimeouts timeouts;
    timeouts.connect_ns = milliseconds(config, "timeout.connect_ms");
    timeouts.idle_ns = milliseconds(config, "timeout.idle_ms");
    timeouts.stall_ns = milliseconds(config, "timeout.stall_ms");
    timeouts.total_ns = milliseconds(config, "timeout.total_ms");
    return timeouts;
}

// The first of the environment's variables that is set; "" if none is.
std::string first_variable(std::initializer_list<const char*> names, const char** found) {
    for (const char* name : names) {
        const char* value = std::getenv(name);
        if (value == nullptr || *value == '\0') continue;
        *found = name;
        return value;
    }
    return {};
}

// What other programs take from the environment, where the configuration does not say it.
void add_environment(const Config& config, TransportSettings* transport) {
    const char* name = "";
    if (!config.is_set("transport.proxy")) {
        transport->proxy =
            first_variable({"https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"}, &name);
        std::string problem;
        if (!check_proxy(transport->proxy, &problem)) {
            refuse_config(fmt::format("the environment's {}: {}", name, problem));
        }
    }
    if (!config.is_set("transport.no_proxy")) {
        transport->no_proxy = first_variable({"no_proxy", "NO_PROXY"}, &name);
    }
    if (!config.is_set("transport.ca_file")) {
        transport->ca_file = first_variable({"SSL_CERT_FILE"}, &name);
    }
}

TransportSettings transport_settings(const Config& config) {
    TransportSettings transport;
    const std::string_view version = config.value("transport.http_version");
    transport.http_version = version == "1.1" ? HttpVersion::http1
                             : version == "2" ? HttpVersion::http2
                                              : HttpVersion::automatic;
    transport.ca_file = config.value("transport.ca_file");
    transport.proxy = config.value("transport.proxy");
    transport.plain_http_hosts = list(config.value("transport.plain_http_hosts"));
    transport.keepalive_idle_ns = number<TimeNs>(config, "transport.keepalive_s") * kNsPerS;
    transport.keepalive_interval_ns = transport.keepalive_idle_ns;
    transport.max_connections = number<std::uint32_t>(config, "transport.max_connections");
    transport.no_proxy = config.value("transport.no_proxy");
    std::string problem;
    if (!check_proxy(transport.proxy, &problem)) refuse_config("transport.proxy: " + problem);
    if (boolean(config, "transport.environment")) add_environment(config, &transport);
    return transport;
}

AccessSettings access_settings(const Config& config, const std::string& account) {
    AccessSettings access;
    access.bearer = config.value(fmt::format("account.{}.auth", account)) == "bearer";
    access.provider_version = config.value("provider.version");
    const std::string prefix = fmt::format("account.{}.header.", account);
    for (const std::string& written : config.names(prefix)) {
        const std::string value(config.value(prefix + written));
        const std::string name = checked_header_name(prefix, written);
        check_header_value(prefix, name, value);
        access.headers.push_back(fmt::format("{}: {}", name, value));
    }
    return access;
}

// The paths of the API begin with /v1. Other tools want that in the URL.
std::string without_v1(std::string url) {
    constexpr std::string_view kVersion = "/v1";
    while (url.ends_with('/')) url.pop_back();
    if (url.ends_with(kVersion)) url.resize(url.size() - kVersion.size());
    return url;
}

std::vector<AccountAccess> accounts(const Config& config, const TransportSettings& transport) {
    std::vector<AccountAccess> accounts;
    for (const std::string& name : config.names("account.")) {
        AccountAccess account;
        account.name = name;
        account.keys = account_keys(config, name);
        account.access = access_settings(config, name);
        std::string url_key = fmt::format("account.{}.base_url", name);
        if (!config.is_set(url_key)) url_key = "transport.base_url";
        account.base_url = config.value(url_key);
        std::string problem;
        if (!check_base_url(account.base_url, transport, &problem)) {
            refuse_config(fmt::format("{}: {}", url_key, problem));
        }
        account.base_url = without_v1(std::move(account.base_url));
        accounts.push_back(std::move(account));
    }
    return accounts;
}

// The transport tells the end of every attempt, in its total time if not before; this is for when
// it does not.
TimeNs lease_ns(const Config& config, const HttpTimeouts& timeouts) {
    constexpr TimeNs kUnlimitedNs = 3600 * kNsPerS;
    const TimeNs lease = milliseconds(config, "limits.lease_ms");
    if (lease != 0) return lease;
    return later(timeouts.total_ns != 0 ? timeouts.total_ns : kUnlimitedNs, kNsPerMinute);
}

}  // namespace

Settings make_settings(const Config& config) {
    Settings settings;
    settings.caller_driven = config.value("engine.drive") == "caller";
    settings.seed = number<std::uint64_t>(config, "engine.seed");
    settings.max_undelivered_bytes = number<std::size_t>(config, "engine.max_undelivered_bytes");
    settings.max_undelivered_events = number<std::size_t>(config, "engine.max_undelivered_events");
    settings.bounds = bound_settings(config);
    settings.default_deadline_ns = milliseconds(config, "request.deadline_ms");
    settings.count_tokens = config.value("limits.count_tokens") == "always";
    settings.permit_lease_ms = number<std::uint32_t>(config, "permit.lease_ms");
    settings.max_response_bytes = number<std::size_t>(config, "transport.max_response_bytes");
    settings.log_level = log_level(config.value("log.level"));
    settings.timeouts = timeouts(config);
    settings.batch = batch_settings(config);
    settings.transport = transport_settings(config);
    settings.accounts = accounts(config, settings.transport);
    settings.core.max_in_flight = number<std::uint32_t>(config, "concurrency.max");
    settings.core.adaptive = adaptive_settings(config);
    settings.core.queue = queue_settings(config);
    settings.core.retry = retry_settings(config);
    settings.core.lease_ns = lease_ns(config, settings.timeouts);
    settings.core.accounts = accounts_settings(config, settings.accounts);
    settings.core.limits = limit_settings(config);
    settings.batch.machine.account_limits = batch_limits(config, settings.core.limits);
    add_key_scopes(config, settings.core.accounts, &settings.core.limits);
    settings.core.routes = route_settings(config);
    ModelClasses classes(settings.core.limits.classes, settings.core.limits.prices);
    resolve_routes(&settings.core.routes, &classes);
    return settings;
}

}  // namespace weir
