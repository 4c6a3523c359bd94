#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "batch_machine_frame.h"
#include "weir/weir.h"

namespace weir {
namespace {

using test::MachineTest;

TEST_F(MachineTest, A404AfterCreationIsForgivenAndOneForGoodIsNot) {
    submit(1);
    create(1);
    actions_.clear();
    const TimeNs since = now_;
    while (terminal() == 0 && now_ - since < 3600 * kNsPerS) {
        if (calls_.empty()) {
            pass(machine_->next_timer() - now_);
            continue;
        }
        const BatchCall call = expect_call(BatchCall::Kind::retrieve);
        answer(call, 404);
    }
    EXPECT_GE(now_ - since, settings_.not_found_ns);
    EXPECT_LE(now_ - since, 2 * settings_.not_found_ns);
}

TEST_F(MachineTest, AnArchivedBatchIsGone) {
    submit(1);
    create(1);
    pass(2 * kNsPerS);
    BatchObject archived = batch(BatchObject::Status::ended, 1);
    archived.archived = true;
    answer(expect_call(BatchCall::Kind::retrieve), 200, &archived);
    EXPECT_TRUE(calls_.empty());
    ASSERT_FALSE(actions_.empty());
    EXPECT_TRUE(actions_.back().maybe_executed);
    EXPECT_EQ(terminal(), WEIR_ERR_BATCH_GONE);
}

TEST_F(MachineTest, AtItsTimeLimitABatchIsAskedAbout) {
    submit(1);
    to_creation();
    BatchObject made = batch(BatchObject::Status::in_progress, 1);
    made.created_unix_ns = now_;
    made.expires_unix_ns = now_ + 630 * kNsPerS;
    answer(expect_call(BatchCall::Kind::create), 200, &made);
    pass(600 * kNsPerS);
    answer(expect_call(BatchCall::Kind::retrieve), 200, &made);
    pass(30 * kNsPerS);
    EXPECT_TRUE(calls_.empty());
    pass(1 * kNsPerS);
    expect_call(BatchCall::Kind::retrieve);
}

}  // namespace
}  // namespace weir
