#pragma once

#include "batch/sqlite_handle.h"

namespace weir {

// What the journal's records and loads say to SQLite, prepared once. In the order of declaration;
// a name says what the statement does to the row or rows that it is given.
struct JournalStatements {
    explicit JournalStatements(SqliteDatabase* db);
    SqliteStatement add_group, find_group;
    SqliteStatement accept, last_entry;
    SqliteStatement intent, place, last_submission;
    SqliteStatement sent, repeated, acknowledged, ended, cancel_wanted, forgotten;
    SqliteStatement erase_dropped, release, requeued;
    SqliteStatement stage_of_entry, drop, drop_late, empty_dropped, erase, body;
    SqliteStatement keep_use, forget_use;
    SqliteStatement extras, charged, cost;
};

}  // namespace weir
