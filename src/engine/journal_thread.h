#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "batch/journal.h"
#include "engine/thread.h"

namespace weir {

// Writes the journal beside the loop, which must not wait for a disk: what is handed over while one
// transaction is written becomes the next one. Without a thread of its own it writes when told to.
class JournalThread {
public:
    // `wake` is called on the thread when there is something to take; so is `give_memory_back` when
    // many bodies have come to be free, by default to the system. Throws Failure.
    JournalThread(std::unique_ptr<Journal> journal, bool own_thread, std::function<void()> wake,
                  std::function<void()> give_memory_back = give_free_memory_back);
    // What was handed over is still written, and the file closed. Belongs to the engine's thread.
    ~JournalThread();
    JournalThread(const JournalThread&) = delete;
    JournalThread& operator=(const JournalThread&) = delete;

    void write(std::vector<JournalRecord> records);
    // After all that was handed over before.
    void load(SubmissionId submission, std::vector<EntryId> entries);
    // Nothing more is written: what waits never becomes durable.
    void give_up(std::string why);

    using Bodies = std::vector<std::pair<EntryId, BatchBody>>;
    struct Done {
        JournalPosition durable = 0;  // of the last record that is on the disk
        std::vector<std::pair<SubmissionId, Bodies>> loaded;
        std::string failure;  // why nothing more can be written, or empty
        // Why nothing can be written for now, or empty: it is tried again every second.
        std::string waits;
    };
    // What has been done since the last call. Without a thread, does it first; then it is to be
    // called again a second later while the disk is full.
    Done take();

private:
    struct State;
    static void give_free_memory_back();
    static void run(void* own_state);

    std::unique_ptr<State> state_;
    const bool own_thread_;
    Thread thread_;
};

}  // namespace weir
