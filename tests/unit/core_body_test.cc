#include <gtest/gtest.h>

#include "core/body.h"

namespace weir {
namespace {

TEST(BodyBlock, KeepsACopyWithItsHead) {
    RequestHead head;
    head.model_offset = 1;
    head.model_length = 3;
    std::string bytes = "xabcy";
    const BodyRef body(BodyBlock::make(bytes, head, {"anthropic-beta: one"}));
    bytes = "overwritten";
    EXPECT_EQ(body->bytes(), "xabcy");
    EXPECT_EQ(body->model(), "abc");
    ASSERT_NE(body->extra_headers(), nullptr);
    EXPECT_EQ(body->extra_headers()->front(), "anthropic-beta: one");
}

TEST(BodyBlock, IsSharedByReference) {
    BodyRef first(BodyBlock::make("body", {}, {}));
    BodyRef second = first;
    EXPECT_EQ(first.get(), second.get());
    first = BodyRef();
    EXPECT_EQ(second->bytes(), "body");
    EXPECT_EQ(second->extra_headers(), nullptr);
}

}  // namespace
}  // namespace weir
