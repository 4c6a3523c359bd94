#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

#include "engine/config.h"
#include "engine/failure.h"
#include "weir/weir.h"

namespace weir {
namespace {

// The failure that `f` ends with.
template <class F>
Failure failure_of(F&& f) {
    try {
        f();
    } catch (const Failure& failure) {
        return failure;
    }
    return {WEIR_OK, ErrorSource::local, ""};
}

TEST(ConfigTable, RowsAreWhole) {
    std::set<std::string> names;
    for (const KeyRow& row : config_table()) {
        EXPECT_TRUE(names.insert(row.name).second) << row.name;
        EXPECT_EQ(find_row(row.name) == &row, !is_family(row)) << row.name;
        EXPECT_NE(std::string(row.line), "") << row.name;
        EXPECT_TRUE(std::string(row.line).ends_with('.')) << row.name;
        if (row.default_value[0] == '\0') continue;
        EXPECT_EQ(checked_value(row, row.name, row.default_value), row.default_value) << row.name;
    }
}

TEST(ConfigTable, FamiliesTakeAnyName) {
    EXPECT_NE(find_row("account.main.key"), nullptr);
    EXPECT_NE(find_row("account.my-Account_2.limit.claude-opus-5.tokens_per_day"), nullptr);
    for (const char* key : {"account..key", "account.a b.key", "account.<name>.key", "account.main",
                            "account.main.", "account.main.key.", ".account.main.key",
                            "account.\xC3\xA9.key", "", ".", "limit.a.b.requests_per_minute"}) {
        EXPECT_EQ(find_row(key), nullptr) << key;
    }
    EXPECT_EQ(find_row("account." + std::string(65, 'a') + ".key"), nullptr);
    EXPECT_NE(find_row("account." + std::string(64, 'a') + ".key"), nullptr);
}

TEST(ConfigTable, NearKeysAreSuggested) {
    EXPECT_EQ(nearest_key("queue.max_request"), "queue.max_requests");
    EXPECT_EQ(nearest_key("queue.maxRequests"), "queue.max_requests");
    EXPECT_EQ(nearest_key("account.main.kee"), "account.main.key");
    EXPECT_EQ(nearest_key("limit.claude-opus-5.request_per_minute"),
              "limit.claude-opus-5.requests_per_minute");
    EXPECT_EQ(nearest_key("zzz"), "");
    EXPECT_EQ(nearest_key(std::string(100000, 'a')), "");
}

TEST(Config, UnknownKeysNameThemselvesAndTheirNeighbour) {
    const Failure failure = failure_of([] { Config().set("queue.max_request", "1"); });
    EXPECT_EQ(failure.code(), WEIR_ERR_UNKNOWN_KEY);
    EXPECT_NE(failure.message().find("queue.max_request:"), std::string::npos);
    EXPECT_NE(failure.message().find("did you mean queue.max_requests?"), std::string::npos);
}

TEST(Config, ValuesAreCheckedByType) {
    const std::vector<std::pair<std::string, std::string>> wrong = {
        {"queue.max_requests", "0"},        {"queue.max_requests", "16000001"},
        {"queue.max_requests", "1.5"},      {"queue.max_requests", " 1"},
        {"queue.max_requests", "1 "},       {"queue.max_requests", "+1"},
        {"queue.max_requests", "0x10"},     {"queue.max_requests", "99999999999999999999"},
        {"queue.max_requests", ""},         {"limits.burst_s", "nan"},
        {"limits.burst_s", "inf"},          {"limits.burst_s", "-0.5"},
        {"limits.burst_s", "600.5"},        {"limits.burst_s", "1,5"},
        {"limits.pinned", "maybe"},         {"engine.drive", "Thread"},
        {"transport.base_url", "https://"}, {"transport.base_url", "ftp://example.com"},
        {"transport.ca_file", "a\nb"},      {"account.a.key", "with space"},
        {"account.a.key", "line\r\nbreak"}, {"account.a.key", "\xC3\xA9"},
        {"account.a.key", "***"},           {"account.a.key", ""},
    };
    for (const auto& pair : wrong) {
        const std::string& key = pair.first;
        const std::string& value = pair.second;
        Config config;
        const Failure failure = failure_of([&] { config.set(key, value); });
        EXPECT_EQ(failure.code(), WEIR_ERR_INVALID_VALUE) << key << " = " << value;
        EXPECT_NE(failure.message().find(key), std::string::npos) << failure.message();
        EXPECT_FALSE(config.is_set(key));
    }
}

// Of every limit that can be configured, wherever.
TEST(Config, LimitsAreRefusedThatAreNone) {
    for (const std::string where :
         {"", "account.a.", "account.a.workspace.w.", "account.a.keys.k."}) {
        for (const char* what : {"requests_per_minute", "input_tokens_per_minute",
                                 "output_tokens_per_minute", "tokens_per_day"}) {
            const std::string key = where + "limit.claude-opus-5." + what;
            ASSERT_NE(find_row(key), nullptr) << key;
            for (const char* value :
                 {"-1", "0", "-9223372036854775808", "1000000000001", "9223372036854775808",
                  "99999999999999999999", "1e3", "unlimited", "nan"}) {
                Config config;
                const Failure failure = failure_of([&] { config.set(key, value); });
                EXPECT_EQ(failure.code(), WEIR_ERR_INVALID_VALUE) << key << " = " << value;
                EXPECT_NE(failure.message().find(key), std::string::npos) << failure.message();
                EXPECT_FALSE(config.is_set(key));
            }
        }
    }
}

TEST(Config, ValuesAreKeptInOneForm) {
    Config config;
    config.set("queue.max_requests", "007");
    EXPECT_EQ(config.get("queue.max_requests"), "7");
    config.set("limits.burst_s", "1.50");
    EXPECT_EQ(config.get("limits.burst_s"), "1.5");
    config.set("limits.pinned", "yes");
    EXPECT_EQ(config.get("limits.pinned"), "true");
    config.set("transport.ca_file", "x");
    config.set("transport.ca_file", "");
    EXPECT_EQ(config.get("transport.ca_file"), "");
    EXPECT_EQ(config.get("retry.max_attempts"), "8");  // a default
}

TEST(Config, FamiliesAndSecretsAreReadDifferently) {
    Config config;
    EXPECT_EQ(failure_of([&] { config.get("account.a.key_env"); }).code(), WEIR_ERR_NOT_FOUND);
    config.set("account.a.key_env", "KEY");
    EXPECT_EQ(config.get("account.a.key_env"), "KEY");
    config.set("account.a.key", "sk-secret");
    EXPECT_EQ(failure_of([&] { config.get("account.a.key"); }).code(), WEIR_ERR_UNSUPPORTED);
    EXPECT_EQ(config.json().find("sk-secret"), std::string::npos);
}

TEST(Config, SecretsAreNotShownInFailures) {
    const Failure failure = failure_of([] { Config().set("account.a.key", "sk-secret\n"); });
    EXPECT_EQ(failure.message().find("sk-secret"), std::string::npos);
    const Failure in_json =
        failure_of([] { Config().set_json("{\"account\":{\"a\":{\"key\":\"sk-secret\" oops}}}"); });
    EXPECT_EQ(in_json.code(), WEIR_ERR_INVALID_VALUE);
    EXPECT_EQ(in_json.message().find("sk-secret"), std::string::npos);
}

TEST(Config, JsonNestsAtTheDots) {
    Config config;
    config.set_json(R"({"queue": {"max_requests": 5}, "limits.burst_s": 2.5, "limits": {"pinned":
        true}, "account": {"main": {"key_env": "K", "limit": {"c": {"tokens_per_day": 9}}}}})");
    EXPECT_EQ(config.get("queue.max_requests"), "5");
    EXPECT_EQ(config.get("limits.burst_s"), "2.5");
    EXPECT_EQ(config.get("limits.pinned"), "true");
    EXPECT_EQ(config.get("account.main.limit.c.tokens_per_day"), "9");
}

TEST(Config, JsonIsAllOrNothing) {
    const char* const wrong[] = {
        R"({"queue": {"max_requests": 5}, "nothing": 1})",
        R"({"queue": {"max_requests": 5, "max_bytes": null}})",
        R"({"queue": {"max_requests": 5, "max_bytes": [1]}})",
        R"({"queue": {"max_requests": 5, "max_bytes": true}})",
        R"({"queue": {"max_requests": 5, "max_bytes": {}}})",
        R"({"queue": {"max_requests": 5, "max_requests": 6}})",
        R"({"queue": {"max_requests": 5}, "queue.max_requests": 6})",
        R"({"queue": {"max_requests": 5}, "transport": {"ca_file": 5}})",
        R"({"queue": {"max_requests": 5}, "limits": {"pinned": 1}})",
        R"({"queue": {"max_requests": 5}, "limits": {"burst_s": 1e999}})",
        R"({"queue": {"max_requests": 5})",
        R"({"queue": {"max_requests": 5}} x)",
        R"([{"queue": {"max_requests": 5}}])",
        R"("queue")",
        "",
        "{\"a\": \"\xFF\"}",
    };
    for (const char* json : wrong) {
        Config config;
        EXPECT_NE(failure_of([&] { config.set_json(json); }).code(), WEIR_OK) << json;
        EXPECT_FALSE(config.is_set("queue.max_requests")) << json;
    }
    Config config;
    std::string deep;
    for (int i = 0; i < 100000; ++i) deep += "{\"a\":";
    EXPECT_EQ(failure_of([&] { config.set_json(deep); }).code(), WEIR_ERR_INVALID_VALUE);
}

TEST(Config, JsonComesBack) {
    Config config;
    config.set("queue.max_requests", "5");
    config.set("queue.order", "deadline");
    config.set("limits.burst_s", "0.25");
    config.set("limits.pinned", "true");
    config.set("account.a.key_file", "/run/\"quoted\"\\path");
    config.set("account.a-b.key_env", "B");
    config.set("account.a.limit.c.tokens_per_day", "7");
    Config again;
    again.set_json(config.json());
    EXPECT_EQ(again.json(), config.json());
    EXPECT_EQ(again.get("account.a.key_file"), "/run/\"quoted\"\\path");
    EXPECT_EQ(again.get("account.a-b.key_env"), "B");
    EXPECT_EQ(Config().json(), "{}");
}

TEST(Config, NamesOfFamilies) {
    Config config;
    config.set("account.b.key", "k");
    config.set("account.a-b.key_env", "K");
    config.set("account.a.limit.x.tokens_per_day", "7");
    config.set("account.a.limit.y.tokens_per_day", "7");
    const std::set<std::string, std::less<>> accounts = {"a", "a-b", "b"};
    EXPECT_EQ(config.names("account."), accounts);
    const std::set<std::string, std::less<>> classes = {"x", "y"};
    EXPECT_EQ(config.names("account.a.limit."), classes);
}

}  // namespace
}  // namespace weir
