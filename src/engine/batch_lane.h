#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "batch/batch_machine.h"
#include "core/request_slab.h"
#include "engine/batch_exchange.h"
#include "engine/inbox.h"
#include "engine/journal_thread.h"
#include "engine/json_writer.h"
#include "engine/key_access.h"
#include "engine/log.h"
#include "engine/outbox.h"
#include "engine/settings.h"
#include "engine/transport.h"

namespace weir {

// The batch lane's driver: it carries inputs to the BatchMachine, and its records to the journal
// and its actions to the transport and the outbox. It belongs to the loop.
class BatchLane final : private BatchExchange::Listener {
public:
    // The loop's part.
    class Host {
    public:
        virtual ~Host() = default;
        virtual void on_batch_event(weir_event event) = 0;                         // takes it over
        virtual void on_batch_end(RequestIndex request, weir_event terminal) = 0;  // likewise
        // What an answer has used of the day's budgets.
        virtual void on_batch_usage(std::uint16_t account, std::uint64_t tenant, const Usage& usage,
                                    std::int64_t cost_micros) = 0;
        // Something was charged: what is used of the day is to be kept at once (keep_day_use).
        virtual void on_batch_charged() = 0;
        virtual void on_batch_fall_back(RequestIndex request) = 0;  // it goes online, with its body
    };

    // Opens the journal and takes over what it holds. Throws Failure. What is pointed to outlives
    // the lane; `wake` may be called on another thread.
    BatchLane(const Settings* settings, RequestSlab* slab, Inbox* inbox, Outbox* outbox, Host* host,
              Log* log, const KeyStore* keys, std::function<void()> wake);
    ~BatchLane() override;

    void attach(Transport* transport) { transport_ = transport; }

    // ---- Inputs ----

    // Whether the lane takes the request, as its submitter wishes it.
    bool wants(const Request& request, const BatchWish& wish, TimeNs now) const;
    // The same for one that was submitted; it is counted.
    bool chooses(const Request& request, const BatchWish& wish, TimeNs now);
    void submit(RequestIndex request, BatchWish wish, TimeNs now);
    void run(const Inbox::Command& command);  // without effect where it is not for the lane
    void close();

    // What an earlier run has used of the day, and what is to be kept of it for the next.
    const std::vector<DayUseRow>& day_use() const { return day_use_; }
    void keep_day_use(std::vector<DayUseRow> rows);
    // Answers were charged that are not kept as charged yet: that is to happen in the same turn.
    bool has_charged() const { return !charged_.empty(); }
    bool finished() const { return machine_.finished() && falling_back_.empty(); }

    // Does what is due, and tells the host.
    void turn(TimeNs now);
    TimeNs next_timer() const;

    // ---- The transport's side ----

    static bool is_ours(ExchangeId id) { return (id & kOurs) != 0; }
    ResponseTaker* reader(ExchangeId id);
    void on_end(ExchangeId id, const WireEnd& end, TimeNs now);

    // ---- Looking ----

    void write_list(TimeNs now, JsonWriter* json) const;    // an array of batches
    void write_limits(TimeNs now, JsonWriter* json) const;  // an array of accounts
    void write_counts(JsonWriter* json) const;              // the members of an object

private:
    static constexpr ExchangeId kOurs = ExchangeId{1} << 63;

    void recover(Journal* journal, TimeNs now);
    void cancel(std::uint64_t ticket);
    void cancel_group(RequestIndex first);
    void acknowledge(std::uint64_t ticket);
    void tell_recovered(std::size_t at_most);
    void tell_some_recovered();
    void take_from_journal();
    void on_journal_failed(std::string why);
    void end_falling_back();
    void tell_not_kept();
    std::string failure_of(bool durable) const;
    void tell_waits(std::string why);
    void refuse(RequestIndex index);
    void carry_out();
    void carry_out(BatchAction* action);
    void start(BatchAction* action);
    void end_request(const BatchAction& action);
    void charge(const BatchAction& action, std::uint64_t tenant);
    ResultPrice price_of(const BatchResult& result) const;
    void tell_durable(const BatchAction& action);
    void tell_changed(SubmissionId batch);
    void tell_not_found(SubmissionId batch);
    void go_online(EntryId entry, const BatchBody& body);
    void choose_way(EntryId entry, const BodyBlock& body, Request* request);
    void pace_results();
    void tell_strange_results(const BatchCall& call);
    void on_batch_result(BatchExchange* exchange, const BatchResult& result) override;
    std::uint16_t least_loaded_account() const;
    EntryId entry_of(std::uint64_t ticket) const;
    void write_batch(const BatchView& view, JsonWriter* json) const;

    const Settings& settings_;
    RequestSlab* const slab_;
    Inbox* const inbox_;
    Outbox* const outbox_;
    Host* const host_;
    Log* const log_;
    const KeyStore* const keys_;
    Transport* transport_ = nullptr;
    JsonParser parser_;  // of the responses
    BatchMachine machine_;
    std::unique_ptr<JournalThread> journal_;
    std::vector<std::uint64_t> open_;  // requests, by account

    BatchOutput out_;
    TimeNs now_ = 0;
    TimeNs unix_minus_now_ = 0;
    std::unordered_map<BatchCallId, std::unique_ptr<BatchExchange>> exchanges_;
    std::vector<std::unique_ptr<BatchExchange>> ended_;  // freed when no reader is at work
    struct Ticket {
        EntryId entry = 0;
        std::uint16_t account = 0;
        bool outstanding = true;  // else its answer is to be acknowledged
        bool automatic = false;   // lane = auto has chosen the batch lane
        bool charged = false;     // what its answer used, by an earlier run too
        bool recovered = false;
        bool durable = false;
    };
    std::unordered_map<std::uint64_t, Ticket> tickets_;
    struct FallingBack {
        std::uint64_t ticket = 0;
        std::string headers;
    };
    std::map<EntryId, FallingBack> falling_back_;  // until their body is here
    struct Routed {
        std::string route;
        std::string complexity;
    };
    std::map<EntryId, Routed> routed_;  // of earlier runs, and may be answered online
    std::vector<std::pair<std::uint64_t, std::string>> recovered_;  // not yet told
    std::size_t told_ = 0;                                          // of these
    bool tell_recovered_ = true;
    bool tell_more_ = false;               // at once
    const BatchResult* result_ = nullptr;  // at hand
    ResultPrice price_;                    // of it
    ErrorDetail* detail_ = nullptr;        // likewise
    std::uint64_t auto_batch_ = 0;         // requests of lane = auto that were taken
    std::uint64_t auto_online_ = 0;        // and those that were not
    BatchCost cost_;                       // of the answers that were charged
    BatchCost auto_cost_;                  // of those for which lane = auto chose the batch lane
    std::int64_t half_price_input_ = 0;    // tokens
    std::int64_t half_price_output_ = 0;
    std::size_t read_bytes_ = 0;  // of results, in this turn
    std::uint64_t told_unknown_ = 0;
    std::uint64_t told_duplicate_ = 0;
    std::uint64_t told_dropped_ = 0;
    std::string journal_failure_;
    std::uint64_t told_not_kept_ = 0;  // acknowledgements
    std::string waits_;                // for what the journal waits, or empty
    std::vector<DayUseRow> day_use_;
    std::vector<EntryId> charged_;  // not kept as such yet
};

}  // namespace weir
