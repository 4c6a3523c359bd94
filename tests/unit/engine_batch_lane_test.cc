#include <gtest/gtest.h>
#include <sqlite3.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <string>

#include "engine/clock.h"
#include "engine/error_object.h"
#include "engine_scripted_engine.h"
#include "weir/weir.h"

namespace weir {
namespace {

ssize_t broken_disk(int, const void*, std::size_t, off_t) {
    errno = EIO;
    return -1;
}

class BatchLaneTest : public ScriptedEngineTest {
protected:
    void SetUp() override {
        directory_ = std::filesystem::temp_directory_path() /
                     ("weir-batch-lane-" + std::to_string(::getpid()));
        std::filesystem::create_directory(directory_);
        Config config;
        config.set("account.main.key", "k");
        config.set("journal.path", (directory_ / "journal").string());
        config.set("log.level", "warning");
        config.set("batch.poll_min_ms", "10");
        config.set("batch.poll_max_ms", "1000");
        config.set("batch.not_found_ms", "0");
        open_engine(config);
        transport_->answer_at_once = false;
        builder_.set("lane", "batch");
        poll();
    }
    void TearDown() override {
        break_disk(nullptr);
        ScriptedEngineTest::TearDown();
        std::filesystem::remove_all(directory_);
    }
    static void break_disk(ssize_t (*write)(int, const void*, std::size_t, off_t)) {
        sqlite3_vfs* const vfs = sqlite3_vfs_find(nullptr);
        for (const char* call : {"pwrite", "pwrite64"}) {
            vfs->xSetSystemCall(vfs, call, reinterpret_cast<sqlite3_syscall_ptr>(write));
        }
    }

    static const weir_error* error_of(const weir_event& event) {
        return static_cast<const weir_error*>(event.object);
    }
    static std::string batch(const std::string& status) {
        return R"({"id":"msgbatch_1","type":"message_batch","processing_status":")" + status +
               R"(","request_counts":{"processing":1},"created_at":"2090-01-01T00:00:00Z"})";
    }
    // Answers the next call, and returns its body.
    std::string answer_next(int status, const std::string& body) {
        while (transport_->started.empty()) poll();
        const ExchangeId id = transport_->started.front();
        transport_->started.erase(transport_->started.begin());
        transport_->answer(id, monotonic_now(), status, body);
        poll();
        return transport_->bodies[id];
    }
    weir_event next_failure() {
        for (; seen_ < events_.size(); ++seen_) {
            if (events_[seen_].type == WEIR_EVENT_FAILED) return events_[seen_++];
        }
        ADD_FAILURE() << "nothing has failed";
        return {};
    }

    std::size_t seen_ = 0;  // of events_
    std::filesystem::path directory_;
};

TEST_F(BatchLaneTest, AJournalThatBreaksEndsWhatWaitsAndTheEngineCloses) {
    const std::uint64_t kept = engine_->submit(builder_);
    poll();
    break_disk(broken_disk);
    const std::uint64_t not_kept = engine_->submit(builder_);
    std::string log;
    std::string said[2];
    for (const weir_event& event : poll()) {
        if (event.type == WEIR_EVENT_LOG) {
            log.append(static_cast<const char*>(event.data), event.data_length);
        }
        if (event.type != WEIR_EVENT_FAILED) continue;
        EXPECT_EQ(event.status, WEIR_ERR_IO);
        (event.ticket == kept ? said[0] : said[1]) =
            static_cast<const weir_error*>(event.object)->message;
        EXPECT_TRUE(event.ticket == kept || event.ticket == not_kept);
    }
    EXPECT_NE(said[0].find("is in the journal, and goes on"), std::string::npos) << said[0];
    EXPECT_NE(said[1].find("is not in the journal: submit it again"), std::string::npos) << said[1];
    EXPECT_NE(log.find((directory_ / "journal").string()), std::string::npos) << log;
    EXPECT_NE(log.find("1 requests were accepted and are not in the journal"), std::string::npos)
        << log;
    engine_->close();
    poll();
    EXPECT_EQ(status_, WEIR_ERR_CLOSED);
}

// The provider's part is written by hand: which request it refuses, and a result of tomorrow.
TEST_F(BatchLaneTest, OneRequestIsRefusedAloneAndAResultOfAnyFormIsHandedOver) {
    const std::uint64_t refused = engine_->submit(builder_);
    const std::uint64_t strange = engine_->submit(builder_);
    engine_->tell_batch_lane(Inbox::Command::Kind::flush, 0);
    answer_next(200, R"({"data":[],"has_more":false})");  // the newest batch
    answer_next(400, R"({"type":"error","error":{"type":"invalid_request_error",)"
                     R"("message":"requests.0.params.x: Extra inputs are not permitted"}})");
    const weir_event first = next_failure();
    EXPECT_EQ(first.ticket, refused);
    EXPECT_EQ(first.status, WEIR_ERR_REJECTED);
    EXPECT_NE(std::string(error_of(first)->message).find("Extra inputs"), std::string::npos);
    EXPECT_EQ(first.data_length, 0u);
    const std::string creation = answer_next(200, batch("in_progress"));
    const std::size_t id = creation.find("custom_id") + 12;
    answer_next(200, batch("ended"));
    const std::string result = R"({"type":"refused","reason":"policy"})";
    answer_next(200, R"({"custom_id":")" + creation.substr(id, creation.find('"', id) - id) +
                         R"(","result":)" + result + "}\n");
    const weir_event second = next_failure();
    EXPECT_EQ(second.ticket, strange);
    EXPECT_EQ(second.status, WEIR_ERR_BROKEN_RESPONSE);
    EXPECT_EQ(std::string(static_cast<const char*>(second.data), second.data_length), result);
    EXPECT_TRUE((second.flags & WEIR_ERROR_MAYBE_EXECUTED) != 0);
}

// The batch was created by another run, and the key is of another workspace.
TEST_F(BatchLaneTest, ABatchThatIsNotFoundIsToldByNameAndWaitedFor) {
    engine_->submit(builder_);
    engine_->tell_batch_lane(Inbox::Command::Kind::flush, 0);
    answer_next(200, R"({"data":[],"has_more":false})");
    answer_next(200, batch("in_progress"));
    answer_next(404, R"({"type":"error","error":{"type":"not_found_error","message":"no"}})");
    std::string log;
    for (const weir_event& event : events_) {
        EXPECT_NE(event.type, WEIR_EVENT_FAILED);
        if (event.type == WEIR_EVENT_LOG) log += static_cast<const char*>(event.data);
    }
    EXPECT_NE(log.find("(msgbatch_1): account main does not find it"), std::string::npos) << log;
    EXPECT_NE(log.find("another workspace"), std::string::npos) << log;
}

}  // namespace
}  // namespace weir
