#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "core/request_slab.h"
#include "engine/config.h"
#include "engine/descriptor.h"
#include "engine/fork_guard.h"
#include "engine/inbox.h"
#include "engine/key_changes.h"
#include "engine/loop.h"
#include "engine/outbox.h"
#include "engine/outlook.h"
#include "engine/request_builder.h"
#include "engine/settings.h"
#include "engine/thread.h"
#include "engine/wake_hook.h"

namespace weir {

// What is behind a weir_engine. Shared by reference count between its handle, its thread, and the
// calls that may outlast the handle; the last one to go frees it.
//
// What throws, throws Failure or std::bad_alloc. Nothing here may be called in a forked child but
// forked() and abandon().
class Engine {
public:
    // The caller has one reference.
    static Engine* open(const Config& config);
    static Engine* open(const Config& config, const TransportFactory& make_transport);
    void retain() noexcept { references_.fetch_add(1, std::memory_order_relaxed); }
    void release() noexcept;

    bool forked() const noexcept { return fork_guard_.forked(); }
    // In a forked child: closes the inherited descriptors. The rest is the parent's, and stays.
    void abandon() noexcept;

    std::uint64_t submit(const RequestBuilder& request);
    // Permits for the caller's own client (engine_permits.cc). try_acquire gives a status, and with
    // WEIR_ERR_NOT_NOW the time after which to ask again, or -1.
    std::uint64_t acquire(const RequestBuilder& request);
    std::int32_t try_acquire(const RequestBuilder& request, std::unique_ptr<weir_permit>* out,
                             std::int64_t* retry_after_ms);
    bool report(const PermitName& permit, const AttemptReport& report, bool whole);
    bool report_progress(const PermitName& permit, std::int64_t output_tokens);
    // What a request would come to, as a JSON document.
    std::string estimate(const RequestBuilder& request);
    // Where a request stands. A status.
    std::int32_t place(std::uint64_t ticket, std::int64_t* ahead, std::int64_t* starts_in_ms);
    bool cancel(std::uint64_t ticket);
    bool cancel_tag(std::uint64_t tag);
    void close() noexcept;

    void set_key(std::string_view account, std::string_view key, std::string_view secret);
    void retire_key(std::string_view account, std::string_view key);

    // The batch lane. A status.
    std::int32_t tell_batch_lane(Inbox::Command::Kind kind, std::uint64_t value);
    std::string batch_list();

    // A status: WEIR_OK or WEIR_ERR_TIMEOUT, or WEIR_ERR_BUSY where it would have to drive.
    std::int32_t wait(std::int64_t timeout_ms);
    int fd() const { return settings_.caller_driven ? either_.get() : outbox_.fd(); }
    // The number of events written, or a status.
    std::int32_t poll(void* events, std::size_t event_size, std::size_t capacity,
                      std::int64_t timeout_ms);
    std::int32_t dispatch(weir_event_function function, void* user, std::size_t max_events,
                          std::int64_t timeout_ms);
    void set_wake_hook(weir_user_function function, void* user,
                       weir_user_function destroy) noexcept;
    void wakeup() noexcept { wakeup_.signal(); }

    const Config& config() const { return config_; }
    std::string stats();

private:
    enum class Woken : std::uint8_t { look_again, give_up };
    class Driver;

    void refuse_if_no_account() const;
    void refuse_if_no_batch(const RequestBuilder& request) const;

    Engine(const Config& config, const TransportFactory& make_transport);
    ~Engine() = default;

    void run() noexcept;  // the thread
    void turn() noexcept;
    void turn_by_caller() noexcept;
    Woken wait_for_events(TimeNs until) noexcept;

    const Config config_;
    const Settings settings_;
    ForkGuard fork_guard_;
    RequestSlab slab_;
    Outlook outlook_;
    Inbox inbox_;
    KeyChanges key_changes_;
    Outbox outbox_;
    EventDescriptor wakeup_;   // weir_wakeup was called; taken by the next that would wait
    EventDescriptor stopped_;  // stays readable once the loop has stopped
    WakeHook hook_;
    Loop loop_;
    Descriptor either_;      // caller-driven: readable while the loop has work or events wait
    Thread thread_;          // not started where the caller drives
    std::mutex turn_mutex_;  // held during a turn, never while waiting
    std::atomic<bool> is_driven_{false};  // a caller is inside poll, dispatch or wait
    std::atomic<std::uint32_t> references_{1};
};

}  // namespace weir
