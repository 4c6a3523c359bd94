#include <gtest/gtest.h>
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <functional>
#include <string>

#include "engine/error_object.h"
#include "engine/failure.h"
#include "engine/fork_guard.h"
#include "engine/json_writer.h"
#include "engine/request_builder.h"
#include "engine/thread.h"
#include "engine/wake_hook.h"

namespace weir {
namespace {

// ---- ForkGuard ----

// What `question` says in a forked child.
template <class F>
bool in_child(F&& question) {
    const pid_t child = ::fork();
    if (child == 0) ::_exit(question() ? 1 : 0);
    int status = 0;
    ::waitpid(child, &status, 0);
    return WEXITSTATUS(status) == 1;
}

TEST(ForkGuard, KnowsTheChild) {
    for (const auto method : {ForkGuard::Method::best, ForkGuard::Method::counter}) {
        const ForkGuard guard(method);
        EXPECT_FALSE(guard.forked());
        EXPECT_TRUE(in_child([&] { return guard.forked(); }));
        EXPECT_TRUE(in_child([&] { return in_child([&] { return guard.forked(); }); }));
        EXPECT_FALSE(guard.forked());
    }
}

TEST(ForkGuard, AGuardOfTheChildsOwnIsNotForked) {
    for (const auto method : {ForkGuard::Method::best, ForkGuard::Method::counter}) {
        EXPECT_FALSE(in_child([&] { return ForkGuard(method).forked(); }));
    }
}

// ---- Threads and signals ----

TEST(SigpipeBlock, KeepsSigpipeAway) {
    int ends[2];
    ASSERT_EQ(::pipe(ends), 0);
    ::close(ends[0]);
    {
        const SigpipeBlock block;
        EXPECT_EQ(::write(ends[1], "x", 1), -1);  // would end the program
    }
    sigset_t mask, pending;
    ::pthread_sigmask(SIG_SETMASK, nullptr, &mask);
    ::sigpending(&pending);
    EXPECT_EQ(::sigismember(&mask, SIGPIPE), 0);
    EXPECT_EQ(::sigismember(&pending, SIGPIPE), 0);
    ::close(ends[1]);
}

TEST(SigpipeBlock, LeavesTheHostsOwnSigpipeAlone) {
    sigset_t sigpipe, pending;
    ::sigemptyset(&sigpipe);
    ::sigaddset(&sigpipe, SIGPIPE);
    ::pthread_sigmask(SIG_BLOCK, &sigpipe, nullptr);
    ::pthread_kill(::pthread_self(), SIGPIPE);
    { const SigpipeBlock block; }
    ::sigpending(&pending);
    EXPECT_EQ(::sigismember(&pending, SIGPIPE), 1);
    const timespec no_time{};
    ::sigtimedwait(&sigpipe, nullptr, &no_time);
    ::pthread_sigmask(SIG_UNBLOCK, &sigpipe, nullptr);
}

// ---- WakeHook ----

void count_up(void* user) { ++*static_cast<int*>(user); }

TEST(WakeHook, DestroysOnceAndAfterTheLastCall) {
    int first = 0, second = 0;
    {
        WakeHook hook;
        hook.call();
        hook.set(count_up, &first, count_up);
        hook.call();
        EXPECT_EQ(first, 1);
        hook.set(count_up, &second, count_up);
        EXPECT_EQ(first, 2);
        hook.call();
        EXPECT_EQ(first, 2);
        EXPECT_EQ(second, 1);
    }
    EXPECT_EQ(first, 2);
    EXPECT_EQ(second, 2);
}

// ---- Errors ----

TEST(Errors, TableIsWhole) {
    for (const StatusRow& row : status_table()) {
        EXPECT_LT(row.code, 0);
        EXPECT_EQ(find_status(row.code), &row) << row.name;
        const weir_error* error = immortal_error(row.code);
        EXPECT_EQ(error->code, row.code);
        EXPECT_STREQ(error->message, row.text);
        EXPECT_EQ(error->flags, row.flags);
    }
    EXPECT_EQ(find_status(0), nullptr);
    EXPECT_EQ(immortal_error(-9999)->code, WEIR_ERR_INTERNAL);
}

TEST(Errors, KeepTheirParts) {
    std::string message = "words", type = "overloaded_error";
    weir_error* error = make_error({.code = WEIR_ERR_OVERLOADED,
                                    .more_flags = WEIR_ERROR_MAYBE_EXECUTED,
                                    .http_status = 529,
                                    .retry_after_ms = 1500,
                                    .attempts = 3,
                                    .source = ErrorSource::provider,
                                    .message = message,
                                    .provider_type = type,
                                    .answer = std::string_view("a\0b", 3)});
    message = type = "gone";
    EXPECT_STREQ(error->message, "words");
    EXPECT_STREQ(error->provider_type, "overloaded_error");
    EXPECT_STREQ(error->request_id, "");
    EXPECT_EQ(std::string_view(error->answer, error->answer_length), std::string_view("a\0b", 3));
    EXPECT_EQ(error->flags, WEIR_ERROR_MAYBE_EXECUTED | WEIR_ERROR_RETRYABLE);
    release_error(error);
    release_error(immortal_error(WEIR_ERR_NOMEM));
    release_error(nullptr);
}

TEST(Errors, LongMessagesAreCutBetweenCharacters) {
    std::string message(4095, 'a');
    message += "\xC3\xA9\xC3\xA9";
    weir_error* error = make_error({.code = WEIR_ERR_SERVER, .message = message});
    EXPECT_EQ(std::strlen(error->message), 4095u);
    release_error(error);
}

// ---- JsonWriter ----

TEST(JsonWriter, WritesNestedValues) {
    JsonWriter json(false);
    json.open('{').member("a", 1).key("b").open('[').value("x").value(true).close(']');
    json.key("c").open('{').close('}').member("d", -1.5).member("e", std::uint64_t{1} << 63);
    EXPECT_EQ(json.close('}').take(),
              "{\"a\":1,\"b\":[\"x\",true],\"c\":{},\"d\":-1.5,\"e\":9223372036854775808}");
}

TEST(JsonWriter, IndentsWhenAsked) {
    JsonWriter json(true);
    json.open('{').member("a", 1).key("b").open('{').close('}').close('}');
    EXPECT_EQ(json.take(), "{\n  \"a\": 1,\n  \"b\": {}\n}");
}

TEST(JsonWriter, TextsAreAlwaysUtf8) {
    const auto quoted = [](std::string_view text) { return JsonWriter(false).value(text).take(); };
    EXPECT_EQ(quoted("a\"b\\c\n\x01"), "\"a\\\"b\\\\c\\u000a\\u0001\"");
    EXPECT_EQ(quoted("\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80"),
              "\"\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80\"");
    EXPECT_EQ(quoted("\xC3"), "\"\xEF\xBF\xBD\"");
    EXPECT_EQ(quoted("\xFFx"), "\"\xEF\xBF\xBDx\"");
    EXPECT_EQ(quoted("\xC0\xAF"), "\"\xEF\xBF\xBD\xEF\xBF\xBD\"");
    EXPECT_EQ(quoted("\xED\xA0\x80"), "\"\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\"");
}

// ---- RequestBuilder ----

constexpr const char* kBody =
    R"({"model":"claude-opus-5","max_tokens":9,"messages":[{"role":"user","content":"hi"}]})";

std::int32_t status_of(const std::function<void()>& f) {
    try {
        f();
        return WEIR_OK;
    } catch (const Failure& failure) {
        return failure.code();
    }
}

TEST(RequestBuilder, TakesItsSettingsBack) {
    RequestBuilder builder;
    EXPECT_EQ(status_of([&] { builder.submission(0, 0); }), WEIR_ERR_BAD_BODY);
    builder.set_body(kBody);
    builder.set("input_tokens", "12");
    EXPECT_EQ(builder.submission(0, 0).input_tokens, 12u);
    builder.set("input_tokens", "");
    EXPECT_EQ(builder.submission(0, 0).input_tokens, 0u);
    for (const char* value : {"0", "-1", "1.5", "x", "99999999999"}) {
        EXPECT_EQ(status_of([&] { builder.set("output_tokens", value); }), WEIR_ERR_INVALID_VALUE);
    }
}

TEST(RequestBuilder, HeadersTravelWithTheBodyThatIsSubmitted) {
    RequestBuilder builder;
    builder.set("header.Anthropic-Beta", "one");
    builder.set_body(kBody);
    const BodyRef first = *builder.submission(0, 0).body;
    builder.set("header.anthropic-beta", "two");
    const BodyRef second = *builder.submission(0, 0).body;
    EXPECT_EQ(first->extra_headers()->front(), "anthropic-beta: one");
    EXPECT_EQ(second->extra_headers()->front(), "anthropic-beta: two");
    EXPECT_EQ(second->model(), "claude-opus-5");
    builder.set("header.anthropic-beta", "");
    EXPECT_EQ((*builder.submission(0, 0).body)->extra_headers(), nullptr);
}

TEST(RequestBuilder, DeadlinesAreFromNow) {
    RequestBuilder builder;
    builder.set_body(kBody);
    EXPECT_EQ(builder.submission(5, 0).deadline_at, kNever);
    EXPECT_EQ(builder.submission(5, 100).deadline_at, 105);
    builder.set_deadline_ms(2);
    EXPECT_EQ(builder.submission(5, 100).deadline_at, 5 + 2 * kNsPerMs);
    EXPECT_EQ(status_of([&] { builder.set_deadline_ms(-1); }), WEIR_ERR_BAD_ARGUMENT);
}

}  // namespace
}  // namespace weir
