/* The batch lane as the header tells it: what it refuses without a journal, and how the requests of
 * one engine come back in the next. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "api.h"

static void without_a_journal(const char* drive) {
    struct world world;
    weir_text* text = NULL;
    weir_request* request = api_request("hello");
    uint64_t ticket = 77;
    weir_error* error = NULL;
    world_open(&world, drive);
    CHECK_EQ(weir_batch_acknowledge(world.engine, 1), WEIR_ERR_NOT_FOUND);
    CHECK(weir_batch_flush(world.engine) <= 0);
    CHECK(weir_batch_cancel(world.engine, 1) <= 0);
    CHECK_EQ(weir_batch_list(world.engine, &text, NULL), WEIR_OK);
    CHECK_HAS(weir_text_data(text, NULL), "\"schema\"");
    weir_text_release(text);
    CHECK_EQ(weir_request_set(request, "lane", WEIR_NUL, "batch", WEIR_NUL, NULL), WEIR_OK);
    CHECK(weir_submit(world.engine, request, &ticket, &error) < 0);
    CHECK_EQ(ticket, 0);
    CHECK_HAS(weir_error_message(error), "journal.path");
    weir_error_release(error);
    CHECK_EQ(api_drain(world.engine), 0);
    weir_request_release(request);
    world_close(&world);
}

static void refusals(const char* drive) {
    struct world world;
    weir_text* text = (weir_text*)&text;
    weir_request* request = api_request("hello");
    world_open(&world, drive);
    CHECK_EQ(weir_batch_acknowledge(NULL, 1), WEIR_ERR_BAD_HANDLE);
    CHECK_EQ(weir_batch_flush(NULL), WEIR_ERR_BAD_HANDLE);
    CHECK_EQ(weir_batch_cancel(NULL, 1), WEIR_ERR_BAD_HANDLE);
    CHECK_EQ(weir_batch_list(NULL, &text, NULL), WEIR_ERR_BAD_HANDLE);
    CHECK(text == NULL);
    CHECK_EQ(weir_batch_list(world.engine, NULL, NULL), WEIR_ERR_BAD_ARGUMENT);
    CHECK_EQ(weir_request_set(request, "lane", WEIR_NUL, "fast", WEIR_NUL, NULL),
             WEIR_ERR_INVALID_VALUE);
    CHECK_EQ(weir_request_set(request, "lane", WEIR_NUL, "online", WEIR_NUL, NULL), WEIR_OK);
    CHECK_EQ(weir_request_set(request, "lane", WEIR_NUL, "", 0, NULL), WEIR_OK);
    weir_request_release(request);
    world_close(&world);
}

static weir_engine* open_on(const char* journal, const char* drive) {
    weir_config* config = api_config(drive, api_silent_url());
    weir_engine* engine;
    api_set(config, "journal.path", journal);
    engine = api_open(config);
    weir_config_release(config);
    return engine;
}

/* Takes events until the engine says that it has told of all earlier requests; gives their number
 * and the ticket of the last. */
static int await_recovery(weir_engine* engine, const char* custom_id, uint64_t* ticket) {
    weir_event event;
    int count = 0, done = 0;
    while (!done) {
        DIE_UNLESS(api_next(engine, &event, PATIENCE_MS) == 1);
        if (event.type == WEIR_EVENT_RECOVERED) {
            ++count;
            *ticket = event.ticket;
            CHECK_NE(event.ticket, 0);
            CHECK_EQ(event.user_data, 0);
            CHECK_STR(event.data, custom_id);
        }
        done = event.type == WEIR_EVENT_ENGINE && event.index == WEIR_ENGINE_RECOVERED;
        api_release(&event);
    }
    return count;
}

static void submit_for_batch(weir_engine* engine, const char* custom_id) {
    weir_request* request = api_request("hello");
    weir_event event;
    uint64_t ticket = 0;
    CHECK_EQ(weir_request_set(request, "lane", WEIR_NUL, "batch", WEIR_NUL, NULL), WEIR_OK);
    CHECK_EQ(weir_request_set(request, "custom_id", WEIR_NUL, custom_id, WEIR_NUL, NULL), WEIR_OK);
    CHECK_EQ(weir_submit(engine, request, &ticket, NULL), WEIR_OK);
    weir_request_release(request);
    do {
        DIE_UNLESS(api_next(engine, &event, PATIENCE_MS) == 1);
        CHECK(!WEIR_EVENT_IS_TERMINAL(event.type));
        if (event.type == WEIR_EVENT_DURABLE) CHECK_EQ(event.ticket, ticket);
        if (event.type == WEIR_EVENT_DURABLE) ticket = 0;
        api_release(&event);
    } while (ticket != 0);
}

/* A request outlives its engine: the end of the first is no answer, and the next one knows it. Once
 * it is cancelled and acknowledged, a third does not. */
static void goes_on_in_the_next_engine(const char* drive) {
    char directory[] = "/tmp/weir-journal-XXXXXX", path[64], command[80];
    weir_engine* engine;
    weir_event event;
    weir_text* list = NULL;
    uint64_t ticket = 0;
    DIE_UNLESS(mkdtemp(directory) != NULL);
    snprintf(path, sizeof path, "%s/journal", directory);
    engine = open_on(path, drive);
    CHECK_EQ(await_recovery(engine, "", &ticket), 0);
    submit_for_batch(engine, "one-and-only");
    CHECK_EQ(weir_batch_acknowledge(engine, 12345), WEIR_OK); /* without effect */
    CHECK_EQ(weir_batch_list(engine, &list, NULL), WEIR_OK);
    CHECK_HAS_NOT(weir_text_data(list, NULL), SECRET);
    weir_text_release(list);
    CHECK_EQ(api_drain(engine), 1);
    weir_engine_release(engine);

    engine = open_on(path, drive);
    CHECK_EQ(await_recovery(engine, "one-and-only", &ticket), 1);
    CHECK_EQ(weir_cancel(engine, ticket), WEIR_OK);
    api_await(engine, ticket, &event);
    CHECK_EQ(event.status, WEIR_ERR_CANCELLED);
    api_release(&event);
    CHECK_EQ(weir_batch_acknowledge(engine, ticket), WEIR_OK);
    CHECK_EQ(api_drain(engine), 0);
    weir_engine_release(engine);

    engine = open_on(path, drive);
    CHECK_EQ(await_recovery(engine, "", &ticket), 0);
    CHECK_EQ(weir_batch_flush(engine), WEIR_OK);
    CHECK_EQ(weir_batch_cancel(engine, 1), WEIR_OK);
    CHECK_EQ(api_drain(engine), 0);
    weir_engine_release(engine);
    snprintf(command, sizeof command, "rm -r %s", directory);
    CHECK_EQ(system(command), 0);
}

int main(void) {
    api_load();
    RUN_DRIVEN(without_a_journal);
    RUN_DRIVEN(refusals);
    RUN_DRIVEN(goes_on_in_the_next_engine);
    return check_end();
}
