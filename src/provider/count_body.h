#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "provider/body_source.h"

namespace weir {

// The body of a call that counts the input tokens of a Messages request: those of its members that
// the call takes, in pieces of the request's own body, which is not copied.
class CountBody final : public BodySource {
public:
    // `body` is a JSON object, as read_request_head has found it, and outlives this. With `model`,
    // which outlives it too, the `length` characters at `offset` are replaced by that.
    void set(std::string_view body, std::size_t offset = 0, std::size_t length = 0,
             std::string_view model = {});

    std::uint64_t size() const override { return size_; }
    std::size_t read(char* out, std::size_t capacity) override;

private:
    void add(std::string_view piece);

    std::vector<std::string_view> pieces_;
    std::uint64_t size_ = 0;
    std::size_t next_ = 0;    // of the pieces
    std::size_t offset_ = 0;  // in it
};

}  // namespace weir
