#include <gtest/gtest.h>
#include <sqlite3.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <string>

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
        config.set("log.level", "error");
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

}  // namespace
}  // namespace weir
