/* Version, features, initialisation. */
#include <stdio.h>
#include <string.h>

#include "api.h"

static void versions(void) {
    const char* text = weir_version_string();
    CHECK_EQ(weir_version_num(), WEIR_VERSION_NUM);
    CHECK_EQ(strncmp(text, "weir/" WEIR_VERSION_STRING, strlen("weir/" WEIR_VERSION_STRING)), 0);
    CHECK_HAS(text, "libcurl/");
    CHECK(text == weir_version_string()); /* static storage */
    CHECK_GE(weir_abi_level(), 1);
    CHECK_EQ(weir_event_size(), sizeof(weir_event));
}

static void header_agrees_with_itself(void) {
    unsigned major = 0, minor = 0, patch = 0;
    CHECK_EQ(sscanf(WEIR_VERSION_STRING, "%u.%u.%u", &major, &minor, &patch), 3);
    CHECK_EQ(major * 10000 + minor * 100 + patch, WEIR_VERSION_NUM);
    CHECK(WEIR_EVENT_IS_TERMINAL(WEIR_EVENT_DONE));
    CHECK(WEIR_EVENT_IS_TERMINAL(WEIR_EVENT_FAILED));
    CHECK(WEIR_EVENT_IS_TERMINAL(0x1F0u)); /* one of a later version */
    CHECK(!WEIR_EVENT_IS_TERMINAL(WEIR_EVENT_STREAM));
    CHECK(!WEIR_EVENT_IS_TERMINAL(WEIR_EVENT_LOG));
    CHECK(!WEIR_EVENT_IS_TERMINAL(WEIR_EVENT_ENGINE));
}

static void features(void) {
    size_t i, count = 0;
    const char* name;
    for (i = 0; (name = weir_feature_at(i)) != NULL; ++i) {
        ++count;
        CHECK(name[0] != 0);
        CHECK_EQ(weir_has_feature(name, WEIR_NUL), 1);
        CHECK_EQ(weir_has_feature(name, strlen(name)), 1);
        CHECK_EQ(weir_has_feature(name, strlen(name) - 1), 0);
        REQUIRE(i < 1000);
    }
    CHECK_GE(count, 1);
    CHECK(weir_feature_at(count) == NULL);
    CHECK(weir_feature_at((size_t)-1) == NULL);
    CHECK_EQ(weir_has_feature("thread_drive", WEIR_NUL), 1);
    CHECK_EQ(weir_has_feature("no such feature", WEIR_NUL), 0);
    CHECK_EQ(weir_has_feature("", WEIR_NUL), 0);
    CHECK_EQ(weir_has_feature(NULL, WEIR_NUL), 0);
}

static void initialisation(void) {
    CHECK_EQ(weir_global_init(), WEIR_OK);
    CHECK_EQ(weir_global_init(), WEIR_OK);
}

int main(void) {
    api_load();
    RUN(versions);
    RUN(header_agrees_with_itself);
    RUN(features);
    RUN(initialisation);
    return check_end();
}
