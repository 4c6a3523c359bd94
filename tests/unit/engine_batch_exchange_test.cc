#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "engine/batch_exchange.h"

namespace weir {
namespace {

struct NoResults final : BatchExchange::Listener {
    void on_batch_result(BatchExchange*, const BatchResult&) override {}
};

class BatchExchangeTest : public testing::Test {
protected:
    std::unique_ptr<BatchExchange> exchange(BatchCall call) {
        return std::make_unique<BatchExchange>(
            &nobody_, &parser_, std::make_shared<BatchCall>(std::move(call)),
            std::make_shared<const KeyAccess>("sk-test",
                                              AccessSettings{.provider_version = "2023-06-01"}),
            1 << 20, 0);
    }

    NoResults nobody_;
    JsonParser parser_;
    AccountAccess account_;
    HttpTimeouts timeouts_;
};

TEST_F(BatchExchangeTest, ACreationAloneHasAConnectionOfItsOwn) {
    using Kind = BatchCall::Kind;
    const std::tuple<Kind, std::string_view, std::string_view> calls[] = {
        {Kind::create, "POST", "/v1/messages/batches"},
        {Kind::retrieve, "GET", "/v1/messages/batches/msgbatch_1"},
        {Kind::list, "GET", "/v1/messages/batches?limit=100&after_id=msgbatch_0"},
        {Kind::results, "GET", "/v1/messages/batches/msgbatch_1/results"},
        {Kind::cancel, "POST", "/v1/messages/batches/msgbatch_1/cancel"},
        {Kind::remove, "DELETE", "/v1/messages/batches/msgbatch_1"}};
    for (const auto& [kind, method, path] : calls) {
        BatchCall call;
        call.kind = kind;
        call.remote_id = "msgbatch_1";
        call.after_id = "msgbatch_0";
        call.page_size = 100;
        const auto made = exchange(std::move(call));
        const HttpRequest request = made->wire(account_, timeouts_);
        EXPECT_EQ(request.method, method);
        EXPECT_EQ(request.path, path);
        EXPECT_EQ(request.fresh_connection, kind == Kind::create) << path;
    }
}

TEST_F(BatchExchangeTest, ACreationHasItsBodyInPiecesAndTheHeadersOfItsGroup) {
    BatchCall call;
    call.kind = BatchCall::Kind::create;
    call.headers = "x-one: 1\nx-two: 2";
    call.body = std::make_shared<CreateBody>(
        "mk", 1, std::vector<BatchBody>{BatchBody::copy_of("{\"model\":\"m\"}")});
    const auto made = exchange(std::move(call));
    const HttpRequest request = made->wire(account_, timeouts_);
    ASSERT_NE(request.source, nullptr);
    EXPECT_EQ(request.source->size(), made->call().body->size());
    for (const char* header : {"x-one: 1", "x-two: 2", "x-api-key: sk-test"}) {
        EXPECT_EQ(std::count(request.headers->begin(), request.headers->end(), header), 1)
            << header;
    }
}

}  // namespace
}  // namespace weir
