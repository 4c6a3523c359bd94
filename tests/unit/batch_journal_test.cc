#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "../core/batch_disk.h"
#include "base/random.h"
#include "batch/journal.h"

namespace weir {
namespace {

class JournalTest : public testing::Test {
protected:
    JournalTest() {
        std::string name =
            (std::filesystem::temp_directory_path() / "weir-journal-XXXXXX").string();
        directory_ = ::mkdtemp(name.data());
        path_ = (directory_ / "j.db").string();
    }
    ~JournalTest() override { std::filesystem::remove_all(directory_); }

    std::filesystem::path directory_;
    std::string path_;
};

void expect_equal(const test::JournalContents& a, const test::JournalContents& b) {
    EXPECT_EQ(a.mark, b.mark);
    EXPECT_EQ(a.last_entry, b.last_entry);
    EXPECT_EQ(a.last_submission, b.last_submission);
    EXPECT_EQ(a.entry_count, b.entry_count);
    EXPECT_EQ(a.entries, b.entries);
    EXPECT_EQ(a.submissions, b.submissions);
    EXPECT_EQ(a.day_use, b.day_use);
}

AcceptRecord accept(EntryId id, std::string body = "{}") {
    return {.entry = id,
            .custom_id = "row \"" + std::to_string(id) + "\" \xC3\xA9",
            .account = id % 3 == 0 ? "b" : "a",
            .model = "m",
            .headers = id % 2 == 0 ? "x: y" : "",
            .deadline_unix = id % 4 == 0 ? 12345 : kNoUnixTime,
            .fallback_unix = kNoUnixTime,
            .body = BatchBody::copy_of(body),
            .origin = id % 5 == 0 ? std::make_shared<const BatchOrigin>(
                                        BatchOrigin{.tenant = ~id,
                                                    .tag = ~id - 1,
                                                    .affinity = ~0u,
                                                    .input_tokens = 7,
                                                    .output_tokens = 8,
                                                    .priority = static_cast<std::uint8_t>(id % 4),
                                                    .automatic = id % 2 == 0,
                                                    .route = "route \"r\"",
                                                    .complexity = "high"})
                                  : nullptr};
}

TEST_F(JournalTest, ANewOneIsEmptyItsOwnersAloneAndKeepsItsMark) {
    {
        const auto journal = open_journal(path_, "first");
        EXPECT_EQ(journal->load().mark, "first");
        EXPECT_EQ(journal->load().entry_count, 0u);
        struct stat status {};
        ASSERT_EQ(::stat(path_.c_str(), &status), 0);
        EXPECT_EQ(status.st_mode & 0777, 0600u);
        journal->apply(std::vector<JournalRecord>{accept(1)});
        for (const auto& file : std::filesystem::directory_iterator(directory_)) {
            ASSERT_EQ(::stat(file.path().c_str(), &status), 0);
            EXPECT_EQ(status.st_mode & 0777, 0600u) << file.path();
        }
    }
    EXPECT_EQ(open_journal(path_, "second")->load().mark, "first");
}

TEST_F(JournalTest, OneThatOthersCouldReadIsClosedToThem) {
    open_journal(path_, "m")->apply(std::vector<JournalRecord>{accept(1)});
    ASSERT_EQ(::chmod(path_.c_str(), 0664), 0);
    const auto journal = open_journal(path_, "m");
    journal->apply(std::vector<JournalRecord>{accept(2)});
    struct stat status {};
    for (const auto& file : std::filesystem::directory_iterator(directory_)) {
        ASSERT_EQ(::stat(file.path().c_str(), &status), 0);
        EXPECT_EQ(status.st_mode & 0777, 0600u) << file.path();
    }
}

TEST_F(JournalTest, BodiesComeBackAsTheyWere) {
    std::string large(3'000'000, 'x');
    large[17] = '\0';
    const auto journal = open_journal(path_, "m");
    journal->apply(std::vector<JournalRecord>{accept(1, large), accept(2, ""), accept(3, "{}")});
    const EntryId wanted[] = {3, 1, 2};
    const auto bodies = journal->bodies(wanted);
    ASSERT_EQ(bodies.size(), 3u);
    EXPECT_EQ(bodies[0].second.bytes(), "{}");
    EXPECT_EQ(bodies[1].second.bytes(), large);
    EXPECT_EQ(bodies[2].second.bytes(), "");
    EXPECT_EQ(test::contents_of(journal.get()).entries[0].body_bytes, large.size());
    const EntryId missing[] = {4};
    EXPECT_THROW(journal->bodies(missing), JournalError);
}

// Records as a machine could write them, at random.
class RecordMaker {
public:
    explicit RecordMaker(std::uint64_t seed) : random_(seed) {}

    JournalRecord next(const test::JournalContents& state) {
        std::vector<EntryId> waiting;
        for (const auto& entry : state.entries) {
            if (entry.submission == 0) waiting.push_back(entry.id);
        }
        const std::uint64_t dice = random_.below(100);
        if (state.entries.size() < 3 || dice < 35) return accept(state.last_entry + 1);
        if (!waiting.empty() && dice < 50) {
            waiting.resize(1 + random_.below(waiting.size()));
            return IntentRecord{.submission = state.last_submission + 1,
                                .account = "a",
                                .model = "m",
                                .headers = "",
                                .at_unix = 7,
                                .watermark_unix = 8,
                                .entries = waiting};
        }
        const auto& entry = state.entries[random_.below(state.entries.size())];
        if (dice >= 95) {
            const auto day = static_cast<std::int64_t>(state.last_entry / 16);
            return UseRecord{{{"account.a", day, 1, static_cast<std::int64_t>(dice)},
                              {"tenant.x", day - static_cast<std::int64_t>(dice % 2), 5, 0}},
                             {entry.id, state.last_entry + 7}};
        }
        if (dice < 60 && !entry.dropped) return DeliveredRecord{entry.id, dice % 2 == 0};
        if (dice < 65 && !entry.dropped && entry.submission != 0) {
            const auto owner = std::find_if(
                state.submissions.begin(), state.submissions.end(),
                [&](const auto& submission) { return submission.id == entry.submission; });
            if (owner->stage == JournalState::Stage::ended) return RequeuedRecord{entry.id, 2};
        }
        if (state.submissions.empty()) return accept(state.last_entry + 1);
        const auto& submission = state.submissions[random_.below(state.submissions.size())];
        const bool empty = std::none_of(
            state.entries.begin(), state.entries.end(),
            [&](const auto& e) { return e.submission == submission.id && !e.dropped; });
        if (dice >= 92) return CostRecord{submission.id, {7, 8, 9, 10}};
        switch (submission.stage) {
            case JournalState::Stage::intent:
                if (dice < 80) return SentRecord{submission.id};
                return ReleasedRecord{submission.id};
            case JournalState::Stage::sent:
                if (dice < 75) return RepeatedRecord{submission.id};
                return AcknowledgedRecord{submission.id, "msgbatch_1", 5, 6};
            case JournalState::Stage::acknowledged:
                if (dice < 80) return CancelWantedRecord{submission.id};
                return EndedRecord{submission.id,
                                   {static_cast<std::int64_t>(submission.id), 2, 3, 4}};
            case JournalState::Stage::ended:
                break;
        }
        if (empty) return ForgottenRecord{submission.id};
        return accept(state.last_entry + 1);
    }

    std::uint64_t below(std::uint64_t bound) { return random_.below(bound); }

private:
    Random random_;
};

TEST_F(JournalTest, MeansWhatTheModelMeans) {
    for (std::uint64_t seed = 1; seed <= 6; ++seed) {
        const std::string path = path_ + std::to_string(seed);
        RecordMaker maker(seed);
        test::JournalModel model;
        auto journal = open_journal(path, model.mark);
        std::vector<JournalRecord> transaction;
        for (int i = 0; i < 300; ++i) {
            transaction.push_back(maker.next(model.state()));
            model.apply(transaction.back());
            if (maker.below(4) != 0) continue;
            journal->apply(transaction);
            transaction.clear();
            if (maker.below(10) == 0) {
                journal.reset();
                journal = open_journal(path, "other");
            }
            expect_equal(test::contents_of(journal.get()), model.state());
            if (HasFailure()) GTEST_FAIL() << "seed " << seed << ", record " << i;
        }
    }
}

// Two batches may be closed in one turn, and be sent in any order.
TEST_F(JournalTest, TheLastSubmissionIsTheHighestOfATransaction) {
    {
        const auto journal = open_journal(path_, "m");
        IntentRecord later;
        later.account = "a";
        later.model = "m";
        IntentRecord earlier = later;
        later.submission = 5;
        later.entries = {1};
        earlier.submission = 4;
        earlier.entries = {2};
        journal->apply(
            std::vector<JournalRecord>{accept(1), accept(2), later, earlier, ReleasedRecord{5}});
        EXPECT_EQ(journal->load().last_submission, 5u);
    }
    EXPECT_EQ(open_journal(path_, "m")->load().last_submission, 5u);
}

TEST_F(JournalTest, ADaysUseIsKeptByNameAndGoesWithItsDay) {
    const std::vector<DayUseRow> first = {{"account.a", 20'000, 10, 100},
                                          {"tenant.x", 20'000, 5, 0}};
    {
        const auto journal = open_journal(path_, "w00000000000000a");
        EXPECT_TRUE(journal->load().day_use.empty());
        journal->apply(std::vector<JournalRecord>{UseRecord{first, {}}});
        EXPECT_EQ(journal->load().day_use, first);
        journal->apply(std::vector<JournalRecord>{UseRecord{{{"account.a", 20'000, 12, 120}}, {}}});
    }
    {
        const auto journal = open_journal(path_, "w00000000000000b");
        const std::vector<DayUseRow> kept = journal->load().day_use;
        ASSERT_EQ(kept.size(), 2u);
        EXPECT_EQ(kept[0].spend, 120);
        EXPECT_EQ(kept[1], first[1]);
        const std::vector<DayUseRow> next = {{"account.a", 20'001, 1, 1}};
        journal->apply(std::vector<JournalRecord>{UseRecord{next, {}}});
        EXPECT_EQ(journal->load().day_use, next);
    }
}

}  // namespace
}  // namespace weir
