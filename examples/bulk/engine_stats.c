#include "engine_stats.h"

#include <jansson.h>
#include <string.h>

const char* engine_stats_limit_name(enum stats_limit limit) {
    static const char* const names[STATS_LIMIT_COUNT] = {"requests", "input_tokens",
                                                         "output_tokens"};
    return names[limit];
}

static uint64_t count_of(const json_t* object, const char* name) {
    json_int_t value = json_integer_value(json_object_get(object, name));
    return value > 0 ? (uint64_t)value : 0;
}

static void add_limit(const json_t* row, struct engine_stats* stats) {
    const char* kind = json_string_value(json_object_get(row, "kind"));
    for (int i = 0; kind && i < STATS_LIMIT_COUNT; i++) {
        if (strcmp(kind, engine_stats_limit_name((enum stats_limit)i)) != 0) continue;
        stats->limits[i].per_minute += json_number_value(json_object_get(row, "limit"));
        stats->limits[i].paused |= json_number_value(json_object_get(row, "paused_ms")) > 0;
    }
}

int engine_stats_read(weir_engine* engine, struct engine_stats* stats) {
    weir_text* text;
    size_t length, index;
    json_t* row;
    if (weir_engine_stats(engine, &text, NULL) != WEIR_OK) return 0;
    const char* json = weir_text_data(text, &length);
    json_t* root = json_loadb(json, length, 0, NULL);
    weir_text_release(text);
    if (!root) return 0;

    const json_t* requests = json_object_get(root, "requests");
    *stats = (struct engine_stats){
        .queued = count_of(requests, "queued") + count_of(requests, "backing_off"),
        .in_flight = count_of(requests, "in_flight"),
        .attempts = count_of(requests, "attempts"),
        .retries = count_of(requests, "retries"),
        .refused = count_of(requests, "refused"),
    };
    json_array_foreach(json_object_get(root, "limits"), index, row) add_limit(row, stats);
    json_decref(root);
    return 1;
}
