/* C14: the release functions, weir_wakeup and the predicates leave errno as it was. */
#include <errno.h>
#include <string.h>

#include "api.h"

#define KEEPS(call)            \
    do {                       \
        errno = 4242;          \
        call;                  \
        CHECK_EQ(errno, 4242); \
    } while (0)

static void of_null(void) {
    KEEPS(weir_error_release(NULL));
    KEEPS(weir_text_release(NULL));
    KEEPS(weir_config_release(NULL));
    KEEPS(weir_request_release(NULL));
    KEEPS(weir_permit_release(NULL));
    KEEPS(weir_outcome_release(NULL));
    KEEPS(weir_engine_release(NULL));
    KEEPS(weir_events_release(NULL, sizeof(weir_event), 0));
    KEEPS(weir_wakeup(NULL));
    KEEPS(weir_error_is(NULL, WEIR_ERROR_FATAL));
    KEEPS(weir_error_flags(NULL));
}

static void of_objects(void) {
    weir_error* error = NULL;
    weir_config* config = NULL;
    weir_request* request = api_request("hello");
    weir_text* text = NULL;
    weir_outcome* outcome = NULL;
    CHECK_EQ(weir_outcome_new(&outcome, NULL), WEIR_OK);
    KEEPS(weir_outcome_release(outcome));
    CHECK_EQ(weir_error_new(WEIR_ERR_OVERLOADED, "x", 1, &error), WEIR_OK);
    CHECK_EQ(weir_config_new(&config, NULL), WEIR_OK);
    CHECK_EQ(weir_config_json(config, &text, NULL), WEIR_OK);
    KEEPS(weir_error_is(error, WEIR_ERROR_RETRYABLE));
    KEEPS(weir_error_flags(error));
    KEEPS(weir_error_code(error));
    KEEPS(weir_error_retry_after_ms(error));
    KEEPS(weir_error_release(error));
    KEEPS(weir_text_release(text));
    KEEPS(weir_config_release(config));
    KEEPS(weir_request_release(request));
}

static void of_an_engine(const char* drive) {
    struct world world;
    weir_event event;
    int i;
    world_open(&world, drive);
    for (i = 0; i < 5; ++i) KEEPS(weir_wakeup(world.engine)); /* also when one is pending */
    api_await(world.engine, api_submit(world.engine, "hello"), &event);
    KEEPS(api_release(&event));
    api_await(world.engine, api_submit(world.engine, "reply=400"), &event);
    KEEPS(weir_error_is(event.object, WEIR_ERROR_RETRYABLE));
    KEEPS(api_release(&event));
    api_submit(world.engine, "reply=hang");
    CHECK_GE(weir_poll(world.engine, &event, sizeof event, 1, 20), 0);
    KEEPS(weir_engine_release(world.engine)); /* with traffic */
    peer_stop(world.peer);
}

static void after_close(const char* drive) {
    struct world world;
    world_open(&world, drive);
    api_drain(world.engine);
    KEEPS(weir_wakeup(world.engine));
    KEEPS(weir_engine_release(world.engine));
    peer_stop(world.peer);
}

int main(void) {
    api_load();
    RUN(of_null);
    RUN(of_objects);
    RUN_DRIVEN(of_an_engine);
    RUN_DRIVEN(after_close);
    return check_end();
}
