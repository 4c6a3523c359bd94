/* Requests that name a route: what they are refused for, and what comes with their answer. */
#include <stdio.h>
#include <string.h>

#include "api.h"

static void open_routed(struct world* world, const char* drive) {
    weir_config* config;
    world->drive = drive;
    world->peer = peer_start();
    config = api_config(drive, peer_url(world->peer));
    api_set(config, "route.pick.1.model", "claude-haiku-4-5");
    api_set(config, "route.pick.1.complexity", "low");
    api_set(config, "route.pick.2.model", "claude-sonnet-4-5");
    api_set(config, "route.pick.2.complexity", "medium,high");
    world->engine = api_open(config);
    weir_config_release(config);
}

static void set(weir_request* request, const char* key, const char* value) {
    CHECK_EQ(weir_request_set(request, key, WEIR_NUL, value, WEIR_NUL, NULL), WEIR_OK);
}

static void refused(struct world* world, weir_request* request, const char* said) {
    weir_error* error = NULL;
    uint64_t ticket = 77;
    CHECK_EQ(weir_submit(world->engine, request, &ticket, &error), WEIR_ERR_INVALID_VALUE);
    CHECK_EQ(ticket, 0);
    CHECK_HAS(weir_error_message(error), said);
    weir_error_release(error);
}

static void refusals(const char* drive) {
    struct world world;
    weir_request* request = api_request("hello");
    open_routed(&world, drive);
    set(request, "route", "none");
    refused(&world, request, "there is no route \"none\"; there are pick");
    set(request, "route", "pick");
    refused(&world, request, "no step of pick takes the request");
    set(request, "complexity", "odd");
    refused(&world, request, "complexity odd");
    weir_request_release(request);
    world_close(&world);
}

static void answers(const char* drive) {
    struct world world;
    weir_event event;
    uint64_t ticket = 0;
    weir_request* request = api_request("hello");
    open_routed(&world, drive);
    set(request, "route", "pick");
    set(request, "complexity", "high");
    CHECK_EQ(weir_submit(world.engine, request, &ticket, NULL), WEIR_OK);
    api_await(world.engine, ticket, &event);
    REQUIRE(event.type == WEIR_EVENT_DONE);
    CHECK_STR(weir_response_string(event.object, WEIR_STRING_ROUTE), "pick");
    CHECK_STR(weir_response_string(event.object, WEIR_STRING_ROUTE_REASON), "first choice");
    CHECK_EQ(weir_response_number(event.object, WEIR_NUMBER_ROUTE_STEP), 2);
    api_release(&event);
    /* Taken back, the body's model is used as it is. */
    set(request, "route", "");
    CHECK_EQ(weir_submit(world.engine, request, &ticket, NULL), WEIR_OK);
    weir_request_release(request);
    api_await(world.engine, ticket, &event);
    REQUIRE(event.type == WEIR_EVENT_DONE);
    CHECK_STR(weir_response_string(event.object, WEIR_STRING_ROUTE), "");
    CHECK_STR(weir_response_string(event.object, WEIR_STRING_ROUTE_REASON), "");
    CHECK_EQ(weir_response_number(event.object, WEIR_NUMBER_ROUTE_STEP), -1);
    api_release(&event);
    world_close(&world);
}

int main(void) {
    api_load();
    RUN_DRIVEN(refusals);
    RUN_DRIVEN(answers);
    return check_end();
}
