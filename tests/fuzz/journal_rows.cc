// The rows of a journal, which another program or a damaged disk may have changed. A line of the
// input is a table's letter and the values of a row, with bars between them. The journal is
// refused, or read; then the batch lane goes on from it, whatever the provider says.

#include <fcntl.h>
#include <sqlite3.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "batch/batch_machine.h"
#include "batch/journal.h"
#include "fuzz_input.h"

namespace {

using weir::BatchAction;
using weir::BatchMachine;
using weir::BatchOutput;

constexpr std::size_t kMostRows = 64;
constexpr int kTurns = 40;

// A file that is nobody else's, in memory where there is a place for that.
std::string path_of_journal() {
    const std::filesystem::path shared = "/dev/shm";
    const auto directory =
        std::filesystem::is_directory(shared) ? shared : std::filesystem::temp_directory_path();
    return (directory / ("weir-fuzz-journal-" + std::to_string(::getpid()))).string();
}

struct Workplace {
    Workplace() {
        weir::open_journal(path, "mark");
        std::ifstream in(path, std::ios::binary);
        std::ostringstream text;
        text << in.rdbuf();
        empty = text.str();
    }
    ~Workplace() { remove(); }
    void remove() const {
        for (const char* suffix : {"", "-wal", "-journal"}) {
            std::filesystem::remove(path + suffix);
        }
    }
    void reset() const {
        remove();
        std::ofstream(path, std::ios::binary) << empty;
    }
    const std::string path = path_of_journal();
    std::string empty;  // the bytes of a new journal
};

const char* insert_into(char table) {
    switch (table) {
        case 'm':
            return "UPDATE meta SET mark = ?, last_entry = ?, last_submission = ?";
        case 'g':
            return "INSERT OR REPLACE INTO groups VALUES (?, ?, ?, ?)";
        case 'e':
            return "INSERT OR REPLACE INTO entries VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
        case 's':
            return "INSERT OR REPLACE INTO submissions (id, grp, count, at, watermark, stage,"
                   " remote_id, created, expires, cancel_wanted, creations)"
                   " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
        case 'x':
            return "INSERT OR REPLACE INTO entry_extras VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
        case 'd':
            return "INSERT OR REPLACE INTO day_use VALUES (?, ?, ?, ?)";
        default:
            return nullptr;
    }
}

// A number is one; anything else is text.
void bind(sqlite3_stmt* statement, int index, std::string_view value) {
    std::int64_t number = 0;
    const char* const end = value.data() + value.size();
    const auto [stop, error] = std::from_chars(value.data(), end, number);
    if (error == std::errc() && stop == end) {
        sqlite3_bind_int64(statement, index, number);
    } else {
        sqlite3_bind_text64(statement, index, value.empty() ? "" : value.data(), value.size(),
                            SQLITE_TRANSIENT, SQLITE_UTF8);
    }
}

void write_row(sqlite3* database, std::string_view line) {
    const char* const sql = line.empty() ? nullptr : insert_into(line.front());
    if (sql == nullptr) return;
    line.remove_prefix(1);
    sqlite3_stmt* statement = nullptr;
    FUZZ_CHECK(sqlite3_prepare_v2(database, sql, -1, &statement, nullptr) == SQLITE_OK);
    for (int i = 1; i <= sqlite3_bind_parameter_count(statement); ++i) {
        bind(statement, i, weir::fuzz::take_until(&line, '|'));
    }
    sqlite3_step(statement);  // what the schema refuses is left out
    sqlite3_finalize(statement);
}

void write_rows(const std::string& path, std::string_view text) {
    sqlite3* database = nullptr;
    FUZZ_CHECK(sqlite3_open(path.c_str(), &database) == SQLITE_OK);
    sqlite3_exec(database, "PRAGMA synchronous = OFF; BEGIN", nullptr, nullptr, nullptr);
    for (std::size_t rows = 0; !text.empty() && rows < kMostRows; ++rows) {
        write_row(database, weir::fuzz::take_until(&text, '\n'));
    }
    sqlite3_exec(database, "COMMIT", nullptr, nullptr, nullptr);
    sqlite3_close(database);
}

// The engine's part: the journal takes the records, and the provider answers in turn.
class Lane {
public:
    Lane(weir::Journal* journal, const weir::JournalState& state)
        : journal_(journal), machine_(weir::BatchSettings(), {"main"}, 0) {
        machine_.recover(state, now_);
        std::uint64_t ticket = 0;
        journal_->load_entries([&](const weir::JournalState::Entry& row) {
            machine_.recover_entry(row, row.dropped ? 0 : ++ticket, now_);
        });
    }
    void run() {
        for (int turn = 0; turn < kTurns; ++turn) {
            machine_.advance(now_, &out_);
            drain();
            if (machine_.next_timer() == weir::kNever) break;
            now_ = std::max(now_ + 1, machine_.next_timer());
        }
        machine_.close(true, &out_);
        drain();
    }

private:
    void drain() {
        while (!out_.records.empty() || !out_.actions.empty()) {
            BatchOutput out = std::exchange(out_, BatchOutput());
            if (!out.records.empty()) journal_->apply(out.records);
            position_ += out.records.size();
            for (BatchAction& action : out.actions) carry_out(action);
            machine_.on_durable(position_, &out_);
        }
    }
    void carry_out(const BatchAction& action) {
        switch (action.kind) {
            case BatchAction::Kind::call:
                return answer(action.call_id);
            case BatchAction::Kind::load:
                return machine_.on_bodies(action.submission, journal_->bodies(action.entries));
            case BatchAction::Kind::deliver:
            case BatchAction::Kind::fail:
                FUZZ_CHECK(action.ticket != 0);
                FUZZ_CHECK(++ended_[action.ticket] == 1);
                return machine_.acknowledge(action.entry, &out_);
            default:
                return;
        }
    }
    void answer(weir::BatchCallId call) {
        constexpr std::array statuses{200, 404, 500, 200, 400};
        weir::Outcome outcome;
        outcome.http_status = statuses[answers_++ % statuses.size()];
        outcome.maybe_executed = outcome.http_status == 500;
        if (outcome.http_status == 500) outcome.cls = weir::OutcomeClass::server_error;
        if (outcome.http_status / 100 == 4) outcome.cls = weir::OutcomeClass::bad_request;
        const weir::BatchPage page;
        weir::BatchAnswer answer;
        if (outcome.http_status == 200) answer.page = &page;
        machine_.on_call_end(call, outcome, answer, now_, &out_);
    }

    weir::Journal* journal_;
    BatchMachine machine_;
    BatchOutput out_;
    weir::TimeNs now_ = weir::kNsPerS;
    weir::JournalPosition position_ = 0;
    std::size_t answers_ = 0;
    std::map<std::uint64_t, int> ended_;
};

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const Workplace workplace;
    workplace.reset();
    write_rows(workplace.path, weir::fuzz::text_of(data, size));
    try {
        const auto journal = weir::open_journal(workplace.path, "other");
        const weir::JournalState state = journal->load();
        Lane(journal.get(), state).run();
    } catch (const weir::JournalError& error) {
        FUZZ_CHECK(error.message().find(workplace.path) != std::string::npos);
    }
    return 0;
}
