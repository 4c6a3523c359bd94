#include "engine_stats.h"

#include "json.h"

const char* engine_stats_limit_name(enum stats_limit limit) {
    static const char* const names[STATS_LIMIT_COUNT] = {"requests", "input_tokens",
                                                         "output_tokens"};
    return names[limit];
}

static uint64_t count_of(struct json_value object, const char* name) {
    long long value = json_integer(json_get(object, name));
    return value > 0 ? (uint64_t)value : 0;
}

static void add_limit(struct json_value row, struct engine_stats* stats) {
    for (int i = 0; i < STATS_LIMIT_COUNT; i++) {
        if (!json_is(json_get(row, "kind"), engine_stats_limit_name((enum stats_limit)i))) continue;
        stats->limits[i].per_minute += json_number(json_get(row, "limit"));
        stats->limits[i].paused |= json_number(json_get(row, "paused_ms")) > 0;
    }
}

int engine_stats_read(weir_engine* engine, struct engine_stats* stats) {
    weir_text* text;
    size_t length;
    if (weir_engine_stats(engine, &text, NULL) != WEIR_OK) return 0;
    const char* json = weir_text_data(text, &length);
    struct json_value root = json_parse(json, length);
    struct json_value requests = json_get(root, "requests");
    *stats = (struct engine_stats){
        .queued = count_of(requests, "queued") + count_of(requests, "backing_off"),
        .in_flight = count_of(requests, "in_flight"),
        .attempts = count_of(requests, "attempts"),
        .retries = count_of(requests, "retries"),
        .refused = count_of(requests, "refused"),
    };
    struct json_value responses = json_get(root, "responses");
    struct json_value failure = json_get(responses, "last_failure");
    stats->heads = count_of(responses, "heads");
    stats->last_failure.http_status = (int)json_integer(json_get(failure, "http_status"));
    json_text(json_get(failure, "outcome"), stats->last_failure.outcome,
              sizeof stats->last_failure.outcome);
    json_text(json_get(failure, "message"), stats->last_failure.message,
              sizeof stats->last_failure.message);
    struct json_cursor limits = json_begin(json_get(root, "limits"));
    while (json_next(&limits)) add_limit(limits.value, stats);
    weir_text_release(text);
    return root.length > 0;
}
