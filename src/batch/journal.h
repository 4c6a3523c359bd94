#pragma once

#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "batch/batch_types.h"
#include "batch/journal_record.h"

namespace weir {

// Why a journal cannot be used. The message names the file and says what to do about it.
class JournalError : public std::exception {
public:
    enum class Kind : std::uint8_t { in_use, full, read_only, damaged, foreign, newer, other };
    JournalError(Kind kind, std::string message) : kind_(kind), message_(std::move(message)) {}
    Kind kind() const { return kind_; }
    const std::string& message() const { return message_; }
    const char* what() const noexcept override { return message_.c_str(); }

private:
    Kind kind_;
    std::string message_;
};

// Where the batch lane's records are kept: a file, or in tests a disk that can fail. One thread at
// a time. Everything throws JournalError; after that the journal is not to be used any more, unless
// its kind is `full`: then nothing was done, and the same may be tried again.
class Journal {
public:
    virtual ~Journal() = default;
    // What it holds, but for the entries: there may be a hundred thousand of them, and each is
    // handed over by itself, in the order of their ids.
    virtual JournalState load() = 0;
    virtual void load_entries(const std::function<void(const JournalState::Entry&)>& take) = 0;
    // Durable when it returns, and all of it or nothing.
    virtual void apply(std::span<const JournalRecord> records) = 0;
    // The bodies of entries that are in the journal.
    virtual std::vector<std::pair<EntryId, BatchBody>> bodies(std::span<const EntryId> entries) = 0;
};

// A journal in one file, made if there is none, readable and writable by its owner alone. `mark`
// becomes that of a new journal. No key is ever written to it.
std::unique_ptr<Journal> open_journal(const std::string& path, const std::string& mark);

}  // namespace weir
