/* C10: loading the library starts nothing: no thread, no descriptor, no lock. Neither do
 * configurations, requests and errors. */

#include "api.h"

static int threads_before, descriptors_before;

static void nothing_started(void) {
    CHECK_EQ(api_thread_count(), threads_before);
    CHECK_EQ(api_descriptor_count(), descriptors_before);
}

static void use_without_an_engine(void) {
    weir_config* config = api_config("thread", "http://127.0.0.1:9");
    weir_config* copy = NULL;
    weir_text* text = NULL;
    weir_request* request = api_request("hello");
    weir_error* error = NULL;
    CHECK_EQ(weir_config_copy(config, &copy, NULL), WEIR_OK);
    CHECK_EQ(weir_config_json(copy, &text, NULL), WEIR_OK);
    CHECK_EQ(weir_error_new(WEIR_ERR_SERVER, "x", 1, &error), WEIR_OK);
    CHECK(weir_version_string()[0] != 0);
    nothing_started();
    weir_text_release(text);
    weir_error_release(error);
    weir_config_release(config);
    weir_config_release(copy);
    weir_request_release(request);
    nothing_started();
}

static void in_child(void* unused) {
    (void)unused;
    threads_before = api_thread_count();
    descriptors_before = api_descriptor_count();
    use_without_an_engine();
}

/* No lock is held, so that a child may use what its parent loaded. */
static void usable_after_fork(void) { CHECK_EQ(check_in_child(in_child, NULL), 0); }

/* What one engine started is gone with it. */
static void engine_leaves_nothing(const char* drive) {
    struct world world;
    int threads, descriptors;
    weir_event event;
    world_open(&world, drive); /* once before, for what a process does once */
    world_close(&world);
    api_await_threads(threads_before);
    threads = api_thread_count();
    descriptors = api_descriptor_count();
    world_open(&world, drive);
    if (drive[0] == 'c') CHECK_EQ(api_thread_count(), threads + 1); /* the peer's */
    api_await(world.engine, api_submit(world.engine, "hello"), &event);
    api_release(&event);
    world_close(&world);
    api_await_threads(threads);
    CHECK_EQ(api_descriptor_count(), descriptors);
}

int main(void) {
    /* A sanitizer starts a thread of its own with the first that anyone starts. */
    peer_stop(peer_start());
    threads_before = api_thread_count();
    descriptors_before = api_descriptor_count();
    api_load();
    api_load();
    RUN(nothing_started);
    RUN(use_without_an_engine);
    RUN(usable_after_fork);
    RUN_DRIVEN(engine_leaves_nothing);
    return check_end();
}
