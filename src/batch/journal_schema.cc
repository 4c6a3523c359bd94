#include "batch/journal_schema.h"

#include <fmt/format.h>

#include <iterator>

namespace weir {

namespace {

constexpr std::int64_t kApplicationId = 0x57656972;  // "Weir", in the header of the file

// Step i brings version i to version i + 1. A step that has been released is never changed.
constexpr const char* kSteps[] = {
    "CREATE TABLE meta (mark TEXT NOT NULL, last_entry INTEGER NOT NULL,"
    "                   last_submission INTEGER NOT NULL);"
    // What entries and submissions have in common with many others.
    "CREATE TABLE groups (id INTEGER PRIMARY KEY, account TEXT NOT NULL, model TEXT NOT NULL,"
    "                     headers TEXT NOT NULL, UNIQUE (account, model, headers));"
    // Times are nanoseconds since 1970; 0 is none. submission 0: it waits to be collected.
    "CREATE TABLE entries (id INTEGER PRIMARY KEY, grp INTEGER NOT NULL REFERENCES groups (id),"
    "                      custom_id TEXT NOT NULL, deadline INTEGER NOT NULL,"
    "                      fallback INTEGER NOT NULL, attempts INTEGER NOT NULL DEFAULT 0,"
    "                      submission INTEGER NOT NULL DEFAULT 0,"
    "                      position INTEGER NOT NULL DEFAULT 0,"
    "                      dropped INTEGER NOT NULL DEFAULT 0, body BLOB NOT NULL);"
    "CREATE INDEX entries_by_submission ON entries (submission);"
    // stage: 1 intent, 2 sent, 3 acknowledged, 4 ended.
    "CREATE TABLE submissions (id INTEGER PRIMARY KEY, grp INTEGER NOT NULL REFERENCES groups (id),"
    "                          count INTEGER NOT NULL, at INTEGER NOT NULL,"
    "                          watermark INTEGER NOT NULL, stage INTEGER NOT NULL DEFAULT 1,"
    "                          remote_id TEXT NOT NULL DEFAULT '',"
    "                          created INTEGER NOT NULL DEFAULT 0,"
    "                          expires INTEGER NOT NULL DEFAULT 0,"
    "                          cancel_wanted INTEGER NOT NULL DEFAULT 0);",
    // What a batch had come to when it ended; -1 is not known.
    "ALTER TABLE submissions ADD COLUMN succeeded INTEGER NOT NULL DEFAULT -1;"
    "ALTER TABLE submissions ADD COLUMN errored INTEGER NOT NULL DEFAULT -1;"
    "ALTER TABLE submissions ADD COLUMN canceled INTEGER NOT NULL DEFAULT -1;"
    "ALTER TABLE submissions ADD COLUMN expired INTEGER NOT NULL DEFAULT -1;",
    // What was used of a day's budgets, by name; days are counted from 1970.
    ("CREATE TABLE day_use (scope TEXT PRIMARY KEY, day INTEGER NOT NULL, tokens INTEGER NOT NULL,"
     "                      spend INTEGER NOT NULL) WITHOUT ROWID;"),
    // What some entries have beside the others, and whether what their answer used is in day_use.
    "CREATE TABLE entry_extras (id INTEGER PRIMARY KEY, tenant INTEGER NOT NULL DEFAULT 0,"
    "                           input_tokens INTEGER NOT NULL DEFAULT 0,"
    "                           output_tokens INTEGER NOT NULL DEFAULT 0,"
    "                           priority INTEGER NOT NULL DEFAULT 2,"
    "                           automatic INTEGER NOT NULL DEFAULT 0,"
    "                           route TEXT NOT NULL DEFAULT '',"
    "                           complexity TEXT NOT NULL DEFAULT '',"
    "                           charged INTEGER NOT NULL DEFAULT 0);"
    "CREATE TRIGGER entry_gone AFTER DELETE ON entries"
    " BEGIN DELETE FROM entry_extras WHERE id = old.id; END;"
    // What a batch's results have cost, in millionths of a dollar, as far as they have been read.
    "ALTER TABLE submissions ADD COLUMN cost INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE submissions ADD COLUMN saved INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE submissions ADD COLUMN priced INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE submissions ADD COLUMN unpriced INTEGER NOT NULL DEFAULT 0;",
    // An entry of which only the price of its result is wanted is dropped and has an empty body.
    "ALTER TABLE entry_extras ADD COLUMN tag INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE entry_extras ADD COLUMN affinity INTEGER NOT NULL DEFAULT 0;",
    // How often the creation was sent, or was to be.
    ("ALTER TABLE submissions ADD COLUMN creations INTEGER NOT NULL DEFAULT 1;"),
};
static_assert(std::size(kSteps) == kJournalSchema);

void refuse_if_foreign(SqliteDatabase* database, std::int64_t version) {
    const std::int64_t tables = database->number("SELECT count(*) FROM sqlite_schema");
    if (tables == 0 && version == 0) return;
    if (database->number("PRAGMA application_id") != kApplicationId) {
        throw JournalError(JournalError::Kind::foreign,
                           fmt::format("journal.path: {} is a database of another program; choose "
                                       "another path",
                                       database->path()));
    }
    if (version > kJournalSchema) {
        throw JournalError(
            JournalError::Kind::newer,
            fmt::format("journal.path: {} was written by a later weir (its schema is {}, this one "
                        "knows {}); use that one, or choose another path",
                        database->path(), version, kJournalSchema));
    }
}

}  // namespace

void migrate_journal(SqliteDatabase* database, const std::string& mark) {
    database->run("BEGIN IMMEDIATE");
    const std::int64_t version = database->number("PRAGMA user_version");
    refuse_if_foreign(database, version);
    for (std::int64_t step = version; step < kJournalSchema; ++step) database->run(kSteps[step]);
    if (version == 0) {
        SqliteStatement insert(database, "INSERT INTO meta VALUES (?, 0, 0)");
        insert.bind(1, mark).run();
        database->run(fmt::format("PRAGMA application_id = {}", kApplicationId).c_str());
    }
    if (version < kJournalSchema) {
        database->run(fmt::format("PRAGMA user_version = {}", kJournalSchema).c_str());
    }
    database->run("COMMIT");
}

}  // namespace weir
