// Keys of a running engine: several of an account, set and retired by the caller, and from files.

#include <gtest/gtest.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <set>
#include <string>
#include <vector>

#include "engine/engine.h"
#include "engine/error_object.h"
#include "engine/failure.h"
#include "engine/path_directories.h"
#include "engine_scripted_engine.h"

namespace weir {
namespace {

namespace fs = std::filesystem;

class TemporaryDirectory {
public:
    TemporaryDirectory() { EXPECT_NE(::mkdtemp(path_.data()), nullptr); }
    ~TemporaryDirectory() { fs::remove_all(path_); }
    std::string operator/(const std::string& name) const { return path_ + "/" + name; }

private:
    std::string path_ = ::testing::TempDir() + "weir-keys-XXXXXX";
};

void write(const std::string& path, const std::string& content) { std::ofstream(path) << content; }

class KeysTest : public ScriptedEngineTest {
protected:
    void open(std::initializer_list<std::pair<const char*, std::string>> values) {
        Config config;
        config.set("log.level", "debug");
        config.set("limit.claude-opus-5.requests_per_minute", "1000000000000");
        config.set("limits.burst_s", "60");
        for (const auto& [key, value] : values) config.set(key, value);
        open_engine(std::move(config));
        poll();
    }
    void TearDown() override {
        if (engine_ == nullptr) return;
        engine_->close();
        poll();
        ScriptedEngineTest::TearDown();
        for (const char* const secret : {"sk-one", "sk-two", "sk-three"}) {
            EXPECT_EQ(shown_.find(secret), std::string::npos) << shown_;
        }
    }
    // Takes all events; what they show is kept, and what they say of keys.
    void poll() {
        for (const weir_event& event : ScriptedEngineTest::poll()) {
            const auto data = std::string(static_cast<const char*>(event.data), event.data_length);
            if (event.type != WEIR_EVENT_DONE) shown_ += data + "\n";
            if (event.type == WEIR_EVENT_LOG) log_.push_back(data);
            if (event.type == WEIR_EVENT_KEY) {
                EXPECT_EQ(event.ticket, 0u);
                keys_.push_back(data);
            }
            if (event.type == WEIR_EVENT_DONE) ++done_;
            if (event.type == WEIR_EVENT_FAILED) {
                ++failed_;
                const auto* error = static_cast<const weir_error*>(event.object);
                error_ = error->message;
                retry_after_ms_ = error->retry_after_ms;
                shown_ += error_ + "\n";
            }
        }
        shown_ += engine_->stats();
    }
    // The secrets with which `count` requests are sent.
    std::set<std::string> secrets_used(int count = 6) {
        transport_->headers.clear();
        for (int i = 0; i < count; ++i) engine_->submit(builder_);
        poll();
        std::set<std::string> secrets;
        for (const auto& [id, headers] : transport_->headers) {
            for (const std::string& header : headers) {
                if (header.starts_with("x-api-key: ")) secrets.insert(header.substr(11));
            }
        }
        return secrets;
    }
    void await_key_event() {
        pollfd fd{engine_->fd(), POLLIN, 0};
        const std::size_t before = keys_.size();
        for (int i = 0; i < 1000 && keys_.size() == before; ++i) {
            ASSERT_EQ(::poll(&fd, 1, 5000), 1) << "the loop is not told of the change";
            poll();
        }
    }

    std::string shown_;
    std::vector<std::string> log_;
    std::vector<std::string> keys_;
    std::string error_;
    std::int64_t retry_after_ms_ = 0;
    int done_ = 0;
    int failed_ = 0;
};

TEST_F(KeysTest, TheKeysOfAnAccountTakeTurnsAndARefusedOneIsPutAside) {
    open({{"account.main.key", "sk-one"},
          {"account.main.keys.b.value", "sk-two"},
          {"account.main.keys.b.workspace", "w"}});
    EXPECT_EQ(secrets_used(), (std::set<std::string>{"sk-one", "sk-two"}));
    transport_->answer_at_once = false;
    engine_->submit(builder_);
    poll();
    ASSERT_EQ(transport_->started.size(), 1u);
    // The answers so far took turns: which key it was the headers say.
    const std::vector<std::string> headers = transport_->headers[transport_->started[0]];
    const bool is_b =
        std::find(headers.begin(), headers.end(), "x-api-key: sk-two") != headers.end();
    transport_->answer(transport_->started[0], 0, 401,
                       R"({"type":"error","error":{"type":"authentication_error",)"
                       R"("message":"sk-one or sk-two?"}})");
    transport_->started.clear();
    transport_->answer_at_once = true;
    poll();
    EXPECT_EQ(failed_, 0);
    ASSERT_EQ(keys_.size(), 1u);
    const std::string what =
        is_b ? R"("workspace":"w","key":"b")" : R"("workspace":"","key":"main")";
    EXPECT_EQ(keys_[0].find(R"({"account":"main",)" + what +
                            R"(,"state":"quarantined","reason":"bad_key","until_ms":)"),
              0u)
        << keys_[0];
    const std::string good = is_b ? "sk-one" : "sk-two";
    EXPECT_EQ(secrets_used(), std::set<std::string>{good});
    shown_.clear();  // the provider's words name both keys, and only the one in use is covered
}

TEST_F(KeysTest, AKeyThatIsSetIsInUseAtOnceAndOneThatIsRetiredIsNot) {
    open({{"account.main.key", "sk-one"}});
    engine_->set_key("main", "more", "sk-two");
    EXPECT_EQ(secrets_used(), (std::set<std::string>{"sk-one", "sk-two"}));
    engine_->retire_key("main", "main");
    EXPECT_EQ(secrets_used(), std::set<std::string>{"sk-two"});
    engine_->set_key("main", "more", "sk-three");
    EXPECT_EQ(secrets_used(), std::set<std::string>{"sk-three"});
    engine_->retire_key("main", "more");
    engine_->set_key("main", "main", "sk-two");
    EXPECT_EQ(secrets_used(), std::set<std::string>{"sk-two"});
    EXPECT_EQ(failed_, 0);
    std::vector<std::string> states;
    for (const std::string& key : keys_) {
        const auto at = key.find("\"key\"");
        states.push_back(key.substr(at, key.find(",\"reason\"") - at));
    }
    EXPECT_EQ(states, (std::vector<std::string>{
                          R"("key":"more","state":"active")", R"("key":"main","state":"retired")",
                          R"("key":"more","state":"replaced")", R"("key":"more","state":"retired")",
                          R"("key":"main","state":"replaced")"}));
    EXPECT_NE(engine_->stats().find(
                  R"("key":"more","state":"retired","reason":"","until_ms":0,"in_flight":0)"),
              std::string::npos)
        << engine_->stats();
}

TEST_F(KeysTest, WhatIsInFlightGoesOnWithTheOldSecretAndItsHeaders) {
    open({{"account.main.key", "sk-one"}});
    transport_->answer_at_once = false;
    engine_->submit(builder_);
    poll();
    engine_->set_key("main", "main", "sk-two");
    poll();
    transport_->answer(transport_->started.at(0), 0, 401,
                       R"({"type":"error","error":{"type":"authentication_error",)"
                       R"("message":"sk-one was revoked"}})");
    transport_->started.erase(transport_->started.begin());
    transport_->answer_at_once = true;
    poll();
    EXPECT_EQ(done_, 1) << "it was sent again with the new secret";
    EXPECT_EQ(keys_.size(), 1u) << "the new secret is not blamed";
}

TEST_F(KeysTest, WhereAllKeysAreOutTheErrorSaysWhenTheFirstComesBack) {
    open({{"account.main.key", "sk-one"}});
    transport_->answer_at_once = false;
    engine_->submit(builder_);
    poll();
    transport_->answer(transport_->started.at(0), 0, 401,
                       R"({"type":"error","error":{"type":"authentication_error"}})");
    poll();
    EXPECT_EQ(failed_, 1);
    const std::string_view sentence = "every key is out, and the first comes back in ";
    const std::size_t at = error_.find(sentence);
    ASSERT_NE(at, std::string::npos) << error_;
    const int in_ms = std::stoi(error_.substr(at + sentence.size()));
    EXPECT_GT(in_ms, 20'000) << error_;
    EXPECT_LE(in_ms, 30'000) << error_;
    engine_->submit(builder_);
    poll();
    EXPECT_EQ(failed_, 2);
    EXPECT_NE(error_.find("every key is out"), std::string::npos) << error_;
    EXPECT_GT(retry_after_ms_, 20'000);
    EXPECT_LE(retry_after_ms_, 30'000);
}

TEST_F(KeysTest, WhereStickyTheCacheablePrefixStaysWithItsAccount) {
    open({{"account.a.key", "sk-one"}, {"account.b.key", "sk-two"}, {"accounts.choice", "sticky"}});
    std::set<std::string> all;
    const auto set_body = [&](int system, int question) {
        builder_.set_body(R"({"model":"claude-opus-5","max_tokens":9,"system":[{"type":"text",)"
                          R"("text":"system )" +
                          std::to_string(system) +
                          R"(","cache_control":{"type":"ephemeral"}}],)"
                          R"("messages":[{"role":"user","content":")" +
                          std::to_string(question) + R"("}]})");
    };
    for (int system = 0; system < 12; ++system) {
        std::set<std::string> secrets;
        for (int question = 0; question < 6; ++question) {
            set_body(system, question);
            secrets.merge(secrets_used(1));
        }
        EXPECT_EQ(secrets.size(), 1u);
        all.merge(secrets);
    }
    EXPECT_EQ(all.size(), 2u);
    // What the caller says goes before it.
    builder_.set("affinity", "x");
    std::set<std::string> secrets;
    for (int system = 0; system < 12; ++system) {
        set_body(system, 0);
        secrets.merge(secrets_used(1));
    }
    EXPECT_EQ(secrets.size(), 1u);
}

TEST_F(KeysTest, WhatCannotBeIsRefused) {
    open({{"account.main.key", "sk-one"}});
    const auto code = [](auto&& f) {
        try {
            f();
            return WEIR_OK;
        } catch (const Failure& failure) {
            EXPECT_EQ(failure.message().find("sk-two"), std::string::npos);
            return static_cast<std::int32_t>(failure.code());
        }
    };
    EXPECT_EQ(code([&] { engine_->set_key("other", "a", "sk-two"); }), WEIR_ERR_NOT_FOUND);
    EXPECT_EQ(code([&] { engine_->set_key("main", "a b", "sk-two"); }), WEIR_ERR_BAD_ARGUMENT);
    EXPECT_EQ(code([&] { engine_->set_key("main", "", "sk-two"); }), WEIR_ERR_BAD_ARGUMENT);
    EXPECT_EQ(code([&] { engine_->set_key("main", "a", ""); }), WEIR_ERR_INVALID_VALUE);
    EXPECT_EQ(code([&] { engine_->set_key("main", "a", "sk-two\n"); }), WEIR_ERR_INVALID_VALUE);
    EXPECT_EQ(code([&] { engine_->retire_key("main", "a"); }), WEIR_ERR_NOT_FOUND);
    EXPECT_EQ(code([&] { engine_->retire_key("main", "main"); }), WEIR_OK);
    EXPECT_EQ(code([&] { engine_->retire_key("main", "main"); }), WEIR_ERR_NOT_FOUND);
    for (int i = 0; i < 500; ++i) engine_->set_key("main", "k" + std::to_string(i), "sk-two");
    EXPECT_EQ(code([&] { engine_->set_key("main", "a", "sk-two"); }), WEIR_ERR_INVALID_VALUE);
    engine_->close();
    EXPECT_EQ(code([&] { engine_->set_key("main", "a", "sk-two"); }), WEIR_ERR_CLOSED);
    EXPECT_EQ(code([&] { engine_->retire_key("main", "k1"); }), WEIR_ERR_CLOSED);
}

TEST_F(KeysTest, StatisticsTellTheLimitsOfWorkspacesAndKeys) {
    open({{"account.main.key", "sk-one"},
          {"account.main.keys.b.value", "sk-two"},
          {"account.main.keys.b.workspace", "w"},
          {"account.main.workspace.w.limit.claude-opus-5.requests_per_minute", "70"},
          {"account.main.keys.b.limit.claude-opus-5.requests_per_minute", "50"}});
    const std::string stats = engine_->stats();
    EXPECT_NE(stats.find(R"("workspace":"w","key":"","kind":"requests","limit":70)"),
              std::string::npos)
        << stats;
    EXPECT_NE(stats.find(R"("workspace":"","key":"b","kind":"requests","limit":50)"),
              std::string::npos)
        << stats;
}

// What was configured for it is there before its secret is.
TEST_F(KeysTest, AKeyThatComesLaterHasItsWorkspaceAndLimits) {
    open({{"account.main.key", "sk-one"},
          {"account.main.keys.b.later", "true"},
          {"account.main.keys.b.workspace", "w"},
          {"account.main.keys.c.value", "sk-three"},
          {"account.main.keys.c.workspace", "w"},
          {"account.main.workspace.w.limit.claude-opus-5.requests_per_minute", "1"},
          {"accounts.when_all_out", "wait"}});
    EXPECT_NE(engine_->stats().find(R"("workspace":"w","key":"b","state":"retired")"),
              std::string::npos);
    EXPECT_THROW(engine_->retire_key("main", "b"), Failure) << "it is not in use";
    engine_->retire_key("main", "main");
    EXPECT_EQ(secrets_used(3), std::set<std::string>{"sk-three"}) << "two of three wait";
    EXPECT_EQ(done_, 1);
    engine_->set_key("main", "b", "sk-two");
    poll();
    ASSERT_FALSE(keys_.empty());
    EXPECT_NE(keys_.back().find(R"("workspace":"w","key":"b","state":"replaced")"),
              std::string::npos);
    EXPECT_EQ(done_, 1) << "its workspace has no budget left";
    engine_->retire_key("main", "b");
    engine_->set_key("main", "d", "sk-two");
    poll();
    EXPECT_EQ(done_, 3) << "it was not spoken of, so that no workspace bounds it";
}

TEST(KeyStore, BatchesStayInTheWorkspaceOfTheFirstKey) {
    Settings settings;
    const std::vector<ConfiguredKey> configured = {{"main", "w", "sk-one", "", ""},
                                                   {"b", "x", "sk-two", "", ""},
                                                   {"c", "w", "sk-three", "", ""}};
    settings.accounts.push_back({.name = "a", .keys = configured, .base_url = ""});
    KeyStore keys(settings);
    EXPECT_EQ(keys.for_batches(0), keys.of({0, 0}));
    keys.retire({0, 0});
    EXPECT_EQ(keys.for_batches(0), keys.of({0, 2}));
    keys.retire({0, 2});
    ASSERT_NE(keys.for_batches(0), nullptr);
    for (const std::string& header : keys.for_batches(0)->headers()) {
        EXPECT_EQ(header.find("x-api-key"), std::string::npos);
    }
}

// ---- Files ----

TEST_F(KeysTest, AFileIsReadAgainWhenItIsWritten) {
    const TemporaryDirectory directory;
    write(directory / "key", "sk-one\n");
    open({{"account.main.key_file", directory / "key"}});
    EXPECT_EQ(secrets_used(), std::set<std::string>{"sk-one"});
    write(directory / "key", "sk-two\n");
    await_key_event();
    EXPECT_NE(keys_.back().find("replaced"), std::string::npos);
    EXPECT_EQ(secrets_used(), std::set<std::string>{"sk-two"});
    write(directory / "other", "sk-three\n");
    write(directory / "key", "sk-two\n");
    poll();
    poll();
    EXPECT_EQ(keys_.size(), 1u) << "the same secret is no change";
}

TEST_F(KeysTest, AFileMayBeReplaced) {
    const TemporaryDirectory directory;
    write(directory / "key", "sk-one");
    open({{"account.main.keys.b.file", directory / "key"}});
    for (const char* const secret : {"sk-two", "sk-three"}) {
        write(directory / "new", secret);
        fs::rename(directory / "new", directory / "key");
        await_key_event();
        EXPECT_EQ(secrets_used(), std::set<std::string>{secret});
    }
}

// As Kubernetes mounts a secret: key -> ..data/key, ..data -> a directory of the version.
TEST_F(KeysTest, ALinkOnTheWayToAFileMayBeReplaced) {
    const TemporaryDirectory directory;
    const auto mount = [&](const std::string& version, const std::string& secret) {
        fs::create_directory(directory / version);
        write(directory / (version + "/key"), secret);
        fs::create_symlink(version, directory / "..data_tmp");
        fs::rename(directory / "..data_tmp", directory / "..data");
    };
    mount("..v1", "sk-one");
    fs::create_symlink("..data/key", directory / "key");
    open({{"account.main.key_file", directory / "key"}});
    EXPECT_EQ(secrets_used(), std::set<std::string>{"sk-one"});
    mount("..v2", "sk-two");
    fs::remove_all(directory / "..v1");
    await_key_event();
    EXPECT_EQ(secrets_used(), std::set<std::string>{"sk-two"});
    mount("..v3", "sk-three");
    fs::remove_all(directory / "..v2");
    await_key_event();
    EXPECT_EQ(secrets_used(), std::set<std::string>{"sk-three"});
}

TEST_F(KeysTest, ADirectoryMayGoAndComeBack) {
    const TemporaryDirectory directory;
    fs::create_directories(directory / "a/b");
    write(directory / "a/b/key", "sk-one");
    open({{"account.main.key_file", directory / "a/b/key"}});
    fs::remove_all(directory / "a");
    for (int i = 0; i < 10; ++i) poll();
    EXPECT_EQ(secrets_used(), std::set<std::string>{"sk-one"});
    const auto told = [&](const std::string& line) {
        return line.find("account.main.key_file") != std::string::npos &&
               line.find("the key stays what it was") != std::string::npos;
    };
    EXPECT_EQ(std::count_if(log_.begin(), log_.end(), told), 1);
    fs::create_directories(directory / "a/b");
    poll();
    write(directory / "a/b/key", "sk-two");
    await_key_event();
    EXPECT_EQ(secrets_used(), std::set<std::string>{"sk-two"});
}

TEST_F(KeysTest, AnEmptyFileKeepsTheKey) {
    const TemporaryDirectory directory;
    write(directory / "key", "sk-one");
    open({{"account.main.key_file", directory / "key"}});
    write(directory / "key", "\n");
    for (int i = 0; i < 10; ++i) poll();
    EXPECT_EQ(secrets_used(), std::set<std::string>{"sk-one"});
    EXPECT_TRUE(keys_.empty());
    write(directory / "key", "sk-one sk-two");
    for (int i = 0; i < 10; ++i) poll();
    EXPECT_EQ(secrets_used(), std::set<std::string>{"sk-one"});
    write(directory / "key", "sk-two");
    await_key_event();
    EXPECT_EQ(secrets_used(), std::set<std::string>{"sk-two"});
}

TEST_F(KeysTest, AKeyThatIsSetStaysUntilItsFileChanges) {
    const TemporaryDirectory directory;
    write(directory / "key", "sk-one");
    open({{"account.main.key_file", directory / "key"}});
    engine_->set_key("main", "main", "sk-two");
    write(directory / "other", "");
    for (int i = 0; i < 10; ++i) poll();
    EXPECT_EQ(secrets_used(), std::set<std::string>{"sk-two"});
    write(directory / "key", "sk-three");
    await_key_event();
    EXPECT_EQ(secrets_used(), std::set<std::string>{"sk-three"});
}

TEST(PathDirectories, AreThoseThatTheContentDependsOn) {
    const TemporaryDirectory directory;
    fs::create_directories(directory / "a/b");
    write(directory / "a/b/file", "");
    fs::create_symlink("a", directory / "link");
    fs::create_symlink(directory / "link/b/file", directory / "absolute");
    fs::create_symlink("loop", directory / "loop");
    const std::string top = directory / "";
    using Names = std::vector<std::string>;
    EXPECT_EQ(directories_of_path(directory / "a/b/file"), (Names{top + "a/b/"}));
    EXPECT_EQ(directories_of_path(directory / "link/b/file"), (Names{top, top + "a/b/"}));
    EXPECT_EQ(directories_of_path(directory / "absolute"), (Names{top, top + "a/b/"}));
    EXPECT_EQ(directories_of_path(directory / "a/none"), (Names{top + "a/"}));
    EXPECT_EQ(directories_of_path(directory / "none/at/all"), (Names{top}));
    EXPECT_EQ(directories_of_path(directory / "loop"), (Names{top}));
    EXPECT_EQ(directories_of_path("no-such-file"), (Names{"./"}));
}

}  // namespace
}  // namespace weir
