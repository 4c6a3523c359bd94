#include <gtest/gtest.h>

#include <string>

#include "engine/failure.h"
#include "engine/outlook.h"
#include "weir/weir.h"

namespace weir {
namespace {

constexpr std::uint64_t kTenant = 0x7'0000'0007;
constexpr TimeNs kNow = 100 * kNsPerS;

class OutlookTest : public testing::Test {
protected:
    // The status of a submit, and what else there is to say.
    std::int32_t check() {
        message.clear();
        retry_after_ms = -1;
        try {
            outlook.check(0, "some-class",
                          {.head = head,
                           .input_tokens = input_tokens,
                           .output_tokens = output_tokens,
                           .tenant = tenant,
                           .priority = 2,
                           .submitted_at = kNow,
                           .deadline_at = deadline_at,
                           .counted = counted});
            return WEIR_OK;
        } catch (const Failure& failure) {
            message = failure.message();
            retry_after_ms = failure.retry_after_ms();
            return failure.code();
        }
    }

    Outlook outlook{1};
    ClassOutlook known;
    BodyHead head{.model_offset = 0, .max_tokens = 4096, .input_tokens = 1000};
    std::uint32_t input_tokens = 0;
    std::uint32_t output_tokens = 0;
    std::uint64_t tenant = kTenant;
    TimeNs deadline_at = kNever;
    bool counted = false;
    std::string message;
    std::int64_t retry_after_ms = -1;
};

TEST_F(OutlookTest, WhereNothingIsKnownNothingIsRefused) {
    deadline_at = kNow + 1;
    input_tokens = 1'000'000'000;
    EXPECT_EQ(check(), WEIR_OK);
    outlook.publish(0, known);
    EXPECT_EQ(check(), WEIR_OK);
}

TEST_F(OutlookTest, RefusesWhatIsLargerThanALimit) {
    known.input = 1500;
    outlook.publish(0, known);
    head.input_tokens = 8 * 1500 + 7;
    EXPECT_EQ(check(), WEIR_OK) << "an estimate alone";
    head.input_tokens = 8 * 1501;
    EXPECT_EQ(check(), WEIR_ERR_NEVER_FITS) << "no text has so many characters a token";
    EXPECT_NE(message.find("1501 input tokens"), std::string::npos) << message;
    EXPECT_NE(message.find("above 1500 a minute"), std::string::npos) << message;
    head.text_only = false;
    EXPECT_EQ(check(), WEIR_OK) << "nobody knows what an image comes to";
    head.text_only = true;
    counted = true;  // by the provider, who will know better
    EXPECT_EQ(check(), WEIR_OK);
    counted = false;
    input_tokens = 1500;  // by the caller's own figure
    EXPECT_EQ(check(), WEIR_OK);
    input_tokens = 1501;
    EXPECT_EQ(check(), WEIR_ERR_NEVER_FITS);
}

TEST_F(OutlookTest, OutputCountsAsTheProviderCountsIt) {
    known.output = 4000;
    outlook.publish(0, known);
    EXPECT_EQ(check(), WEIR_OK) << "what will be produced is not known";
    output_tokens = 4001;
    EXPECT_EQ(check(), WEIR_ERR_NEVER_FITS);
    output_tokens = 100;
    known.reserves_output = true;
    outlook.publish(0, known);
    EXPECT_EQ(check(), WEIR_ERR_NEVER_FITS) << "max_tokens is reserved";
    EXPECT_NE(message.find("4096 output tokens"), std::string::npos) << message;
    head.max_tokens = 3999;
    EXPECT_EQ(check(), WEIR_OK);
    known.day_tokens = 4500;
    input_tokens = 1000;
    outlook.publish(0, known);
    EXPECT_EQ(check(), WEIR_ERR_NEVER_FITS);
    EXPECT_NE(message.find("4500 a day"), std::string::npos) << message;
}

TEST_F(OutlookTest, RefusesADeadlineBeforeTheMostHopefulStart) {
    known.levels[2] = {
        .not_before = kNow + kNsPerS, .not_before_behind = kNow + 10 * kNsPerS, .tenant = kTenant};
    outlook.publish(0, known);
    EXPECT_EQ(check(), WEIR_OK) << "without a deadline";
    deadline_at = kNow + 9 * kNsPerS;
    EXPECT_EQ(check(), WEIR_ERR_TOO_LATE);
    // What is behind is kept in steps of 17 ms, rounded down.
    EXPECT_GT(retry_after_ms, 9'980);
    EXPECT_LE(retry_after_ms, 10'000);
    EXPECT_NE(message.find("9000 ms"), std::string::npos) << message;
    deadline_at = kNow + 10 * kNsPerS;
    EXPECT_EQ(check(), WEIR_OK);
    // Another tenant has a turn of its own.
    tenant = kTenant + 1;
    deadline_at = kNow + 2 * kNsPerS;
    EXPECT_EQ(check(), WEIR_OK);
    deadline_at = kNow + kNsPerS / 2;
    EXPECT_EQ(check(), WEIR_ERR_TOO_LATE);
    EXPECT_EQ(retry_after_ms, 1000);
}

}  // namespace
}  // namespace weir
