#include "batch/journal_statements.h"

namespace weir {

JournalStatements::JournalStatements(SqliteDatabase* db)
    : add_group(db, "INSERT OR IGNORE INTO groups (account, model, headers) VALUES (?, ?, ?)"),
      find_group(db, "SELECT id FROM groups WHERE account = ? AND model = ? AND headers = ?"),
      accept(db,
             "INSERT INTO entries (id, grp, custom_id, deadline, fallback, body)"
             " VALUES (?, ?, ?, ?, ?, ?)"),
      last_entry(db, "UPDATE meta SET last_entry = max(last_entry, ?)"),
      intent(db, "INSERT INTO submissions (id, grp, count, at, watermark) VALUES (?, ?, ?, ?, ?)"),
      place(db, "UPDATE entries SET submission = ?, position = ? WHERE id = ?"),
      last_submission(db, "UPDATE meta SET last_submission = max(last_submission, ?)"),
      sent(db, "UPDATE submissions SET stage = 2 WHERE id = ?"),
      repeated(db, "UPDATE submissions SET creations = creations + 1 WHERE id = ?"),
      acknowledged(db,
                   "UPDATE submissions SET stage = 3, remote_id = ?2, created = ?3, expires = ?4"
                   " WHERE id = ?1"),
      ended(db,
            "UPDATE submissions SET stage = 4, succeeded = ?2, errored = ?3, canceled = ?4,"
            " expired = ?5 WHERE id = ?1"),
      cancel_wanted(db, "UPDATE submissions SET cancel_wanted = 1 WHERE id = ?"),
      forgotten(db, "DELETE FROM submissions WHERE id = ?"),
      erase_dropped(db, "DELETE FROM entries WHERE submission = ? AND dropped = 1"),
      release(db, "UPDATE entries SET submission = 0, position = 0 WHERE submission = ?"),
      requeued(db, "UPDATE entries SET submission = 0, position = 0, attempts = ? WHERE id = ?"),
      stage_of_entry(db,
                     "SELECT s.stage FROM entries e JOIN submissions s ON s.id = e.submission"
                     " WHERE e.id = ?"),
      drop(db, "UPDATE entries SET dropped = 1 WHERE id = ?"),
      drop_late(db, "UPDATE entries SET dropped = 1, body = x'' WHERE id = ?"),
      empty_dropped(db, "UPDATE entries SET body = x'' WHERE submission = ? AND dropped = 1"),
      erase(db, "DELETE FROM entries WHERE id = ?"),
      body(db, "SELECT body FROM entries WHERE id = ?"),
      keep_use(db,
               "INSERT OR REPLACE INTO day_use (scope, day, tokens, spend) VALUES (?, ?, ?, ?)"),
      forget_use(db, "DELETE FROM day_use WHERE day < ?"),
      extras(db,
             "INSERT INTO entry_extras (id, tenant, input_tokens, output_tokens, priority,"
             " automatic, route, complexity, tag, affinity) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"),
      charged(db,
              "INSERT INTO entry_extras (id, charged) SELECT id, 1 FROM entries WHERE id = ?"
              " ON CONFLICT (id) DO UPDATE SET charged = 1"),
      cost(db,
           "UPDATE submissions SET cost = ?2, saved = ?3, priced = ?4, unpriced = ?5"
           " WHERE id = ?1") {}

}  // namespace weir
