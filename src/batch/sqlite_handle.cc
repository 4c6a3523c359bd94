#include "batch/sqlite_handle.h"

#include <fmt/format.h>

#include <cerrno>
#include <new>
#include <utility>

namespace weir {

namespace {

JournalError error_of(const std::string& path, int code, int system_errno, const char* words,
                      const char* doing) {
    using Kind = JournalError::Kind;
    const int primary = code & 0xFF;
    if (primary == SQLITE_BUSY || primary == SQLITE_LOCKED) {
        return {Kind::in_use,
                fmt::format("journal.path: {} is in use by another engine, in this process or in "
                            "another; close that one, or give this one a journal of its own",
                            path)};
    }
    if (primary == SQLITE_FULL || system_errno == ENOSPC || system_errno == EDQUOT ||
        system_errno == EFBIG) {
        return {
            Kind::full,
            fmt::format("journal.path: the disk of {} is full, or the file as large as it may be; "
                        "make room, and the batch lane goes on: what was reported as durable "
                        "is safe",
                        path)};
    }
    if (primary == SQLITE_CANTOPEN && (system_errno == ENOENT || system_errno == ENOTDIR)) {
        return {Kind::read_only,
                fmt::format("journal.path: {} cannot be made, for its directory is not there; make "
                            "that, or choose another path",
                            path)};
    }
    if (primary == SQLITE_CANTOPEN && system_errno == EISDIR) {
        return {Kind::read_only,
                fmt::format("journal.path: {} is a directory; name a file in it", path)};
    }
    if (primary == SQLITE_READONLY || primary == SQLITE_PERM || primary == SQLITE_CANTOPEN ||
        system_errno == EACCES || system_errno == EROFS) {
        return {Kind::read_only,
                fmt::format("journal.path: {} cannot be written; make the file and its directory "
                            "writable for this user, or choose another path ({})",
                            path, words)};
    }
    if (primary == SQLITE_CORRUPT || primary == SQLITE_NOTADB) {
        return {Kind::damaged,
                fmt::format("journal.path: {} is damaged, or not a journal ({}); move it and the "
                            "files beside it away and keep them, and a new one is made. Batches "
                            "that were created are still at the provider",
                            path, words)};
    }
    return {Kind::other, fmt::format("journal.path: {} failed while {}: {} (code {}, errno {}); "
                                     "see to its disk, and open it again: what was reported as "
                                     "durable is safe",
                                     path, doing, words, code, system_errno)};
}

}  // namespace

SqliteDatabase::SqliteDatabase(std::string path, int flags) : path_(std::move(path)) {
    sqlite3* handle = nullptr;
    const int code = sqlite3_open_v2(path_.c_str(), &handle, flags, nullptr);
    handle_.reset(handle);
    if (handle == nullptr) throw std::bad_alloc();
    sqlite3_extended_result_codes(handle, 1);
    if (code != SQLITE_OK) fail(code, "opening it");
    // A file that may not be written is opened to be read, and then fails at its locks.
    const bool to_be_written = (flags & SQLITE_OPEN_READWRITE) != 0;
    if (to_be_written && sqlite3_db_readonly(handle, "main") == 1) {
        throw error_of(path_, SQLITE_READONLY, 0, "it is read-only", "opening it");
    }
}

void SqliteDatabase::fail(int code, const char* doing) const {
    const int system_errno = errno;
    if ((code & 0xFF) == SQLITE_NOMEM) throw std::bad_alloc();
    int of_call = sqlite3_system_errno(handle_.get());
    // SQLite does not keep that of a commit.
    if (of_call == 0 && (code & 0xFF) == SQLITE_IOERR) of_call = system_errno;
    // Damage that SQLite has not noticed is no error to it.
    const bool unnoticed = (sqlite3_errcode(handle_.get()) & 0xFF) != (code & 0xFF);
    const char* const words = unnoticed ? sqlite3_errstr(code) : sqlite3_errmsg(handle_.get());
    throw error_of(path_, code, of_call, words, doing);
}

void SqliteDatabase::run(const char* sql) {
    errno = 0;
    const int code = sqlite3_exec(handle_.get(), sql, nullptr, nullptr, nullptr);
    if (code != SQLITE_OK) fail(code, "being changed");
}

void SqliteDatabase::roll_back() noexcept {
    sqlite3_stmt* statement = nullptr;
    while ((statement = sqlite3_next_stmt(handle_.get(), statement)) != nullptr) {
        sqlite3_reset(statement);
        sqlite3_clear_bindings(statement);
    }
    if (sqlite3_get_autocommit(handle_.get()) != 0) return;
    sqlite3_exec(handle_.get(), "ROLLBACK", nullptr, nullptr, nullptr);
}

std::int64_t SqliteDatabase::number(const char* sql) {
    SqliteStatement statement(this, sql);
    return statement.step() ? statement.number(0) : 0;
}

SqliteStatement::SqliteStatement(SqliteDatabase* database, std::string_view sql)
    : database_(database) {
    sqlite3_stmt* statement = nullptr;
    const int code = sqlite3_prepare_v3(database->get(), sql.data(), static_cast<int>(sql.size()),
                                        SQLITE_PREPARE_PERSISTENT, &statement, nullptr);
    statement_.reset(statement);
    check(code);
}

void SqliteStatement::check(int code) const {
    if (code != SQLITE_OK) database_->fail(code, "being read or written");
}

SqliteStatement& SqliteStatement::bind(int index, std::int64_t value) {
    check(sqlite3_bind_int64(statement_.get(), index, value));
    return *this;
}

SqliteStatement& SqliteStatement::bind(int index, std::string_view text) {
    check(sqlite3_bind_text64(statement_.get(), index, text.data() == nullptr ? "" : text.data(),
                              text.size(), SQLITE_STATIC, SQLITE_UTF8));
    return *this;
}

SqliteStatement& SqliteStatement::bind_bytes(int index, std::string_view bytes) {
    check(sqlite3_bind_blob64(statement_.get(), index, bytes.data() == nullptr ? "" : bytes.data(),
                              bytes.size(), SQLITE_STATIC));
    return *this;
}

bool SqliteStatement::step() {
    errno = 0;
    const int code = sqlite3_step(statement_.get());
    if (code == SQLITE_ROW) return true;
    if (code == SQLITE_DONE) return false;
    database_->fail(code, "being read or written");
}

void SqliteStatement::run() {
    while (step()) {
    }
    reset();
}

void SqliteStatement::reset() {
    sqlite3_reset(statement_.get());
    sqlite3_clear_bindings(statement_.get());
}

std::int64_t SqliteStatement::number(int column) const {
    return sqlite3_column_int64(statement_.get(), column);
}

std::string SqliteStatement::text(int column) const { return std::string(bytes(column)); }

std::string_view SqliteStatement::bytes(int column) const {
    const void* data = sqlite3_column_blob(statement_.get(), column);
    const auto size = static_cast<std::size_t>(sqlite3_column_bytes(statement_.get(), column));
    return data == nullptr ? std::string_view()
                           : std::string_view(static_cast<const char*>(data), size);
}

}  // namespace weir
