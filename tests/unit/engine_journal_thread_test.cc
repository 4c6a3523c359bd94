#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include "engine/journal_thread.h"

namespace weir {
namespace {

// What the journal that follows has been told, and how it is to behave.
struct Told {
    std::vector<std::size_t> transactions;  // their sizes
    std::vector<std::size_t> records_before_load;
    std::atomic<bool> hold{false};  // a transaction is not to end
    std::atomic<bool> began{false};
    bool full = false;
};

class ScriptedJournal final : public Journal {
public:
    explicit ScriptedJournal(Told* told) : told_(told) {}
    JournalState load() override { return {}; }
    void load_entries(const std::function<void(const JournalState::Entry&)>&) override {}
    void apply(std::span<const JournalRecord> records) override {
        told_->began = true;
        while (told_->hold) std::this_thread::sleep_for(std::chrono::milliseconds(1));
        if (told_->full) throw JournalError(JournalError::Kind::full, "the disk is full");
        told_->transactions.push_back(records.size());
        records_ += records.size();
    }
    std::vector<std::pair<EntryId, BatchBody>> bodies(std::span<const EntryId> entries) override {
        told_->records_before_load.push_back(records_);
        std::vector<std::pair<EntryId, BatchBody>> bodies;
        for (const EntryId id : entries) bodies.emplace_back(id, BatchBody::copy_of("{}"));
        return bodies;
    }

private:
    Told* told_;
    std::size_t records_ = 0;
};

std::vector<JournalRecord> one_record() { return {SentRecord{1}}; }

TEST(JournalThread, WhatComesWhileATransactionIsWrittenBecomesTheNextOne) {
    Told told;
    told.hold = true;
    JournalThread thread(std::make_unique<ScriptedJournal>(&told), true, [] {});
    thread.write(one_record());
    while (!told.began) std::this_thread::yield();
    for (int i = 0; i < 1000; ++i) thread.write(one_record());
    EXPECT_EQ(thread.take().durable, 0u);
    told.hold = false;
    while (thread.take().durable < 1001) std::this_thread::yield();
    EXPECT_EQ(told.transactions, (std::vector<std::size_t>{1, 1000}));
}

TEST(JournalThread, BodiesAreReadAfterWhatWasWrittenBefore) {
    Told told;
    JournalThread thread(std::make_unique<ScriptedJournal>(&told), false, nullptr);
    thread.write(one_record());
    thread.load(7, {1, 2});
    thread.write(one_record());
    const JournalThread::Done done = thread.take();
    EXPECT_EQ(done.durable, 2u);
    ASSERT_EQ(done.loaded.size(), 1u);
    EXPECT_EQ(done.loaded[0].first, 7u);
    EXPECT_EQ(done.loaded[0].second.size(), 2u);
    ASSERT_EQ(told.records_before_load.size(), 1u);
    EXPECT_GE(told.records_before_load[0], 1u);
}

TEST(JournalThread, MemoryIsGivenBackByTheBytesOfBodiesBeforeSomeAreRead) {
    Told told;
    int given_back = 0;
    JournalThread thread(std::make_unique<ScriptedJournal>(&told), false, nullptr,
                         [&] { ++given_back; });
    const auto accept = [&](int count, std::size_t bytes) {
        std::vector<JournalRecord> records;
        for (int i = 0; i < count; ++i) {
            records.push_back(AcceptRecord{.custom_id = "",
                                           .account = "",
                                           .model = "",
                                           .headers = "",
                                           .body = BatchBody::copy_of(std::string(bytes, ' '))});
        }
        thread.write(std::move(records));
        (void)thread.take();
    };
    const auto load = [&](std::size_t entries) {
        thread.load(1, std::vector<EntryId>(entries, 1));
        (void)thread.take();
    };
    accept(5'000, 100);
    load(5'000);
    EXPECT_EQ(given_back, 0) << "that many, and they are small";
    accept(4, 1 << 20);
    EXPECT_EQ(given_back, 0) << "nothing is read yet";
    load(1);
    EXPECT_EQ(given_back, 1) << "few, and they are large";
    load(1);
    EXPECT_EQ(given_back, 1) << "there is nothing new to give back";
    accept(40'000, 110);
    load(1);
    EXPECT_EQ(given_back, 2);
}

TEST(JournalThread, AFullDiskIsTriedAgainWithTheSameRecords) {
    Told told;
    told.full = true;
    JournalThread thread(std::make_unique<ScriptedJournal>(&told), false, nullptr);
    thread.write(one_record());
    thread.write(one_record());
    JournalThread::Done done = thread.take();
    EXPECT_EQ(done.waits, "the disk is full");
    EXPECT_EQ(done.failure, "");
    EXPECT_EQ(done.durable, 0u);
    told.full = false;
    const auto since = std::chrono::steady_clock::now();
    while (done.durable < 2) done = thread.take();
    EXPECT_GE(std::chrono::steady_clock::now() - since, std::chrono::milliseconds(500));
    EXPECT_EQ(done.waits, "");
    EXPECT_EQ(told.transactions, std::vector<std::size_t>{2});
}

TEST(JournalThread, WhatIsGivenUpIsNeverWritten) {
    Told told;
    told.full = true;
    {
        JournalThread thread(std::make_unique<ScriptedJournal>(&told), false, nullptr);
        thread.write(one_record());
        EXPECT_EQ(thread.take().waits, "the disk is full");
        thread.give_up("the disk is full");
        told.full = false;
        thread.write(one_record());
        const JournalThread::Done done = thread.take();
        EXPECT_EQ(done.failure, "the disk is full");
        EXPECT_EQ(done.durable, 0u);
    }
    EXPECT_TRUE(told.transactions.empty());
}

}  // namespace
}  // namespace weir
