#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <map>
#include <memory>
#include <optional>
#include <tuple>
#include <variant>

#include "batch/body_arena.h"
#include "batch/journal.h"
#include "batch/journal_schema.h"
#include "batch/journal_statements.h"
#include "batch/sqlite_handle.h"
#include "batch/wire_id.h"

namespace weir {

namespace {

// A file that is not there is made before SQLite would, for its owner alone. A file that is there
// is never opened and closed: closing any descriptor of it would drop the lock of another engine
// in this process.
void make_file(const std::string& path) {
    const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0) return;  // it is there, or SQLite says why not
    ::close(fd);
    const std::size_t slash = path.rfind('/');
    const std::string directory = slash == std::string::npos ? "." : path.substr(0, slash + 1);
    const int directory_fd = ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (directory_fd < 0) return;
    ::fsync(directory_fd);
    ::close(directory_fd);
}

void close_to_others(const std::string& path) {
    struct stat status {};
    if (::stat(path.c_str(), &status) == 0 && (status.st_mode & 077) != 0) {
        ::chmod(path.c_str(), 0600);
    }
}

// Far more than any batch has: a submission of more is damage.
constexpr std::int64_t kMostRequests = 10'000'000;
constexpr std::int64_t kMostCreations = 1'000'000;

class SqliteJournal final : public Journal {
public:
    SqliteJournal(const std::string& path, const std::string& mark);

    JournalState load() override;
    void load_entries(const std::function<void(const JournalState::Entry&)>& take) override;
    void apply(std::span<const JournalRecord> records) override;
    std::vector<std::pair<EntryId, BatchBody>> bodies(std::span<const EntryId> entries) override;

private:
    void check_rows();
    std::int64_t group(const std::string& account, const std::string& model,
                       const std::string& headers);
    void on(const AcceptRecord& record);
    void on(const IntentRecord& record);
    void on(const SentRecord& record);
    void on(const RepeatedRecord& record);
    void on(const AcknowledgedRecord& record);
    void on(const EndedRecord& record);
    void on(const ReleasedRecord& record);
    void on(const RequeuedRecord& record);
    void on(const DeliveredRecord& record);
    void on(const CancelWantedRecord& record);
    void on(const ForgottenRecord& record);
    void on(const UseRecord& record);
    void on(const CostRecord& record);

    SqliteDatabase database_;
    std::optional<JournalStatements> statements_;
    std::map<std::tuple<std::string, std::string, std::string>, std::int64_t> groups_;
    EntryId last_entry_ = 0;  // of the records of this transaction
    SubmissionId last_submission_ = 0;
};

SqliteJournal::SqliteJournal(const std::string& path, const std::string& mark)
    : database_(path, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX) {
    // One engine at a time: the lock is taken with the first transaction and kept. It also spares
    // the shared memory file that a WAL of several readers needs.
    database_.run(
        "PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
        "PRAGMA journal_size_limit = 67108864; PRAGMA wal_autocheckpoint = 4000;"
        "PRAGMA trusted_schema = OFF; PRAGMA foreign_keys = OFF; PRAGMA cache_size = -4000");
    migrate_journal(&database_, mark);
    statements_.emplace(&database_);
}

// Rows that contradict each other: no run writes such.
void SqliteJournal::check_rows() {
    constexpr const char* kContradictions[] = {
        // An entry has a place in a batch that is there; who is dropped has one.
        "SELECT count(*) FROM entries e LEFT JOIN submissions s ON s.id = e.submission"
        " WHERE (e.submission <> 0 AND (s.id IS NULL OR e.position NOT BETWEEN 0 AND s.count - 1))"
        " OR (e.submission = 0 AND e.dropped <> 0) OR e.id <= 0",
        "SELECT count(*) FROM (SELECT 1 FROM entries WHERE submission <> 0"
        " GROUP BY submission, position HAVING count(*) > 1)",
        // A batch that may have to be sent again is whole; one that exists has an id.
        "SELECT count(*) FROM submissions s WHERE s.id <= 0 OR"
        " CASE WHEN s.stage < 3"
        " THEN s.count <> (SELECT count(*) FROM entries e WHERE e.submission = s.id)"
        " ELSE s.remote_id = '' END"};
    for (const char* contradiction : kContradictions) {
        if (database_.number(contradiction) != 0) database_.fail(SQLITE_CORRUPT, "being read");
    }
}

JournalState SqliteJournal::load() {
    JournalState state;
    check_rows();
    SqliteStatement meta(&database_, "SELECT mark, last_entry, last_submission FROM meta");
    if (meta.step()) {
        state.mark = meta.text(0);
        state.last_entry = meta.id(1);
        state.last_submission = meta.id(2);
    }
    if (!valid_mark(state.mark)) database_.fail(SQLITE_CORRUPT, "being read");
    state.entry_count =
        static_cast<std::uint64_t>(database_.number("SELECT count(*) FROM entries"));
    SqliteStatement submissions(
        &database_,
        "SELECT s.id, account, model, headers, count, at, watermark, stage, remote_id, created,"
        " expires, cancel_wanted, succeeded, errored, canceled, expired, cost, saved, priced,"
        " unpriced, creations"
        " FROM submissions s JOIN groups g ON g.id = s.grp ORDER BY s.id");
    while (submissions.step()) {
        state.last_submission = std::max(state.last_submission, submissions.id(0));
        const std::int64_t stage = submissions.number(7);
        const std::int64_t count = submissions.number(4);
        const std::int64_t creations = submissions.number(20);
        const bool sound = stage >= 1 && stage <= 4 && count >= 0 && count <= kMostRequests &&
                           creations >= 1 && creations <= kMostCreations;
        if (!sound) database_.fail(SQLITE_CORRUPT, "being read");
        state.submissions.push_back({.id = submissions.id(0),
                                     .account = submissions.text(1),
                                     .model = submissions.text(2),
                                     .headers = submissions.text(3),
                                     .count = static_cast<std::uint32_t>(count),
                                     .at_unix = submissions.number(5),
                                     .watermark_unix = submissions.number(6),
                                     .stage = static_cast<JournalState::Stage>(stage),
                                     .creations = static_cast<std::uint32_t>(creations),
                                     .remote_id = submissions.text(8),
                                     .created_unix = submissions.number(9),
                                     .expires_unix = submissions.number(10),
                                     .cancel_wanted = submissions.number(11) != 0,
                                     .tally = {submissions.number(12), submissions.number(13),
                                               submissions.number(14), submissions.number(15)},
                                     .cost = {submissions.number(16), submissions.number(17),
                                              static_cast<std::uint32_t>(submissions.number(18)),
                                              static_cast<std::uint32_t>(submissions.number(19))}});
    }
    SqliteStatement use(&database_, "SELECT scope, day, tokens, spend FROM day_use ORDER BY scope");
    while (use.step()) {
        state.day_use.push_back({.scope = use.text(0),
                                 .day = use.number(1),
                                 .tokens = use.number(2),
                                 .spend = use.number(3)});
    }
    return state;
}

void SqliteJournal::load_entries(const std::function<void(const JournalState::Entry&)>& take) {
    struct Group {
        SharedText account, model, headers;
    };
    std::map<std::int64_t, Group> groups;
    SqliteStatement group(&database_, "SELECT id, account, model, headers FROM groups");
    while (group.step()) {
        groups[group.number(0)] = {group.text(1), group.text(2), group.text(3)};
    }
    SqliteStatement entries(
        &database_,
        "SELECT e.id, custom_id, grp, deadline, fallback, length(body), attempts, submission,"
        " position, dropped, charged, tenant, input_tokens, output_tokens,"
        " ifnull(priority, 2), automatic, route, complexity, tag, affinity"
        " FROM entries e LEFT JOIN entry_extras x ON x.id = e.id ORDER BY e.id");
    while (entries.step()) {
        const auto of = groups.find(entries.number(2));
        if (of == groups.end()) database_.fail(SQLITE_CORRUPT, "being read");
        take({.id = entries.id(0),
              .custom_id = entries.text(1),
              .account = of->second.account,
              .model = of->second.model,
              .headers = of->second.headers,
              .deadline_unix = entries.number(3),
              .fallback_unix = entries.number(4),
              .body_bytes = entries.id(5),
              .attempts = static_cast<std::uint32_t>(entries.number(6)),
              .submission = entries.id(7),
              .position = static_cast<std::uint32_t>(entries.number(8)),
              .dropped = entries.number(9) != 0,
              .charged = entries.number(10) != 0,
              .origin = {.tenant = entries.id(11),
                         .tag = entries.id(18),
                         .affinity = static_cast<std::uint32_t>(entries.number(19)),
                         .input_tokens = static_cast<std::uint32_t>(entries.number(12)),
                         .output_tokens = static_cast<std::uint32_t>(entries.number(13)),
                         .priority = static_cast<std::uint8_t>(entries.number(14)),
                         .automatic = entries.number(15) != 0,
                         .route = entries.text(16),
                         .complexity = entries.text(17)}});
    }
}

void SqliteJournal::apply(std::span<const JournalRecord> records) {
    last_entry_ = 0;
    last_submission_ = 0;
    try {
        database_.run("BEGIN IMMEDIATE");
        for (const JournalRecord& record : records) {
            std::visit([this](const auto& r) { on(r); }, record);
        }
        if (last_entry_ != 0) statements_->last_entry.bind(1, last_entry_).run();
        if (last_submission_ != 0) statements_->last_submission.bind(1, last_submission_).run();
        database_.run("COMMIT");
    } catch (...) {
        database_.roll_back();
        groups_.clear();  // those of this transaction are not there
        throw;
    }
}

std::vector<std::pair<EntryId, BatchBody>> SqliteJournal::bodies(std::span<const EntryId> entries) {
    std::vector<std::pair<EntryId, BatchBody>> bodies;
    bodies.reserve(entries.size());
    BodyArena arena;
    SqliteStatement& body = statements_->body;
    for (const EntryId id : entries) {
        body.bind(1, id);
        if (!body.step()) database_.fail(SQLITE_CORRUPT, "being read");
        bodies.emplace_back(id, arena.copy(body.bytes(0)));
        body.reset();
    }
    return bodies;
}

// ---- The records ----

std::int64_t SqliteJournal::group(const std::string& account, const std::string& model,
                                  const std::string& headers) {
    std::int64_t& id = groups_[{account, model, headers}];
    if (id != 0) return id;
    statements_->add_group.bind(1, account).bind(2, model).bind(3, headers).run();
    SqliteStatement& find = statements_->find_group;
    find.bind(1, account).bind(2, model).bind(3, headers).step();
    id = find.number(0);
    find.reset();
    return id;
}

void SqliteJournal::on(const AcceptRecord& r) {
    const std::int64_t in_group = group(r.account, r.model, r.headers);
    statements_->accept.bind(1, r.entry)
        .bind(2, in_group)
        .bind(3, r.custom_id)
        .bind(4, r.deadline_unix)
        .bind(5, r.fallback_unix)
        .bind_bytes(6, r.body.bytes())
        .run();
    last_entry_ = std::max(last_entry_, r.entry);
    if (r.origin == nullptr) return;
    const BatchOrigin& origin = *r.origin;
    statements_->extras.bind(1, r.entry)
        .bind(2, origin.tenant)
        .bind(3, std::uint64_t{origin.input_tokens})
        .bind(4, std::uint64_t{origin.output_tokens})
        .bind(5, std::uint64_t{origin.priority})
        .bind(6, std::uint64_t{origin.automatic})
        .bind(7, origin.route)
        .bind(8, origin.complexity)
        .bind(9, origin.tag)
        .bind(10, std::uint64_t{origin.affinity})
        .run();
}

void SqliteJournal::on(const IntentRecord& r) {
    const std::int64_t in_group = group(r.account, r.model, r.headers);
    statements_->intent.bind(1, r.submission)
        .bind(2, in_group)
        .bind(3, std::uint64_t{r.entries.size()})
        .bind(4, r.at_unix)
        .bind(5, r.watermark_unix)
        .run();
    std::int64_t position = 0;
    for (const EntryId entry : r.entries) {
        statements_->place.bind(1, r.submission).bind(2, position++).bind(3, entry).run();
    }
    last_submission_ = std::max(last_submission_, r.submission);  // they come in any order
}

void SqliteJournal::on(const SentRecord& r) { statements_->sent.bind(1, r.submission).run(); }

void SqliteJournal::on(const RepeatedRecord& r) {
    statements_->repeated.bind(1, r.submission).run();
}

void SqliteJournal::on(const AcknowledgedRecord& r) {
    statements_->acknowledged.bind(1, r.submission)
        .bind(2, r.remote_id)
        .bind(3, r.created_unix)
        .bind(4, r.expires_unix)
        .run();
    statements_->empty_dropped.bind(1, r.submission).run();
}

void SqliteJournal::on(const EndedRecord& r) {
    statements_->ended.bind(1, r.submission)
        .bind(2, r.tally.succeeded)
        .bind(3, r.tally.errored)
        .bind(4, r.tally.canceled)
        .bind(5, r.tally.expired)
        .run();
}

void SqliteJournal::on(const ReleasedRecord& r) {
    statements_->erase_dropped.bind(1, r.submission).run();
    statements_->release.bind(1, r.submission).run();
    statements_->forgotten.bind(1, r.submission).run();
}

void SqliteJournal::on(const RequeuedRecord& r) {
    statements_->requeued.bind(1, std::uint64_t{r.attempts}).bind(2, r.entry).run();
}

void SqliteJournal::on(const DeliveredRecord& r) {
    SqliteStatement& stage = statements_->stage_of_entry;
    stage.bind(1, r.entry);
    const bool has_batch = stage.step();
    const bool in_doubt = has_batch && stage.number(0) < 3;
    stage.reset();
    if (in_doubt) {
        statements_->drop.bind(1, r.entry).run();
    } else if (has_batch && r.late) {
        statements_->drop_late.bind(1, r.entry).run();
    } else {
        statements_->erase.bind(1, r.entry).run();
    }
}

void SqliteJournal::on(const CancelWantedRecord& r) {
    statements_->cancel_wanted.bind(1, r.submission).run();
}

void SqliteJournal::on(const ForgottenRecord& r) {
    statements_->erase_dropped.bind(1, r.submission).run();
    statements_->forgotten.bind(1, r.submission).run();
}

void SqliteJournal::on(const UseRecord& r) {
    std::int64_t today = INT64_MIN;
    for (const DayUseRow& row : r.day_use) {
        today = std::max(today, row.day);
        statements_->keep_use.bind(1, row.scope)
            .bind(2, row.day)
            .bind(3, row.tokens)
            .bind(4, row.spend)
            .run();
    }
    statements_->forget_use.bind(1, today).run();
    for (const EntryId entry : r.charged) statements_->charged.bind(1, entry).run();
}

void SqliteJournal::on(const CostRecord& r) {
    statements_->cost.bind(1, r.submission)
        .bind(2, r.cost.micros)
        .bind(3, r.cost.saved_micros)
        .bind(4, std::uint64_t{r.cost.priced})
        .bind(5, std::uint64_t{r.cost.unpriced})
        .run();
}

}  // namespace

std::unique_ptr<Journal> open_journal(const std::string& path, const std::string& mark) {
    make_file(path);
    auto journal = std::make_unique<SqliteJournal>(path, mark);
    // Only now is it known to be a journal. What SQLite makes beside it has the mode that it had.
    close_to_others(path);
    close_to_others(path + "-wal");
    return journal;
}

}  // namespace weir
