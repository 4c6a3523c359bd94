#include "engine/engine.h"

#include <climits>
#include <cstddef>
#include <cstdint>

#include "c_api/engine_of.h"
#include "c_api/guard.h"

using namespace weir;

namespace {

// Keeps the engine for the length of a call that may see its handle released.
class Kept {
public:
    explicit Kept(Engine& engine) : engine_(engine) { engine_.retain(); }
    ~Kept() { engine_.release(); }
    Kept(const Kept&) = delete;
    Kept& operator=(const Kept&) = delete;
    Engine* operator->() const { return &engine_; }

private:
    Engine& engine_;
};

// The data of a hook, destroyed here unless somebody else has taken that over.
class UserData {
public:
    UserData(void* user, weir_user_function destroy) : user_(user), destroy_(destroy) {}
    ~UserData() {
        if (destroy_ != nullptr) destroy_(user_);
    }
    UserData(const UserData&) = delete;
    UserData& operator=(const UserData&) = delete;
    void given_away() { destroy_ = nullptr; }

private:
    void* user_;
    weir_user_function destroy_;
};

}  // namespace

extern "C" {

int32_t weir_engine_open(const weir_config* config, weir_engine** out, weir_error** error) {
    return guard(error, [&] {
        output(out);
        // The handle comes first: what could fail after the engine runs would have to stop it.
        weir_engine* handle = make_handle<weir_engine>(nullptr);
        try {
            handle->engine = Engine::open(deref(config).config);
        } catch (...) {
            delete handle;
            throw;
        }
        *out = handle;
    });
}

int32_t weir_engine_close(weir_engine* engine) {
    return guard(nullptr, [&] { engine_of(engine).close(); });
}

int32_t weir_engine_wait(weir_engine* engine, int64_t timeout_ms) {
    return guard(nullptr, [&] {
        const Kept inner(engine_of(engine));
        check_timeout(timeout_ms);
        return inner->wait(timeout_ms);
    });
}

void weir_engine_release(weir_engine* engine) {
    quietly([&] {
        if (!is_handle(engine)) return;
        Engine* inner = engine->engine;
        release_handle(engine);
        if (inner->forked()) return inner->abandon();
        inner->set_wake_hook(nullptr, nullptr, nullptr);
        inner->close();
        inner->release();
    });
}

int32_t weir_engine_config(weir_engine* engine, weir_config** out, weir_error** error) {
    return guard(error, [&] {
        output(out);
        *out = make_handle<weir_config>(engine_of(engine).config());
    });
}

int32_t weir_engine_stats(weir_engine* engine, weir_text** out, weir_error** error) {
    return guard(error, [&] {
        output(out);
        *out = make_handle<weir_text>(engine_of(engine).stats());
    });
}

int32_t weir_submit(weir_engine* engine, const weir_request* request, uint64_t* ticket,
                    weir_error** error) {
    return guard(error, [&] {
        std::uint64_t unused = 0;
        std::uint64_t* const given = ticket == nullptr ? &unused : ticket;
        output(given);
        *given = engine_of(engine).submit(deref(request).builder);
    });
}

int32_t weir_estimate(weir_engine* engine, const weir_request* request, weir_text** out,
                      weir_error** error) {
    return guard(error, [&] {
        output(out);
        *out = make_handle<weir_text>(engine_of(engine).estimate(deref(request).builder));
    });
}

int32_t weir_place(weir_engine* engine, uint64_t ticket, int64_t* ahead, int64_t* starts_in_ms,
                   weir_error** error) {
    return guard(error, [&] {
        std::int64_t unused[2] = {};
        std::int64_t* const before = ahead == nullptr ? &unused[0] : ahead;
        std::int64_t* const starts = starts_in_ms == nullptr ? &unused[1] : starts_in_ms;
        *before = *starts = 0;
        return engine_of(engine).place(ticket, before, starts);
    });
}

int32_t weir_cancel(weir_engine* engine, uint64_t ticket) {
    return guard(nullptr,
                 [&] { return engine_of(engine).cancel(ticket) ? WEIR_OK : WEIR_ERR_NOT_FOUND; });
}

int32_t weir_cancel_tag(weir_engine* engine, uint64_t tag) {
    return guard(nullptr, [&] {
        Engine& inner = engine_of(engine);
        if (tag == 0) refuse_argument("the tag 0 is no group");
        return inner.cancel_tag(tag) ? WEIR_OK : WEIR_ERR_NOT_FOUND;
    });
}

int32_t weir_key_set(weir_engine* engine, const char* account, size_t account_length,
                     const char* key, size_t key_length, const char* secret, size_t secret_length,
                     weir_error** error) {
    return guard(error, [&] {
        engine_of(engine).set_key(text_of(account, account_length), text_of(key, key_length),
                                  text_of(secret, secret_length));
    });
}

int32_t weir_key_retire(weir_engine* engine, const char* account, size_t account_length,
                        const char* key, size_t key_length, weir_error** error) {
    return guard(error, [&] {
        engine_of(engine).retire_key(text_of(account, account_length), text_of(key, key_length));
    });
}

int32_t weir_batch_acknowledge(weir_engine* engine, uint64_t ticket) {
    return guard(nullptr, [&] {
        return engine_of(engine).tell_batch_lane(Inbox::Command::Kind::acknowledge, ticket);
    });
}

int32_t weir_batch_flush(weir_engine* engine) {
    return guard(nullptr,
                 [&] { return engine_of(engine).tell_batch_lane(Inbox::Command::Kind::flush, 0); });
}

int32_t weir_batch_cancel(weir_engine* engine, uint64_t batch) {
    return guard(nullptr, [&] {
        return engine_of(engine).tell_batch_lane(Inbox::Command::Kind::cancel_batch, batch);
    });
}

int32_t weir_batch_list(weir_engine* engine, weir_text** out, weir_error** error) {
    return guard(error, [&] {
        output(out);
        *out = make_handle<weir_text>(engine_of(engine).batch_list());
    });
}

int32_t weir_fd(weir_engine* engine) {
    return guard(nullptr, [&] { return engine_of(engine).fd(); });
}

int32_t weir_poll(weir_engine* engine, weir_event* events, size_t event_size, size_t capacity,
                  int64_t timeout_ms) {
    return guard(nullptr, [&]() -> std::int32_t {
        const Kept inner(engine_of(engine));
        check_timeout(timeout_ms);
        if (event_size < sizeof(weir_event)) refuse_argument("event_size is too small");
        if (capacity == 0) return 0;
        if (events == nullptr) refuse_argument("events is NULL");
        const std::size_t most = INT32_MAX;
        return inner->poll(events, event_size, capacity < most ? capacity : most, timeout_ms);
    });
}

int32_t weir_dispatch(weir_engine* engine, weir_event_function function, void* user,
                      size_t max_events, int64_t timeout_ms) {
    return guard(nullptr, [&] {
        const Kept inner(engine_of(engine));
        check_timeout(timeout_ms);
        if (function == nullptr) refuse_argument("the function is NULL");
        const std::size_t most = INT32_MAX;
        return inner->dispatch(function, user, max_events < most ? max_events : most, timeout_ms);
    });
}

int32_t weir_set_wake_hook(weir_engine* engine, weir_user_function function, void* user,
                           weir_user_function destroy) {
    return guard(nullptr, [&] {
        UserData data(user, destroy);
        Engine& inner = engine_of(engine);
        inner.set_wake_hook(function, user, function != nullptr ? destroy : nullptr);
        if (function != nullptr) data.given_away();
    });
}

// Without an exception, for signal handlers.
int32_t weir_wakeup(weir_engine* engine) {
    return quietly([&]() -> std::int32_t {
        if (!is_handle(engine)) return WEIR_ERR_BAD_HANDLE;
        if (engine->engine->forked()) return WEIR_ERR_FORKED;
        engine->engine->wakeup();
        return WEIR_OK;
    });
}

}  // extern "C"
