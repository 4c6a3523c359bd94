#pragma once

#include <cstddef>
#include <memory>

namespace weir {

// The memory that reading JSON takes, for one document after another.
//
// To make one asks an object of simdjson's that exit() destroys; to use one does not. Whoever reads
// while the process may end, as an engine's thread does, has made its parser before.
class JsonParser {
public:
    // For documents of so many bytes; it grows by itself. Throws std::bad_alloc.
    explicit JsonParser(std::size_t capacity = kUsualCapacity);
    ~JsonParser();
    JsonParser(const JsonParser&) = delete;
    JsonParser& operator=(const JsonParser&) = delete;

    // Gives back what only a large document needed.
    void shrink();

    struct State;  // json_walk.h
    State* state() { return state_.get(); }

private:
    static constexpr std::size_t kUsualCapacity = std::size_t{4} << 10;
    std::unique_ptr<State> state_;
};

}  // namespace weir
