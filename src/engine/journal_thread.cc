#include "engine/journal_thread.h"

#ifdef __GLIBC__
#include <malloc.h>
#endif

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <span>

namespace weir {
namespace {

// A transaction does not grow beyond this, so that marks of durability come in between.
constexpr std::size_t kRecordsAtOnce = 4096;
constexpr std::size_t kBytesAtOnce = std::size_t{32} << 20;

// Bodies of so many bytes were blocks of memory, and are free since they are in the journal, or
// have been sent. A malloc keeps small ones; before bodies are here a second time, the system gets
// them back.
constexpr std::size_t kBytesToGiveBack = std::size_t{4} << 20;

// So long after it was full the disk is tried again.
constexpr std::chrono::seconds kFullPause{1};

std::size_t size_of(const JournalRecord& record) {
    const auto* accept = std::get_if<AcceptRecord>(&record);
    return accept == nullptr ? 0 : accept->body.bytes().size();
}

}  // namespace

struct JournalThread::State {
    struct Load {
        JournalPosition after = 0;  // the records before it
        SubmissionId submission = 0;
        std::vector<EntryId> entries;
    };

    std::unique_ptr<Journal> journal;  // the writer's alone
    std::function<void()> wake;
    std::function<void()> give_memory_back;
    std::size_t bytes_kept = 0;  // the writer's alone: of bodies since memory was given back

    std::mutex mutex;  // guards all below
    std::condition_variable work;
    std::deque<JournalRecord> records;
    std::deque<Load> loads;
    JournalPosition handed_over = 0;
    Done done;
    std::chrono::steady_clock::time_point try_again_at;  // while the disk is full
    bool stopping = false;

    bool waits_for_room() const {
        return !done.waits.empty() && std::chrono::steady_clock::now() < try_again_at;
    }
    bool idle() const { return records.empty() && loads.empty(); }
    void fail(std::string why) {
        if (done.failure.empty()) done.failure = std::move(why);
        records.clear();
        loads.clear();
        stopping = true;
    }

    // Takes the next thing out, does it without the lock, and notes what came of it.
    void work_once(std::unique_lock<std::mutex>* lock) {
        std::vector<JournalRecord> batch;
        Load load;
        const JournalPosition written = handed_over - records.size();
        if (!loads.empty() && loads.front().after <= written) {
            load = std::move(loads.front());
            loads.pop_front();
        } else {
            std::size_t bytes = 0;
            while (!records.empty() && batch.size() < kRecordsAtOnce && bytes < kBytesAtOnce) {
                bytes += size_of(records.front());
                batch.push_back(std::move(records.front()));
                records.pop_front();
            }
        }
        lock->unlock();
        std::string failure;
        bool full = false;
        Bodies bodies;
        try {
            if (batch.empty()) {
                if (bytes_kept >= kBytesToGiveBack) {
                    give_memory_back();
                    bytes_kept = 0;
                }
                bodies = journal->bodies(load.entries);
                for (const auto& [entry, body] : bodies) bytes_kept += body.bytes().size();
            } else {
                journal->apply(batch);
                for (const JournalRecord& record : batch) bytes_kept += size_of(record);
            }
        } catch (const JournalError& error) {
            failure = error.message();
            full = error.kind() == JournalError::Kind::full;
        } catch (const std::exception& error) {
            failure = std::string("journal.path: ") + error.what();
        }
        const std::size_t count = batch.size();
        if (!full) batch.clear();  // bodies go without the lock
        lock->lock();
        done.waits.clear();
        if (full && !stopping) {
            records.insert(records.begin(), std::make_move_iterator(batch.begin()),
                           std::make_move_iterator(batch.end()));
            done.waits = std::move(failure);
            try_again_at = std::chrono::steady_clock::now() + kFullPause;
        } else if (!failure.empty()) {
            fail(std::move(failure));
        } else if (count > 0) {
            done.durable += count;
        } else {
            done.loaded.emplace_back(load.submission, std::move(bodies));
        }
    }
};

void JournalThread::give_free_memory_back() {
#ifdef __GLIBC__
    ::malloc_trim(0);
#endif
}

JournalThread::JournalThread(std::unique_ptr<Journal> journal, bool own_thread,
                             std::function<void()> wake, std::function<void()> give_memory_back)
    : state_(std::make_unique<State>()), own_thread_(own_thread) {
    state_->journal = std::move(journal);
    state_->wake = std::move(wake);
    state_->give_memory_back = std::move(give_memory_back);
    if (own_thread_) thread_.start(&JournalThread::run, state_.get());
}

JournalThread::~JournalThread() {
    {
        std::unique_lock lock(state_->mutex);
        state_->stopping = true;
        state_->wake = nullptr;
        state_->work.notify_one();
        while (!own_thread_ && !state_->idle()) state_->work_once(&lock);
    }
    thread_.join();
}

void JournalThread::run(void* own_state) {
    auto* state = static_cast<State*>(own_state);
    std::unique_lock lock(state->mutex);
    for (;;) {
        state->work.wait(lock, [&] { return state->stopping || !state->idle(); });
        if (state->idle()) return;
        if (state->waits_for_room()) {
            state->work.wait_until(lock, state->try_again_at, [&] { return state->stopping; });
        }
        state->work_once(&lock);
        if (state->wake) state->wake();
    }
}

void JournalThread::write(std::vector<JournalRecord> records) {
    const std::lock_guard lock(state_->mutex);
    if (!state_->done.failure.empty()) return;
    state_->handed_over += records.size();
    std::move(records.begin(), records.end(), std::back_inserter(state_->records));
    state_->work.notify_one();
}

void JournalThread::load(SubmissionId submission, std::vector<EntryId> entries) {
    const std::lock_guard lock(state_->mutex);
    if (!state_->done.failure.empty()) return;
    state_->loads.push_back({state_->handed_over, submission, std::move(entries)});
    state_->work.notify_one();
}

void JournalThread::give_up(std::string why) {
    const std::lock_guard lock(state_->mutex);
    state_->fail(std::move(why));
    state_->work.notify_one();
}

JournalThread::Done JournalThread::take() {
    std::unique_lock lock(state_->mutex);
    while (!own_thread_ && !state_->idle() && !state_->waits_for_room()) state_->work_once(&lock);
    Done done;
    done.durable = state_->done.durable;
    done.loaded.swap(state_->done.loaded);
    done.failure = state_->done.failure;
    done.waits = state_->done.waits;
    return done;
}

}  // namespace weir
