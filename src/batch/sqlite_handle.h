#pragma once

#include <sqlite3.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "batch/journal.h"

namespace weir {

// A SQLite connection and its statements. Every failure is a JournalError.
class SqliteDatabase {
public:
    SqliteDatabase(std::string path, int flags);

    // Runs statements without parameters or results.
    void run(const char* sql);
    // After a failure: no transaction is open, and every statement is ready for its next use.
    void roll_back() noexcept;
    std::int64_t number(const char* sql);  // the first column of the first row
    [[noreturn]] void fail(int code, const char* doing) const;

    sqlite3* get() const { return handle_.get(); }
    const std::string& path() const { return path_; }

private:
    struct Close {
        void operator()(sqlite3* handle) const { sqlite3_close_v2(handle); }
    };
    std::string path_;
    std::unique_ptr<sqlite3, Close> handle_;
};

class SqliteStatement {
public:
    SqliteStatement(SqliteDatabase* database, std::string_view sql);

    // Parameters from 1. Texts and bytes must live until reset.
    SqliteStatement& bind(int index, std::int64_t value);
    SqliteStatement& bind(int index, std::uint64_t value) {
        return bind(index, static_cast<std::int64_t>(value));
    }
    SqliteStatement& bind(int index, std::string_view text);
    SqliteStatement& bind_bytes(int index, std::string_view bytes);

    bool step();  // true while there is a row
    void run();   // to its end, and ready for the next use
    void reset();

    // Columns from 0, of the row.
    std::int64_t number(int column) const;
    std::uint64_t id(int column) const { return static_cast<std::uint64_t>(number(column)); }
    std::string text(int column) const;
    std::string_view bytes(int column) const;  // until the next step

private:
    struct Finalize {
        void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
    };
    void check(int code) const;

    SqliteDatabase* database_;
    std::unique_ptr<sqlite3_stmt, Finalize> statement_;
};

}  // namespace weir
