/* The batch lane at the boundary: what is accepted outlives its engine. The provider is out of
 * reach here; what comes of batches there is tested end to end. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
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

static uint64_t submit(weir_engine* engine, const char* custom_id) {
    uint64_t ticket = 0;
    weir_request* request = api_request("hello");
    CHECK_EQ(weir_request_set(request, "lane", WEIR_NUL, "batch", WEIR_NUL, NULL), WEIR_OK);
    CHECK_EQ(weir_request_set(request, "custom_id", WEIR_NUL, custom_id, WEIR_NUL, NULL), WEIR_OK);
    CHECK_EQ(weir_submit(engine, request, &ticket, NULL), WEIR_OK);
    weir_request_release(request);
    return ticket;
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
    RUN_DRIVEN(what_batches_do_not_take);
    return check_end();
}
