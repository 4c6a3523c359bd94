#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <initializer_list>
#include <string>
#include <utility>
#include <vector>

#include "engine/failure.h"
#include "engine/key_scopes.h"
#include "engine/model_classes.h"
#include "engine/settings.h"
#include "engine_settings_frame.h"
#include "weir/weir.h"

namespace weir {
namespace {

TEST(Settings, DefaultsAreWhole) {
    const Settings settings = make_settings(Config());
    EXPECT_FALSE(settings.caller_driven);
    EXPECT_EQ(settings.bounds.max_requests, 100000u);
    EXPECT_EQ(settings.core.retry.max_attempts, 8);
    EXPECT_EQ(settings.timeouts.connect_ns, 10 * kNsPerS);
    EXPECT_EQ(settings.core.retry.jitter, Jitter::fraction);
    EXPECT_DOUBLE_EQ(settings.core.retry.jitter_fraction, 0.25);
    EXPECT_EQ(settings.core.queue.weights[3], 1u);
    EXPECT_TRUE(settings.accounts.empty());
    EXPECT_EQ(settings.log_level, WEIR_LOG_ERROR);
}

TEST(Settings, TheSlowStartArrives) {
    const LimitSettings none = make_settings(Config()).core.limits;
    EXPECT_EQ(none.ramp, RampMode::automatic);
    EXPECT_EQ(none.slow_start.idle_ns, 600 * kNsPerS);
    EXPECT_EQ(none.slow_start.doubling_ns, 30 * kNsPerS);
    EXPECT_DOUBLE_EQ(none.slow_start.first_share, 0.03);
    const LimitSettings limits = make_settings(with({{"limits.ramp", "on"},
                                                     {"limits.ramp_idle_ms", "2000"},
                                                     {"limits.ramp_doubling_ms", "3000"},
                                                     {"limits.ramp_first_percent", "12.5"}}))
                                     .core.limits;
    EXPECT_EQ(limits.ramp, RampMode::on);
    EXPECT_EQ(limits.slow_start.idle_ns, 2 * kNsPerS);
    EXPECT_EQ(limits.slow_start.doubling_ns, 3 * kNsPerS);
    EXPECT_DOUBLE_EQ(limits.slow_start.first_share, 0.125);
    EXPECT_EQ(make_settings(with({{"limits.ramp", "off"}})).core.limits.ramp, RampMode::off);
    for (const auto& [key, value] : {std::pair{"limits.ramp", "sometimes"},
                                     {"limits.ramp_idle_ms", "0"},
                                     {"limits.ramp_doubling_ms", "-1"},
                                     {"limits.ramp_first_percent", "0"},
                                     {"limits.ramp_first_percent", "101"}}) {
        EXPECT_THROW(with({{key, value}}), Failure) << key << value;
    }
}

TEST(Settings, BoundsOfTheQueueAndOfConcurrencyArrive) {
    const Settings settings = make_settings(with({{"queue.on_full", "drop_lowest"},
                                                  {"queue.tenant_max_requests", "11"},
                                                  {"queue.tenant_max_bytes", "12"},
                                                  {"tenant.bulk.max_requests", "13"},
                                                  {"tenant.bulk.max_in_flight", "14"},
                                                  {"concurrency.tenant_max", "15"},
                                                  {"concurrency.adaptive", "on"},
                                                  {"concurrency.adaptive_floor", "2"},
                                                  {"concurrency.adaptive_ceiling", "16"},
                                                  {"account.a.key", "k"},
                                                  {"account.a.max_in_flight", "17"},
                                                  {"account.a.keys.main.max_in_flight", "18"},
                                                  {"class.mine.max_in_flight", "19"}}));
    EXPECT_TRUE(settings.bounds.drop_lowest);
    EXPECT_EQ(settings.bounds.each_tenant.requests, 11u);
    EXPECT_EQ(settings.bounds.each_tenant.bytes, 12u);
    ASSERT_EQ(settings.bounds.tenants.size(), 1u);
    EXPECT_EQ(settings.bounds.tenants[0].name, "bulk");
    EXPECT_EQ(settings.bounds.tenants[0].bound.requests, 13u);
    ASSERT_EQ(settings.core.queue.tenant_bounds.size(), 1u);
    EXPECT_EQ(settings.core.queue.tenant_bounds[0].second, 14u);
    EXPECT_EQ(settings.core.queue.tenant_max_in_flight, 15u);
    EXPECT_TRUE(settings.core.adaptive.on);
    EXPECT_EQ(settings.core.adaptive.floor, 2u);
    EXPECT_EQ(settings.core.adaptive.ceiling, 16u);
    EXPECT_EQ(settings.core.accounts.accounts[0].max_in_flight, 17u);
    EXPECT_EQ(settings.core.accounts.accounts[0].keys[0].max_in_flight, 18u);
    bool found = false;
    for (const LimitSettings::Class& c : settings.core.limits.classes) {
        if (c.name == "mine") found = c.limits.in_flight == 19;
    }
    EXPECT_TRUE(found);
    const std::string problem = problem_of(with({{"concurrency.adaptive_floor", "600"}}));
    EXPECT_NE(problem.find("concurrency.adaptive_floor"), std::string::npos) << problem;
}

TEST(Settings, ValuesArrive) {
    const Settings settings = make_settings(with({{"engine.drive", "caller"},
                                                  {"queue.weights", "9,8,7,6"},
                                                  {"queue.sharing", "weighted"},
                                                  {"retry.jitter", "full"},
                                                  {"timeout.stall_ms", "0"},
                                                  {"transport.http_version", "2"},
                                                  {"transport.plain_http_hosts", "a,,b"},
                                                  {"log.level", "off"},
                                                  {"account.a.key", "k"}}));
    EXPECT_TRUE(settings.caller_driven);
    EXPECT_EQ(settings.core.queue.weights[1], 8u);
    EXPECT_EQ(settings.core.queue.sharing, QueueSettings::Sharing::weighted);
    EXPECT_EQ(settings.core.retry.jitter, Jitter::full);
    EXPECT_EQ(settings.timeouts.stall_ns, 0);
    EXPECT_EQ(settings.transport.http_version, HttpVersion::http2);
    EXPECT_EQ(settings.transport.plain_http_hosts.size(), 2u);
    EXPECT_EQ(settings.log_level, 0u);
    ASSERT_EQ(settings.accounts.size(), 1u);
    EXPECT_EQ(settings.accounts[0].base_url, "https://api.anthropic.com");
    EXPECT_EQ(settings.core.limits.accounts.at(0).name, "a");
}

TEST(Settings, ContradictionsNameTheirKeys) {
    EXPECT_NE(problem_of(with({{"retry.base_ms", "5000"}, {"retry.cap_ms", "100"}}))
                  .find("retry.base_ms"),
              std::string::npos);
    EXPECT_NE(
        problem_of(with({{"account.a.keys.b.value", "k"}, {"account.a.keys.b.later", "true"}}))
            .find("account.a.keys.b.later is true, and account.a.keys.b.value is set"),
        std::string::npos);
    EXPECT_NE(problem_of(with({{"queue.weights", "1,2,3"}})).find("queue.weights"),
              std::string::npos);
    EXPECT_NE(problem_of(with({{"queue.weights", "1,2,3,x"}})).find("queue.weights"),
              std::string::npos);
    EXPECT_NE(problem_of(with({{"account.a.key", "k"}, {"account.a.base_url", "http://far.test"}}))
                  .find("account.a.base_url"),
              std::string::npos);
    EXPECT_NE(problem_of(with({{"class.a.models", "x*,y"}, {"class.b.models", "y"}}))
                  .find("class.b.models"),
              std::string::npos);
    EXPECT_NE(problem_of(with({{"class.a.models", "x*y"}})).find("class.a.models"),
              std::string::npos);
    EXPECT_NE(problem_of(with({{"class.a.models", "x,,y"}})).find("class.a.models"),
              std::string::npos);
}

TEST(Settings, OutcomesMayHaveAPaceOfTheirOwn) {
    const RetrySettings retry = make_settings(with({{"retry.overloaded.base_ms", "2000"},
                                                    {"retry.overloaded.max_attempts", "3"},
                                                    {"retry.timeout.cap_ms", "700"},
                                                    {"retry.jitter", "decorrelated"},
                                                    {"retry.max_wait_ms", "90000"},
                                                    {"retry.budget.capacity", "20"},
                                                    {"retry.budget.cost", "2.5"}}))
                                    .core.retry;
    EXPECT_EQ(retry.pace(OutcomeClass::overloaded).max_attempts, 3);
    EXPECT_EQ(retry.pace(OutcomeClass::overloaded).base_ns, 2 * kNsPerS);
    EXPECT_EQ(retry.pace(OutcomeClass::overloaded).cap_ns, 30 * kNsPerS);
    EXPECT_EQ(retry.pace(OutcomeClass::timeout).base_ns, 500 * kNsPerMs);
    EXPECT_EQ(retry.pace(OutcomeClass::timeout).cap_ns, 700 * kNsPerMs);
    EXPECT_EQ(retry.pace(OutcomeClass::connection).max_attempts, 8);
    EXPECT_EQ(retry.jitter, Jitter::decorrelated);
    EXPECT_EQ(retry.max_wait_ns, 90 * kNsPerS);
    EXPECT_DOUBLE_EQ(retry.budget_capacity, 20);
    EXPECT_DOUBLE_EQ(retry.budget_cost, 2.5);

    EXPECT_NE(problem_of(with({{"retry.timeout.cap_ms", "100"}})).find("retry.timeout.cap_ms"),
              std::string::npos);
    EXPECT_NE(problem_of(with({{"retry.bad_key.base_ms", "100"}})).find("overloaded, server_error"),
              std::string::npos);
    EXPECT_NE(problem_of(with({{"retry.budget.capacity", "4"}})).find("retry.budget.cost"),
              std::string::npos);
}

TEST(Settings, AnAccountHasAKey) {
    EXPECT_NE(problem_of(with({{"account.a.limit.c.tokens_per_day", "5"}})).find("account.a.key"),
              std::string::npos);
    EXPECT_NE(problem_of(with({{"account.a.key", "k"}, {"account.a.key_env", "E"}}))
                  .find("account.a.key_env"),
              std::string::npos);
}

TEST(Settings, AnAccountMayHaveSeveralKeys) {
    const Settings settings = make_settings(with({{"account.a.key", "plain"},
                                                  {"account.a.keys.b.value", "second"},
                                                  {"account.a.keys.b.workspace", "w"},
                                                  {"account.a.keys.c.value", "third"},
                                                  {"account.a.keys.main.workspace", "w"},
                                                  {"account.other.keys.only.value", "k"}}));
    const auto& keys = settings.accounts.at(0).keys;
    ASSERT_EQ(keys.size(), 3u);
    EXPECT_EQ(keys[0].name, "main");
    EXPECT_EQ(keys[0].secret, "plain");
    EXPECT_EQ(keys[1].name, "b");
    EXPECT_EQ(keys[1].secret, "second");
    EXPECT_EQ(settings.accounts.at(1).keys.size(), 1u);
    const AccountSettings& account = settings.core.accounts.accounts.at(0);
    EXPECT_EQ(account.workspaces, std::vector<std::string>{"w"});
    EXPECT_EQ(account.keys.at(0).workspace, 0);
    EXPECT_EQ(account.keys.at(1).workspace, 0);
    EXPECT_EQ(account.keys.at(2).workspace, KeySettings::kNoWorkspace);
}

TEST(Settings, AKeyHasOneSource) {
    EXPECT_NE(problem_of(with({{"account.a.key", "k"}, {"account.a.keys.main.value", "k"}}))
                  .find("account.a.keys.main.value"),
              std::string::npos);
    EXPECT_NE(problem_of(with({{"account.a.keys.b.value", "k"}, {"account.a.keys.b.env", "E"}}))
                  .find("account.a.keys.b.env"),
              std::string::npos);
    EXPECT_NE(problem_of(with({{"account.a.key", "k"}, {"account.a.keys.b.workspace", "w"}}))
                  .find("account.a.keys.b.value"),
              std::string::npos);
    EXPECT_NE(
        problem_of(with({{"account.a.keys.b.value", "k"}, {"account.a.keys.b.workspace", "w w"}}))
            .find("account.a.keys.b.workspace"),
        std::string::npos);
    Config many;
    for (int i = 0; i <= 500; ++i) {
        many.set("account.a.keys.k" + std::to_string(i) + ".value", "k");
    }
    EXPECT_NE(problem_of(many).find("501"), std::string::npos);
}

TEST(Settings, WorkspacesAndKeysHaveLimits) {
    const Settings settings =
        make_settings(with({{"account.a.keys.b.value", "k"},
                            {"account.a.keys.b.workspace", "w"},
                            {"account.a.keys.c.value", "k"},
                            {"account.a.workspace.w.limit.claude-opus-5.requests_per_minute", "50"},
                            {"account.a.keys.c.limit.claude-opus-5.tokens_per_day", "900"},
                            {"account.a.keys.c.limit.my-class.output_tokens_per_minute", "7000"}}));
    const auto& scopes = settings.core.limits.scopes;
    ASSERT_EQ(scopes.size(), 3u);
    EXPECT_EQ(scopes[0].account, 0);
    EXPECT_EQ(scopes[0].workspace, 0);
    EXPECT_EQ(scopes[0].key, LimitSettings::Scope::kAny);
    EXPECT_EQ(scopes[0].limits.requests_per_minute, 50);
    EXPECT_EQ(settings.core.limits.classes.at(scopes[0].model_class).name, "claude-opus-5");
    EXPECT_EQ(scopes[1].key, 1);
    EXPECT_EQ(scopes[1].workspace, LimitSettings::Scope::kAny);
    EXPECT_EQ(scopes[1].limits.tokens_per_day, 900);
    EXPECT_EQ(scopes[2].limits.output_tokens_per_minute, 7000);
    EXPECT_EQ(scopes[2].name, "account.a.keys.c.limit.my-class");

    const std::string problem = problem_of(with(
        {{"account.a.key", "k"}, {"account.a.workspace.w.limit.c.requests_per_minute", "50"}}));
    EXPECT_NE(problem.find("account.a.workspace.w"), std::string::npos);
    EXPECT_NE(problem.find("account.a.keys.<key>.workspace"), std::string::npos);
}

TEST(Settings, MoreLimitsThanAnAttemptCanPassAreRefused) {
    AccountsSettings accounts;
    accounts.accounts.push_back({.name = "a", .keys = {{"b"}, {"c"}}});
    LimitSettings limits;
    limits.classes.resize(2);
    for (const char* const name : {"first", "second", "third", "fourth"}) {
        limits.scopes.push_back({.name = name, .account = 0, .limits = {}});
    }
    limits.scopes[1].key = 1;
    limits.scopes[2].model_class = 1;
    limits.scopes[3].key = 0;
    EXPECT_NO_THROW(check_scopes(accounts, limits));
    limits.scopes[3].key = LimitSettings::Scope::kAny;
    try {
        check_scopes(accounts, limits);
        FAIL();
    } catch (const Failure& failure) {
        EXPECT_NE(failure.message().find("first, second, third, fourth"), std::string::npos);
        EXPECT_NE(failure.message().find("key c"), std::string::npos);
    }
}

TEST(Settings, KeysComeFromTheEnvironment) {
    ::unsetenv("WEIR_TEST_KEY");
    const Config config = with({{"account.a.key_env", "WEIR_TEST_KEY"}});
    EXPECT_NE(problem_of(config).find("WEIR_TEST_KEY"), std::string::npos);
    ::setenv("WEIR_TEST_KEY", "from the\x01 dark", 1);
    EXPECT_NE(problem_of(config).find("account.a.key_env"), std::string::npos);
    EXPECT_EQ(problem_of(config).find("dark"), std::string::npos);
    ::setenv("WEIR_TEST_KEY", "", 1);
    EXPECT_NE(problem_of(config), "");
    ::setenv("WEIR_TEST_KEY", "sk-env", 1);
    EXPECT_EQ(make_settings(config).accounts.at(0).keys.at(0).secret, "sk-env");
    ::unsetenv("WEIR_TEST_KEY");
}

TEST(Settings, KeysComeFromFiles) {
    const TemporaryFile file("sk-file\r\n\n");
    EXPECT_EQ(
        make_settings(with({{"account.a.key_file", file.path()}})).accounts.at(0).keys.at(0).secret,
        "sk-file");
    const TemporaryFile two_lines("sk-one\nsk-two\n");
    EXPECT_NE(problem_of(with({{"account.a.key_file", two_lines.path()}})), "");
    const TemporaryFile empty("\n");
    EXPECT_NE(problem_of(with({{"account.a.key_file", empty.path()}})), "");
    const TemporaryFile huge(std::string(100000, 'k'));
    EXPECT_NE(problem_of(with({{"account.a.key_file", huge.path()}})), "");
    EXPECT_NE(
        problem_of(with({{"account.a.key_file", "/no/such/file"}})).find("account.a.key_file"),
        std::string::npos);
    EXPECT_NE(problem_of(with({{"account.a.key_file", "/"}})), "");
}

TEST(Settings, AccountLimitsStandOnThoseOfTheClass) {
    const Settings settings =
        make_settings(with({{"account.a.key", "k"},
                            {"account.b.key", "k"},
                            {"limit.claude-opus-5.requests_per_minute", "100"},
                            {"limit.claude-opus-5.tokens_per_day", "900"},
                            {"account.b.limit.claude-opus-5.requests_per_minute", "7"}}));
    const LimitSettings& limits = settings.core.limits;
    ASSERT_EQ(limits.accounts.size(), 2u);
    EXPECT_TRUE(limits.accounts[0].limits.empty());
    ASSERT_EQ(limits.accounts[1].limits.size(), 1u);
    EXPECT_EQ(limits.accounts[1].limits[0].limits.requests_per_minute, 7);
    EXPECT_EQ(limits.accounts[1].limits[0].limits.tokens_per_day, 900);
    EXPECT_EQ(limits.classes[limits.accounts[1].limits[0].model_class].name, "claude-opus-5");
}

// ---- Model classes ----

std::string class_of(ModelClasses* classes, std::string_view model, bool fast = false) {
    return std::string(classes->name(classes->find(model, fast).model_class));
}

TEST(ModelClasses, TheLongestMatchWins) {
    ModelClasses classes(make_settings(with({{"class.mine.models", "claude-opus-5-5-special"},
                                             {"limit.own.requests_per_minute", "5"}}))
                             .core.limits.classes);
    EXPECT_EQ(class_of(&classes, "claude-opus-5"), "claude-opus-5");
    EXPECT_EQ(class_of(&classes, "claude-opus-5-20260601"), "claude-opus-5");
    EXPECT_EQ(class_of(&classes, "claude-opus-5-5"), "claude-opus-5-5");
    EXPECT_EQ(class_of(&classes, "claude-opus-5-5-special"), "mine");
    EXPECT_EQ(class_of(&classes, "claude-sonnet-4-6"), "claude-sonnet-4");
    EXPECT_EQ(class_of(&classes, "claude-3-5-haiku-20241022"), "claude-haiku-3-5");
    EXPECT_EQ(class_of(&classes, "own"), "own");
    EXPECT_EQ(class_of(&classes, "own-model"), "own");
}

TEST(ModelClasses, AClaimThatIsConfiguredTakesAModelFromTheBuiltInClass) {
    ModelClasses classes(
        make_settings(with({{"class.a.models", "claude-sonnet-4*"}})).core.limits.classes);
    EXPECT_EQ(class_of(&classes, "claude-sonnet-4-5"), "a");
}

TEST(ModelClasses, UnknownModelsHaveClassesOfTheirOwn) {
    ModelClasses classes(make_settings(Config()).core.limits.classes);
    EXPECT_EQ(class_of(&classes, "new-model-20270101"), "new-model");
    EXPECT_EQ(classes.find("new-model-20270101", false).model_class,
              classes.find("new-model", false).model_class);
    EXPECT_EQ(classes.find("new-model-latest", false).model_class,
              classes.find("new-model", false).model_class);
    EXPECT_NE(classes.find("other-model", false).model_class,
              classes.find("new-model", false).model_class);
    EXPECT_NE(classes.find("claude-opus-5", true).model_class,
              classes.find("claude-opus-5", false).model_class);
    EXPECT_EQ(class_of(&classes, "claude-opus-5-20260601", true), "claude-opus-5-fast");
}

TEST(ModelClasses, SpareClassesRunOutQuietly) {
    const auto settings = make_settings(Config()).core.limits.classes;
    ModelClasses classes(settings);
    for (int i = 0; i < 3000; ++i) {
        ASSERT_LT(classes.find("model-" + std::to_string(i), i % 2 == 0).model_class,
                  settings.size());
    }
    EXPECT_EQ(class_of(&classes, "one-more"), "other");
}

// The variables that other programs read, set for a while.
class Environment {
public:
    explicit Environment(std::initializer_list<std::pair<const char*, const char*>> variables) {
        for (const auto& [name, value] : variables) {
            setenv(name, value, 1);
            names_.push_back(name);
        }
    }
    ~Environment() {
        for (const char* name : names_) unsetenv(name);
    }

private:
    std::vector<const char*> names_;
};

TEST(Settings, TheEnvironmentCountsWhereItIsAskedFor) {
    const Environment environment{{"HTTPS_PROXY", "http://proxy.example.com:3128"},
                                  {"no_proxy", "localhost,.example.org"},
                                  {"SSL_CERT_FILE", "/etc/authorities.pem"}};
    const TransportSettings without = make_settings(Config()).transport;
    EXPECT_EQ(without.proxy + without.no_proxy + without.ca_file, "");
    const TransportSettings with_it =
        make_settings(with({{"transport.environment", "true"}})).transport;
    EXPECT_EQ(with_it.proxy, "http://proxy.example.com:3128");
    EXPECT_EQ(with_it.no_proxy, "localhost,.example.org");
    EXPECT_EQ(with_it.ca_file, "/etc/authorities.pem");
    const TransportSettings own = make_settings(with({{"transport.environment", "true"},
                                                      {"transport.proxy", "http://own:1"},
                                                      {"transport.ca_file", "/own.pem"}}))
                                      .transport;
    EXPECT_EQ(own.proxy, "http://own:1");
    EXPECT_EQ(own.ca_file, "/own.pem");
    const Environment wrong{{"https_proxy", "not a proxy"}};
    EXPECT_THROW(make_settings(with({{"transport.environment", "true"}})), Failure);
}

}  // namespace
}  // namespace weir
