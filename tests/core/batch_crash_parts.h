#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/random.h"
#include "batch/batch_machine.h"
#include "batch_crash_world.h"
#include "batch_sim_api.h"
#include "batch_sim_disk.h"

namespace weir::test {

inline constexpr UnixNs kUnixAtZero = 1'800'000'000 * kNsPerS;
inline constexpr TimeNs kVisibility = 120 * kNsPerS;

// What run_crash_schedule runs. batch_crash_world.cc has the program and its caller,
// batch_crash_network.cc the way to the provider and back.
class CrashWorld {
public:
    CrashWorld(std::uint64_t seed, const CrashSettings& settings)
        : settings_(settings),
          random_(seed),
          api_(seed ^ 0x5EED, kVisibility / 2, kUnixAtZero),
          disk_(settings.with_file, seed ^ 0xF11E) {
        for (std::size_t i = 0; i < settings.requests; ++i) {
            Request request;
            request.submit_at = after(0, 300 * kNsPerS);
            request.cancel = random_.below(12) == 0;
            request.hurried = random_.below(12) == 0;
            request.bad = random_.below(40) == 0;
            requests_.push_back(request);
        }
        for (int i = 0; i < 3; ++i) api_.create_foreign(1 + random_.below(settings.requests), 0);
    }

    CrashResult run();

private:
    struct Request {
        TimeNs submit_at = 0;
        bool cancel = false;
        bool bad = false;      // the provider refuses any batch with it
        bool hurried = false;  // has a deadline, and may be answered online before it
        bool known_durable = false;
        bool done = false;      // the caller has its answer in safe hands
        bool answered = false;  // with a result
        // In this run.
        bool submitted = false;
        bool terminal = false;
        bool charged = false;  // by this run, or as the journal says by an earlier one
        EntryId entry = 0;
    };
    struct Event {
        std::uint64_t run;  // 0: outlives a crash
        std::function<void()> happen;
    };

    TimeNs after(TimeNs from, TimeNs up_to) {
        return from + static_cast<TimeNs>(random_.below(static_cast<std::uint64_t>(up_to)));
    }
    bool chance(std::uint64_t percent) { return random_.below(100) < percent; }
    void at(TimeNs time, std::function<void()> happen) {
        events_.emplace(time, Event{run_, std::move(happen)});
    }
    void at_provider(TimeNs time, std::function<void()> happen) {
        events_.emplace(time, Event{0, std::move(happen)});
    }
    void fail(const std::string& what) {
        if (result_.broken.empty()) result_.broken = what;
    }
    void trace(std::uint64_t value) {
        result_.trace_hash = (result_.trace_hash ^ value) * 0x100000001B3u;
    }

    void start();
    void crash();
    bool over() const;
    void turn();
    void drain();
    void submit(std::size_t i);
    void end_of_run();

    void charge(std::size_t i);
    void charge_late(const BatchAction& action);
    void check_all_charged();
    void keep_use();
    void check_use();

    void do_action(BatchAction action);
    void on_terminal(const BatchAction& action);
    void acknowledge(std::size_t i);
    void call(std::shared_ptr<BatchCall> call);
    void create(const std::shared_ptr<BatchCall>& call);
    std::optional<std::uint32_t> bad_request(const std::string& body) const;
    void refuse(BatchCallId id, std::uint32_t position);
    BatchPage stuck_page() const;
    void reply(BatchCallId id, Outcome outcome, std::optional<BatchObject> batch,
               std::optional<BatchPage> page);
    void download(BatchCallId id, const std::string& remote_id, std::size_t next, std::size_t cut);

    CrashSettings settings_;
    Random random_;
    SimBatchApi api_;
    SimDisk disk_;
    std::vector<Request> requests_;
    std::multimap<TimeNs, Event> events_;
    std::unique_ptr<BatchMachine> machine_;
    BatchOutput out_;
    std::map<BatchCallId, bool> live_calls_;
    std::uint64_t run_ = 0;
    BatchWork work_ = BatchWork::all;
    std::uint64_t events_left_ = 0;  // of a run that does a part of the work
    TimeNs now_ = 0;
    TimeNs timer_at_ = kNever;
    TimeNs listing_stuck_until_ = 0;
    std::int64_t used_ = 0;  // results that were charged, of all runs as far as this one knows
    std::vector<EntryId> charged_;           // of these, what the journal has not been told
    std::map<EntryId, std::size_t> owners_;  // by entry: its request
    const BatchResult* result_at_hand_ = nullptr;
    CrashResult result_;
};

}  // namespace weir::test
