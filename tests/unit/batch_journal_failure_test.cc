#include <fcntl.h>
#include <gtest/gtest.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "../core/batch_disk.h"
#include "base/random.h"
#include "batch/batch_machine.h"
#include "batch/journal.h"

namespace weir {
namespace {

using Kind = JournalError::Kind;

class JournalFailure : public testing::Test {
protected:
    JournalFailure() {
        std::string name =
            (std::filesystem::temp_directory_path() / "weir-journal-XXXXXX").string();
        directory_ = ::mkdtemp(name.data());
        path_ = (directory_ / "j.db").string();
    }
    ~JournalFailure() override {
        std::filesystem::permissions(directory_, std::filesystem::perms::owner_all);
        std::filesystem::remove_all(directory_);
    }

    static std::vector<JournalRecord> record(EntryId id, std::string body = "{}") {
        return {AcceptRecord{.entry = id,
                             .custom_id = "c",
                             .account = "a",
                             .model = "m",
                             .headers = "",
                             .body = BatchBody::copy_of(body)}};
    }
    // Opens and reads it, and expects an error that names the file and says `remedy`.
    void expect_refused(Kind kind, const std::string& remedy) {
        try {
            test::contents_of(open_journal(path_, "m").get());
            FAIL() << "it opened";
        } catch (const JournalError& error) {
            EXPECT_EQ(error.kind(), kind) << error.message();
            EXPECT_NE(error.message().find(path_), std::string::npos) << error.message();
            EXPECT_NE(error.message().find(remedy), std::string::npos) << error.message();
        }
    }
    void run_sql(const char* sql) {
        sqlite3* handle = nullptr;
        ASSERT_EQ(sqlite3_open(path_.c_str(), &handle), SQLITE_OK);
        ASSERT_EQ(sqlite3_exec(handle, sql, nullptr, nullptr, nullptr), SQLITE_OK);
        sqlite3_close(handle);
    }

    std::filesystem::path directory_;
    std::string path_;
};

TEST_F(JournalFailure, ASecondEngineOfThisProcessIsRefused) {
    const auto first = open_journal(path_, "m");
    expect_refused(Kind::in_use, "close that one");
    first->apply(record(1));
    expect_refused(Kind::in_use, "close that one");
}

TEST_F(JournalFailure, ASecondProcessIsRefusedAndTheFirstOnesDeathLetsItIn) {
    int ready[2];
    ASSERT_EQ(::pipe(ready), 0);
    const pid_t child = ::fork();
    if (child == 0) {
        const auto journal = open_journal(path_, "m");
        journal->apply(record(1));
        const char byte = 'x';
        if (::write(ready[1], &byte, 1) != 1) _exit(1);
        for (;;) ::pause();
    }
    char byte = 0;
    ASSERT_EQ(::read(ready[0], &byte, 1), 1);
    expect_refused(Kind::in_use, "another");
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
    EXPECT_EQ(test::contents_of(open_journal(path_, "m").get()).entries.size(), 1u);
    ::close(ready[0]);
    ::close(ready[1]);
}

TEST_F(JournalFailure, AFileOfALaterVersionIsRefusedAndLeftAlone) {
    open_journal(path_, "m")->apply(record(1));
    run_sql("PRAGMA user_version = 99");
    expect_refused(Kind::newer, "later weir");
    run_sql("PRAGMA user_version = 6");
    EXPECT_EQ(test::contents_of(open_journal(path_, "m").get()).entries.size(), 1u);
}

// The first schema as it was released, with an entry in a batch and one that waits; and what the
// second and the third added.
constexpr const char* kFirstSchema =
    "CREATE TABLE meta (mark TEXT NOT NULL, last_entry INTEGER NOT NULL,"
    " last_submission INTEGER NOT NULL);"
    "CREATE TABLE groups (id INTEGER PRIMARY KEY, account TEXT NOT NULL, model TEXT NOT NULL,"
    " headers TEXT NOT NULL, UNIQUE (account, model, headers));"
    "CREATE TABLE entries (id INTEGER PRIMARY KEY, grp INTEGER NOT NULL REFERENCES groups (id),"
    " custom_id TEXT NOT NULL, deadline INTEGER NOT NULL, fallback INTEGER NOT NULL,"
    " attempts INTEGER NOT NULL DEFAULT 0, submission INTEGER NOT NULL DEFAULT 0,"
    " position INTEGER NOT NULL DEFAULT 0, dropped INTEGER NOT NULL DEFAULT 0,"
    " body BLOB NOT NULL);"
    "CREATE INDEX entries_by_submission ON entries (submission);"
    "CREATE TABLE submissions (id INTEGER PRIMARY KEY, grp INTEGER NOT NULL,"
    " count INTEGER NOT NULL, at INTEGER NOT NULL, watermark INTEGER NOT NULL,"
    " stage INTEGER NOT NULL DEFAULT 1, remote_id TEXT NOT NULL DEFAULT '',"
    " created INTEGER NOT NULL DEFAULT 0, expires INTEGER NOT NULL DEFAULT 0,"
    " cancel_wanted INTEGER NOT NULL DEFAULT 0);"
    "INSERT INTO meta VALUES ('m', 2, 1);"
    "INSERT INTO groups VALUES (1, 'a', 'claude', '');"
    "INSERT INTO submissions (id, grp, count, at, watermark, stage, remote_id)"
    " VALUES (1, 1, 1, 7, 8, 3, 'msgbatch_1');"
    "INSERT INTO entries (id, grp, custom_id, deadline, fallback, submission, body)"
    " VALUES (1, 1, 'row 1', 0, 0, 1, '{}'), (2, 1, 'row 2', 5, 4, 0, '{\"x\":1}');"
    "PRAGMA application_id = 1466263922; PRAGMA user_version = 1;";
constexpr const char* kSecondSchema =
    "ALTER TABLE submissions ADD COLUMN succeeded INTEGER NOT NULL DEFAULT -1;"
    "ALTER TABLE submissions ADD COLUMN errored INTEGER NOT NULL DEFAULT -1;"
    "ALTER TABLE submissions ADD COLUMN canceled INTEGER NOT NULL DEFAULT -1;"
    "ALTER TABLE submissions ADD COLUMN expired INTEGER NOT NULL DEFAULT -1;"
    "PRAGMA user_version = 2";
constexpr const char* kThirdSchema =
    "CREATE TABLE day_use (scope TEXT PRIMARY KEY, day INTEGER NOT NULL, tokens INTEGER NOT NULL,"
    " spend INTEGER NOT NULL) WITHOUT ROWID;"
    "INSERT INTO day_use VALUES ('all', 20000, 10, 11); PRAGMA user_version = 3";
constexpr const char* kFourthSchema =
    "CREATE TABLE entry_extras (id INTEGER PRIMARY KEY, tenant INTEGER NOT NULL DEFAULT 0,"
    " input_tokens INTEGER NOT NULL DEFAULT 0, output_tokens INTEGER NOT NULL DEFAULT 0,"
    " priority INTEGER NOT NULL DEFAULT 2, automatic INTEGER NOT NULL DEFAULT 0,"
    " route TEXT NOT NULL DEFAULT '', complexity TEXT NOT NULL DEFAULT '',"
    " charged INTEGER NOT NULL DEFAULT 0);"
    "CREATE TRIGGER entry_gone AFTER DELETE ON entries"
    " BEGIN DELETE FROM entry_extras WHERE id = old.id; END;"
    "ALTER TABLE submissions ADD COLUMN cost INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE submissions ADD COLUMN saved INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE submissions ADD COLUMN priced INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE submissions ADD COLUMN unpriced INTEGER NOT NULL DEFAULT 0;"
    "INSERT INTO entry_extras (id, tenant, priority) VALUES (2, 77, 1); PRAGMA user_version = 4";
constexpr const char* kFifthSchema =
    "ALTER TABLE entry_extras ADD COLUMN tag INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE entry_extras ADD COLUMN affinity INTEGER NOT NULL DEFAULT 0;"
    "PRAGMA user_version = 5";

TEST_F(JournalFailure, AFileOfAnEarlierVersionIsBroughtForward) {
    for (int version = 1; version <= 5; ++version) {
        std::filesystem::remove(path_);
        run_sql(kFirstSchema);
        if (version >= 2) run_sql(kSecondSchema);
        if (version >= 3) run_sql(kThirdSchema);
        if (version >= 4) run_sql(kFourthSchema);
        if (version >= 5) run_sql(kFifthSchema);
        const auto journal = open_journal(path_, "other");
        const test::JournalContents state = test::contents_of(journal.get());
        EXPECT_EQ(state.mark, "m");
        EXPECT_EQ(state.last_entry, 2u);
        ASSERT_EQ(state.entries.size(), 2u);
        EXPECT_EQ(state.entries[0], (JournalState::Entry{.id = 1,
                                                         .custom_id = "row 1",
                                                         .account = "a",
                                                         .model = "claude",
                                                         .body_bytes = 2,
                                                         .submission = 1}));
        EXPECT_EQ(state.entries[1].fallback_unix, 4);
        const BatchOrigin of_fourth{.tenant = 77, .priority = 1};
        EXPECT_EQ(state.entries[1].origin, version >= 4 ? of_fourth : BatchOrigin());
        ASSERT_EQ(state.submissions.size(), 1u);
        EXPECT_EQ(state.submissions[0].remote_id, "msgbatch_1");
        EXPECT_EQ(state.submissions[0].tally, BatchTally());
        EXPECT_EQ(state.submissions[0].creations, 1u);
        EXPECT_EQ(state.submissions[0].cost, BatchCost());
        EXPECT_EQ(state.day_use.size(), version >= 3 ? 1u : 0u);
        // What is new can be written, and goes with its entry.
        const BatchOrigin tagged{.tag = ~std::uint64_t{0}, .affinity = ~0u};
        std::vector<JournalRecord> records = record(3);
        std::get<AcceptRecord>(records[0]).origin = std::make_shared<const BatchOrigin>(tagged);
        records.push_back(UseRecord{{{"all", 20'001, 1, 2}}, {1, 2}});
        records.push_back(CostRecord{1, {1, 2, 3, 4}});
        records.push_back(RepeatedRecord{1});
        records.push_back(DeliveredRecord{2});
        journal->apply(records);
        const test::JournalContents after = test::contents_of(journal.get());
        ASSERT_EQ(after.entries.size(), 2u);
        EXPECT_TRUE(after.entries[0].charged);
        EXPECT_EQ(after.entries[1].origin, tagged);
        EXPECT_EQ(after.submissions[0].cost, (BatchCost{1, 2, 3, 4}));
        EXPECT_EQ(after.submissions[0].creations, 2u);
        EXPECT_EQ(after.day_use.size(), 1u);
    }
}

TEST_F(JournalFailure, AnotherProgramsDatabaseIsRefused) {
    run_sql("CREATE TABLE theirs (x)");
    expect_refused(Kind::foreign, "another program");
}

TEST_F(JournalFailure, WhatIsNoDatabaseIsRefused) {
    std::ofstream(path_) << std::string(100'000, 'x');
    expect_refused(Kind::damaged, "move it");
}

TEST_F(JournalFailure, ADamagedFileIsRefused) {
    {
        const auto journal = open_journal(path_, "m");
        for (EntryId id = 1; id <= 200; ++id) journal->apply(record(id, std::string(2000, 'b')));
    }
    std::fstream file(path_, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(4096);
    const std::string garbage(100'000, '\x5A');
    file.write(garbage.data(), static_cast<std::streamsize>(garbage.size()));
    file.close();
    expect_refused(Kind::damaged, "move it");
}

TEST_F(JournalFailure, WhateverIsDamagedIsReadOrRefused) {
    std::vector<JournalRecord> records;
    std::vector<EntryId> ids;
    for (EntryId id = 1; id <= 60; ++id) {
        records.push_back(AcceptRecord{.entry = id,
                                       .custom_id = "row",
                                       .account = "a",
                                       .model = "m",
                                       .headers = "",
                                       .body = BatchBody::copy_of(std::string(200, 'x'))});
        ids.push_back(id);
    }
    records.push_back(
        IntentRecord{.submission = 1, .account = "a", .model = "m", .headers = "", .entries = ids});
    open_journal(path_, "m")->apply(records);
    std::ifstream in(path_, std::ios::binary);
    std::string sound(std::filesystem::file_size(path_), '\0');
    in.read(sound.data(), static_cast<std::streamsize>(sound.size()));
    Random random(7);
    int refused = 0;
    for (int i = 0; i < 300; ++i) {
        std::string damaged = sound;
        for (std::uint64_t n = random.below(4) + 1; n > 0; --n) {
            damaged[random.below(damaged.size())] ^= static_cast<char>(1 + random.below(255));
        }
        std::filesystem::remove(path_ + "-wal");
        std::ofstream(path_, std::ios::binary | std::ios::trunc) << damaged;
        try {
            const auto journal = open_journal(path_, "m");
            const test::JournalContents state = test::contents_of(journal.get());
            BatchMachine machine(BatchSettings(), {"a"}, 0);
            test::recover(&machine, state, std::vector<std::uint64_t>(state.entries.size(), 1), 0);
            BatchOutput out;
            machine.advance(0, &out);
            for (const JournalState::Entry& entry : state.entries) {
                const EntryId id = entry.id;
                EXPECT_EQ(journal->bodies({&id, 1}).size(), 1u);
            }
        } catch (const JournalError& error) {
            EXPECT_NE(error.message().find(path_), std::string::npos) << error.message();
            ++refused;
        }
    }
    EXPECT_GT(refused, 10);
}

TEST_F(JournalFailure, RowsThatContradictEachOtherAreDamage) {
    for (const char* damage :
         {"UPDATE entries SET position = 7", "UPDATE entries SET position = -1",
          "UPDATE entries SET submission = 5", "UPDATE entries SET submission = 0, dropped = 1",
          "UPDATE submissions SET count = 3, stage = 2", "UPDATE submissions SET remote_id = ''",
          "UPDATE submissions SET creations = 0",
          "INSERT INTO entries SELECT 9, grp, custom_id, deadline, fallback,"
          " attempts, submission, position, dropped, body FROM entries"}) {
        std::filesystem::remove(path_);
        {
            const auto journal = open_journal(path_, "m");
            journal->apply(record(1));
            IntentRecord intent;
            intent.submission = 1;
            intent.entries = {1};
            journal->apply(std::vector<JournalRecord>{intent, AcknowledgedRecord{1, "b", 2, 3}});
            EXPECT_EQ(test::contents_of(journal.get()).entries.size(), 1u);
        }
        run_sql(damage);
        const auto journal = open_journal(path_, "m");
        try {
            test::contents_of(journal.get());
            ADD_FAILURE() << damage;
        } catch (const JournalError& error) {
            EXPECT_EQ(error.kind(), Kind::damaged);
            EXPECT_NE(error.message().find("malformed"), std::string::npos) << error.message();
        }
    }
}

TEST_F(JournalFailure, AFileThatCannotBeMadeIsRefused) {
    const std::filesystem::path directory = directory_;
    path_ = (directory / "no" / "such" / "j.db").string();
    expect_refused(Kind::read_only, "its directory is not there; make that");
    path_ = directory.string();
    expect_refused(Kind::read_only, "is a directory; name a file in it");
}

TEST_F(JournalFailure, AReadOnlyFileIsRefused) {
    open_journal(path_, "m")->apply(record(1));
    ::chmod(directory_.c_str(), 0755);
    ::chmod(path_.c_str(), 0444);
    // For root every file is writable; so it is somebody else who tries.
    const pid_t child = ::fork();
    if (child == 0) {
        constexpr uid_t kNobody = 65534;
        if (::geteuid() == 0 && ::setuid(kNobody) != 0) _exit(2);
        expect_refused(Kind::read_only, "writable");
        _exit(HasFailure() ? 1 : 0);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    EXPECT_EQ(status, 0);
    ::chmod(path_.c_str(), 0600);
    EXPECT_EQ(test::contents_of(open_journal(path_, "m").get()).entries.size(), 1u);
}

// What SQLite writes with, once the disk is full.
ssize_t no_space(int, const void*, std::size_t, off_t) {
    errno = ENOSPC;
    return -1;
}

TEST_F(JournalFailure, AFullDiskIsSaidAndLosesNothingThatWasDurable) {
    const pid_t child = ::fork();
    if (child == 0) {
        const auto journal = open_journal(path_, "m");
        journal->apply(record(1));
        journal->apply(record(2));
        sqlite3_vfs* const vfs = sqlite3_vfs_find(nullptr);
        for (const char* call : {"pwrite", "pwrite64"}) {
            vfs->xSetSystemCall(vfs, call, reinterpret_cast<sqlite3_syscall_ptr>(no_space));
        }
        try {
            journal->apply(record(3));
        } catch (const JournalError& error) {
            const bool named = error.message().find(path_) != std::string::npos;
            _exit(error.kind() == Kind::full && named ? 0 : 2);
        }
        _exit(3);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    EXPECT_TRUE(WIFEXITED(status));
    EXPECT_EQ(WEXITSTATUS(status), 0);
    const test::JournalContents state = test::contents_of(open_journal(path_, "m").get());
    EXPECT_EQ(state.entries.size(), 2u);
    EXPECT_EQ(state.last_entry, 2u);
}

}  // namespace
}  // namespace weir
