#include "provider/json_parser.h"

#include <new>

#include "provider/json_walk.h"

namespace weir {
namespace {

constexpr std::size_t kKeptCapacity = std::size_t{64} << 10;

}  // namespace

JsonParser::JsonParser(std::size_t capacity) : state_(std::make_unique<State>()) {
    if (state_->parser.allocate(capacity)) throw std::bad_alloc();
}

JsonParser::~JsonParser() = default;

void JsonParser::shrink() {
    if (state_->parser.capacity() <= kKeptCapacity) return;
    // Without memory for less the parser is empty, and grows again when it is used.
    [[maybe_unused]] const auto error = state_->parser.allocate(kUsualCapacity);
}

}  // namespace weir
