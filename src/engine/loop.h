#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>
#include <vector>

#include "core/core.h"
#include "engine/batch_lane.h"
#include "engine/epoll_poller.h"
#include "engine/exchange.h"
#include "engine/inbox.h"
#include "engine/key_access.h"
#include "engine/key_changes.h"
#include "engine/key_files.h"
#include "engine/log.h"
#include "engine/outbox.h"
#include "engine/outlook.h"
#include "engine/permit_object.h"
#include "engine/settings.h"
#include "engine/timer_descriptor.h"
#include "engine/transport.h"
#include "provider/json_parser.h"

namespace weir {

using TransportFactory = std::function<std::unique_ptr<Transport>(
    const TransportSettings& settings, Poller* poller, TransportSink* sink)>;

// What the last attempt that failed came to, for those who wonder why nothing succeeds.
struct LastFailure {
    OutcomeClass cls = OutcomeClass::success;  // none has failed
    int http_status = 0;
    std::string message;
    std::uint64_t count = 0;  // of failed attempts
};

// What moves the core: it carries inputs from the inbox and the transport to it, and its actions to
// the transport and the outbox. It belongs to whoever drives the engine, one thread at a time.
//
// Nothing is ever lost to an exception. Actions and events stay where they are until they have been
// dealt with; and when something unforeseen is thrown, the loop fails as a whole: every request
// that has no ending yet is given one that needs no memory.
class Loop final : private TransportSink,
                   private Exchange::Listener,
                   private BatchLane::Host,
                   private KeyFiles::Host,
                   private Poller::Watcher {
public:
    // Throws. What is pointed to outlives the loop.
    Loop(const Settings* settings, RequestSlab* slab, Inbox* inbox, KeyChanges* key_inbox,
         Outbox* outbox, Outlook* outlook, std::function<void()> on_events,
         const TransportFactory& make_transport);
    ~Loop() override;

    // Waits until there is something to do, or only looks; a turn() comes next.
    void sleep() noexcept;
    void look() noexcept;
    void turn(TimeNs now) noexcept;
    // After a turn that sleep() does not follow: makes the descriptor tell of new work.
    void arm() noexcept;

    // A permit at once. For any thread, between the turns. A status, with the time to ask again
    // where it is not now.
    std::int32_t try_acquire(const Submission& submission, TimeNs now,
                             std::unique_ptr<weir_permit>* out, TimeNs* ask_again_at);

    // Makes a sleeping loop look. Any thread.
    void wake() noexcept { wake_.signal(); }

    // Readable while there is something to do.
    int fd() const { return poller_.fd(); }

    // Whether it has come to its end: closed, with every event in the outbox.
    bool stopped() const { return phase_ == Phase::stopped; }
    bool failed() const { return failed_; }
    std::uint64_t heads_seen() const { return heads_seen_; }
    const LastFailure& last_failure() const { return last_failure_; }

    Core& core() { return core_; }
    const BatchLane* batch_lane() const { return batch_lane_.get(); }
    void write_keys(JsonWriter* json) const;  // an array
    void close_descriptors_only() noexcept;

private:
    enum class Phase : std::uint8_t { running, closing, stopped };

    template <class... Args>
    void log(std::uint32_t level, fmt::format_string<Args...> format, Args&&... args) noexcept {
        if (log_.write(level, format, std::forward<Args>(args)...)) on_events_();
    }

    // Parts of a turn (loop.cc).
    void step();
    void take_inbox();
    void submit(RequestIndex request, std::size_t* next_wish);
    void run_command(const Inbox::Command& command);
    void move_transport();
    void close();
    void set_timers() noexcept;

    // What the day has used, in the journal (loop_day_use.cc).
    void restore_day_use();
    void keep_day_use(bool at_once = false) noexcept;

    // What submits look at (loop_outlook.cc).
    void note_class(std::uint16_t model_class);
    void publish_outlook();
    TimeNs publish_again_at() const;

    // Inputs to the core from within the transport, which passes on what is thrown. What the core
    // throws leaves its state unknown.
    template <class F>
    void tell_core(F&& f) {
        core_failed_ = true;
        f();
        core_failed_ = false;
    }

    // What the core wants (loop_actions.cc).
    void carry_out();
    void start(const Action& action);
    void abort(const Action& action);
    void restart(const Action& action);
    void end(const Action& action);
    weir_event failure_of(const Request& request, const Action& action) noexcept;
    TimeNs keys_back_in(const Action& action) const;
    bool make_room() noexcept;
    Outcome outcome_of(Exchange* exchange, const WireEnd& end,
                       std::unique_ptr<ErrorDetail>* detail);
    Exchange* exchange_of(AttemptId attempt);
    Exchange* open_exchange(const Action& action, TimeNs now);
    void could_not_start(const Action& action);
    void tell_head(Exchange* exchange);
    void cover_keys(ErrorDetail* detail) const;
    void note_failure(const Outcome& outcome, const ErrorDetail* detail) noexcept;
    void attempt_ended(Exchange* exchange, const Outcome& outcome,
                       std::unique_ptr<ErrorDetail> detail);

    // Attempts that the caller makes (loop_permits.cc).
    void give_permit(const Action& action);
    std::unique_ptr<weir_permit> make_permit(const Action& action, TimeNs now);
    Exchange* exchange_of_permit(const PermitName& permit);
    void take_report(const PermitName& permit, AttemptReport report);
    void take_report_head(const PermitName& permit, AttemptReport report);
    void take_report_progress(const PermitName& permit, std::int64_t output_tokens);
    void give_back_unseen(RequestIndex request) noexcept;

    // Keys (loop_keys.cc).
    void change_keys();
    bool change_key(const KeyChanges::Change& change);
    bool key_changed(const Action& action) noexcept;
    void write_key(const KeyRing::View& key, const char* state, JsonWriter* json) const;

    // The way out (loop_delivery.cc).
    bool deliver() noexcept;
    bool push_state(std::uint32_t state) noexcept;
    void stop() noexcept;
    void fail(const char* what) noexcept;
    void fail_step() noexcept;
    bool fail_requests() noexcept;

    void on_key_file(KeyId id, std::string_view secret) override;
    void on_key_file_problem(std::string_view problem) noexcept override;
    void on_batch_event(weir_event event) override;
    void on_batch_end(RequestIndex request, weir_event terminal) override;
    void on_batch_charged() override { keep_day_use(); }
    void on_batch_fall_back(RequestIndex request) override;
    void on_batch_usage(std::uint16_t account, std::uint64_t tenant, const Usage& usage,
                        std::int64_t cost_micros) override;
    ResponseTaker* reader(ExchangeId id) override;
    void on_end(ExchangeId id, const WireEnd& end, TimeNs now) override;
    void on_response_head(Exchange* exchange) override;
    void on_first_content(Exchange* exchange) override;
    void on_stream_event(Exchange* exchange, std::string_view data) override;
    void on_output_progress(Exchange* exchange, std::int64_t output_tokens) override;
    void on_input_counted(Exchange* exchange, const Usage& usage) override;
    void on_ready(int fd, std::uint32_t epoll_events) override;

    const Settings& settings_;
    RequestSlab* const slab_;
    Inbox* const inbox_;
    KeyChanges* const key_inbox_;
    Outbox* const outbox_;
    Outlook* const outlook_;
    const std::function<void()> on_events_;
    Log log_;

    EpollPoller poller_;
    EventDescriptor wake_;
    TimerDescriptor timer_;
    Core core_;
    KeyStore keys_;
    std::unique_ptr<KeyFiles> key_files_;    // NULL if no key comes from a file
    std::unique_ptr<BatchLane> batch_lane_;  // NULL without a journal
    std::unique_ptr<Transport> transport_;   // before the poller in its end

    TimeNs now_ = 0;
    TimeNs wall_read_at_ = -kNsPerS;
    std::int64_t wall_offset_ = 0;
    std::uint64_t kept_version_ = 0;  // of the day's use
    TimeNs keep_at_ = 0;              // not before
    TimeNs looks_again_at_ = kNever;  // what the timer is set to
    Inbox::Batch batch_;
    std::size_t next_report_ = 0;  // of batch_
    std::vector<Action> actions_;
    std::size_t next_action_ = 0;
    JsonParser parser_;                                 // of the exchanges' responses
    std::vector<std::unique_ptr<Exchange>> exchanges_;  // by the attempt's index
    std::vector<KeyChanges::Change> key_changes_;       // taken, and not yet done
    std::vector<weir_event> events_;                    // of this turn, and what had no room before
    std::vector<Inbox::Ended> ended_;                   // whose terminal events are in events_
    std::vector<std::uint16_t> classes_in_use_;
    std::vector<bool> in_use_;  // by model class
    TimeNs published_at_ = 0;   // the outlook
    std::uint64_t changes_published_ = 0;
    bool outlook_is_late_ = false;
    std::uint64_t responses_seen_ = 0;  // heads and ends
    std::uint64_t heads_seen_ = 0;
    LastFailure last_failure_;
    Phase phase_ = Phase::running;
    bool failed_ = false;
    bool core_failed_ = false;
    bool must_fail_ = false;  // something was thrown between the turns
    bool failure_told_ = false;
    bool poller_failed_ = false;
    bool blocked_ = false;  // the outbox is above its bounds
    RequestIndex fail_next_ = 0;
};

}  // namespace weir
