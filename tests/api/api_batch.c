/* The batch lane at the boundary: what is accepted outlives its engine. The provider is out of
 * reach here; what comes of batches there is tested end to end. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "api.h"

static char journal[64];

static void new_journal(void) {
    snprintf(journal, sizeof journal, "/tmp/weir-api-batch-XXXXXX");
    int fd = mkstemp(journal);
    DIE_UNLESS(fd >= 0);
    close(fd);
    unlink(journal);
}

static void remove_journal(void) {
    char beside[80];
    unlink(journal);
    snprintf(beside, sizeof beside, "%s-wal", journal);
    unlink(beside);
}

static weir_engine* open_with_journal(const char* drive) {
    weir_config* config = api_config(drive, "http://127.0.0.1:9");
    api_set(config, "journal.path", journal);
    weir_engine* engine = api_open(config);
    weir_config_release(config);
    return engine;
}

/* What has another header goes into another batch. */
static uint64_t submit_with(weir_engine* engine, const char* custom_id, const char* header) {
    uint64_t ticket = 0;
    weir_request* request = api_request("hello");
    CHECK_EQ(weir_request_set(request, "lane", WEIR_NUL, "batch", WEIR_NUL, NULL), WEIR_OK);
    CHECK_EQ(weir_request_set(request, "custom_id", WEIR_NUL, custom_id, WEIR_NUL, NULL), WEIR_OK);
    CHECK_EQ(weir_request_set(request, "header.x-test", WEIR_NUL, header, WEIR_NUL, NULL), WEIR_OK);
    CHECK_EQ(weir_submit(engine, request, &ticket, NULL), WEIR_OK);
    weir_request_release(request);
    return ticket;
}

static uint64_t submit(weir_engine* engine, const char* custom_id) {
    return submit_with(engine, custom_id, "");
}

/* Takes events until one of this type (and index, unless that is 0); its ticket. */
static uint64_t await(weir_engine* engine, uint32_t type, uint32_t index, char* data) {
    weir_event event;
    for (;;) {
        DIE_UNLESS(api_next(engine, &event, PATIENCE_MS) == 1);
        int found = event.type == type && (index == 0 || event.index == index);
        uint64_t ticket = event.ticket;
        if (found && data) snprintf(data, 64, "%s", (const char*)event.data);
        api_release(&event);
        if (found) return ticket;
    }
}

static void without_a_journal(const char* drive) {
    struct world world;
    weir_text* text;
    uint64_t ticket = 1;
    weir_error* error;
    world_open(&world, drive);
    CHECK_EQ(weir_batch_flush(world.engine), WEIR_ERR_NOT_FOUND);
    CHECK_EQ(weir_batch_cancel(world.engine, 1), WEIR_ERR_NOT_FOUND);
    CHECK_EQ(weir_batch_acknowledge(world.engine, 1), WEIR_ERR_NOT_FOUND);
    CHECK_EQ(weir_batch_list(world.engine, &text, NULL), WEIR_OK);
    CHECK_HAS(weir_text_data(text, NULL), "\"batches\":[]");
    weir_text_release(text);
    weir_request* request = api_request("hello");
    CHECK_EQ(weir_request_set(request, "lane", WEIR_NUL, "batch", WEIR_NUL, NULL), WEIR_OK);
    CHECK_EQ(weir_submit(world.engine, request, &ticket, &error), WEIR_ERR_BAD_ARGUMENT);
    CHECK_HAS(weir_error_message(error), "journal.path");
    CHECK_EQ(ticket, 0);
    weir_error_release(error);
    weir_request_release(request);
    world_close(&world);
}

static void what_is_accepted_outlives_its_engine(const char* drive) {
    char custom_id[64];
    new_journal();
    weir_engine* engine = open_with_journal(drive);
    await(engine, WEIR_EVENT_ENGINE, WEIR_ENGINE_RECOVERED, NULL);
    uint64_t ticket = submit(engine, "row \"1\"");
    CHECK_EQ(await(engine, WEIR_EVENT_DURABLE, 0, NULL), ticket);
    CHECK_EQ(api_drain(engine), 1); /* its WEIR_ERR_SHUTDOWN */
    weir_engine_release(engine);

    engine = open_with_journal(drive);
    ticket = await(engine, WEIR_EVENT_RECOVERED, 0, custom_id);
    CHECK_STR(custom_id, "row \"1\"");
    await(engine, WEIR_EVENT_ENGINE, WEIR_ENGINE_RECOVERED, NULL);
    CHECK_EQ(weir_batch_flush(engine), WEIR_OK);
    await(engine, WEIR_EVENT_BATCH, 0, NULL);
    CHECK_EQ(weir_cancel(engine, ticket), WEIR_OK);
    weir_event event;
    api_await(engine, ticket, &event);
    CHECK_EQ(event.status, WEIR_ERR_CANCELLED);
    api_release(&event);
    CHECK_EQ(weir_batch_acknowledge(engine, ticket), WEIR_OK);
    CHECK_EQ(api_drain(engine), 0);
    weir_engine_release(engine);

    engine = open_with_journal(drive);
    DIE_UNLESS(api_next(engine, &event, PATIENCE_MS) == 1);
    CHECK_EQ(event.type, WEIR_EVENT_ENGINE); /* nothing was left */
    api_release(&event);
    api_drain(engine);
    weir_engine_release(engine);
    remove_journal();
}

static void one_engine_at_a_time(const char* drive) {
    weir_engine* second;
    weir_error* error;
    new_journal();
    weir_engine* engine = open_with_journal(drive);
    weir_config* config = api_config(drive, "http://127.0.0.1:9");
    api_set(config, "journal.path", journal);
    CHECK_EQ(weir_engine_open(config, &second, &error), WEIR_ERR_IO);
    CHECK(second == NULL);
    CHECK_HAS(weir_error_message(error), journal);
    CHECK_HAS(weir_error_message(error), "in use");
    weir_error_release(error);
    weir_config_release(config);
    api_drain(engine);
    weir_engine_release(engine);
    remove_journal();
}

/* No file of this process grows beyond `bytes` from here on; -1: as far as the system allows. */
static void limit_files(long long bytes) {
    struct rlimit limit;
    DIE_UNLESS(getrlimit(RLIMIT_FSIZE, &limit) == 0);
    limit.rlim_cur = bytes < 0 ? limit.rlim_max : (rlim_t)bytes;
    DIE_UNLESS(setrlimit(RLIMIT_FSIZE, &limit) == 0);
}

static long long wal_bytes(void) {
    char beside[80];
    struct stat status;
    snprintf(beside, sizeof beside, "%s-wal", journal);
    DIE_UNLESS(stat(beside, &status) == 0);
    return (long long)status.st_size;
}

static void await_in_list(weir_engine* engine, const char* words) {
    for (int i = 0; i < 200; i++) {
        weir_event event;
        weir_text* text;
        DIE_UNLESS(weir_batch_list(engine, &text, NULL) == WEIR_OK);
        int found = strstr(weir_text_data(text, NULL), words) != NULL;
        weir_text_release(text);
        if (found) return;
        if (api_next(engine, &event, 100) == 1) {
            CHECK(event.type != WEIR_EVENT_DURABLE && !WEIR_EVENT_IS_TERMINAL(event.type));
            api_release(&event);
        }
    }
    CHECK_NEVER("the list says it");
}

/* What is durable stays so, what is not yet waits, what comes is refused; then it goes on. */
static void a_full_disk(const char* drive) {
    weir_event event;
    struct sigaction ignore = {.sa_handler = SIG_IGN}, before;
    DIE_UNLESS(sigaction(SIGXFSZ, &ignore, &before) == 0);
    new_journal();
    weir_engine* engine = open_with_journal(drive);
    await(engine, WEIR_EVENT_ENGINE, WEIR_ENGINE_RECOVERED, NULL);
    uint64_t first = submit(engine, "first");
    CHECK_EQ(await(engine, WEIR_EVENT_DURABLE, 0, NULL), first);
    limit_files(wal_bytes());
    uint64_t second = submit_with(engine, "second", "another");
    await_in_list(engine, "\"journal_waits\":\"journal.path: the disk of ");
    uint64_t third = submit(engine, "third");
    api_await(engine, third, &event);
    CHECK_EQ(event.type, WEIR_EVENT_FAILED);
    CHECK_EQ(event.status, WEIR_ERR_IO);
    CHECK_HAS(weir_error_message(event.object), journal);
    CHECK_HAS(weir_error_message(event.object), "make room");
    api_release(&event);
    limit_files(-1);
    CHECK_EQ(await(engine, WEIR_EVENT_DURABLE, 0, NULL), second);
    uint64_t fourth = submit(engine, "fourth");
    CHECK_EQ(await(engine, WEIR_EVENT_DURABLE, 0, NULL), fourth);
    /* An engine that is closed while the disk is full does not wait for room. */
    limit_files(wal_bytes());
    uint64_t fifth = submit(engine, "fifth");
    await_in_list(engine, "\"journal_waits\":\"journal.path: the disk of ");
    CHECK_EQ(weir_engine_close(engine), WEIR_OK);
    api_await(engine, fifth, &event);
    CHECK_EQ(event.status, WEIR_ERR_IO);
    CHECK_HAS(weir_error_message(event.object), journal);
    api_release(&event);
    api_drain(engine);
    weir_engine_release(engine);
    limit_files(-1);

    static const char* const durable[] = {"first", "second", "fourth"};
    engine = open_with_journal(drive);
    for (int i = 0; i < 3; i++) {
        char custom_id[64];
        await(engine, WEIR_EVENT_RECOVERED, 0, custom_id);
        CHECK_STR(custom_id, durable[i]);
    }
    DIE_UNLESS(api_next(engine, &event, PATIENCE_MS) == 1);
    CHECK_EQ(event.type, WEIR_EVENT_ENGINE);
    api_release(&event);
    api_drain(engine);
    weir_engine_release(engine);
    remove_journal();
    sigaction(SIGXFSZ, &before, NULL);
}

static void what_batches_do_not_take(const char* drive) {
    uint64_t ticket;
    weir_error* error;
    new_journal();
    weir_engine* engine = open_with_journal(drive);
    weir_request* request = api_stream_request("hello");
    CHECK_EQ(weir_request_set(request, "lane", WEIR_NUL, "batch", WEIR_NUL, NULL), WEIR_OK);
    CHECK_EQ(weir_submit(engine, request, &ticket, &error), WEIR_ERR_BAD_BODY);
    CHECK_HAS(weir_error_message(error), "stream");
    weir_error_release(error);
    static const char* const refused[][2] = {{"\"max_tokens\":0", "max_tokens of 0"},
                                             {"\"max_tokens\":9,\"speed\":\"fast\"", "speed"}};
    for (int i = 0; i < 2; i++) {
        char body[160];
        snprintf(body, sizeof body,
                 "{\"model\":\"m\",%s,\"messages\":[{\"role\":\"user\",\"content\":\"x\"}]}",
                 refused[i][0]);
        CHECK_EQ(weir_request_set_body(request, body, WEIR_NUL, NULL), WEIR_OK);
        CHECK_EQ(weir_submit(engine, request, &ticket, &error), WEIR_ERR_BAD_BODY);
        CHECK_HAS(weir_error_message(error), refused[i][1]);
        weir_error_release(error);
    }
    CHECK_EQ(weir_request_set(request, "lane", WEIR_NUL, "slow", WEIR_NUL, NULL),
             WEIR_ERR_INVALID_VALUE);
    weir_request_release(request);
    api_drain(engine);
    weir_engine_release(engine);
    remove_journal();
}

int main(void) {
    api_load();
    RUN_DRIVEN(without_a_journal);
    RUN_DRIVEN(what_is_accepted_outlives_its_engine);
    RUN_DRIVEN(one_engine_at_a_time);
    RUN_DRIVEN(a_full_disk);
    RUN_DRIVEN(what_batches_do_not_take);
    return check_end();
}
