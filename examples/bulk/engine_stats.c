#include "engine_stats.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

static uint64_t count_of(const json_t* object, const char* name) {
    json_int_t value = json_integer_value(json_object_get(object, name));
    return value > 0 ? (uint64_t)value : 0;
}

static void read_limit(const json_t* row, struct engine_stats* stats) {
    const char* model_class = json_string_value(json_object_get(row, "class"));
    const char* kind = json_string_value(json_object_get(row, "kind"));
    double limit = json_number_value(json_object_get(row, "limit"));
    if (!model_class || !kind || limit <= 0 || stats->limit_count == STATS_MAX_LIMITS) return;
    struct limit_use* use = &stats->limits[stats->limit_count++];
    snprintf(use->model_class, sizeof use->model_class, "%s", model_class);
    snprintf(use->kind, sizeof use->kind, "%s", kind);
    use->limit = limit;
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
    json_array_foreach(json_object_get(root, "limits"), index, row) read_limit(row, stats);
    json_decref(root);
    return 1;
}
