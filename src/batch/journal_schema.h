#pragma once

#include "batch/sqlite_handle.h"

namespace weir {

// The version of the journal's schema that this weir writes.
inline constexpr int kJournalSchema = 6;

// Brings a journal to that version, step by step in one transaction; a file that is empty becomes a
// new journal with `mark`. Refuses a file that is not a journal, or one of a later version.
void migrate_journal(SqliteDatabase* database, const std::string& mark);

}  // namespace weir
