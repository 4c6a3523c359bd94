#include "input_line.h"

#include <stdio.h>
#include <string.h>

#include "json.h"

static int read_custom_id(struct json_value value, struct input_line* out, char* problem,
                          size_t problem_size) {
    size_t length = json_text(value, out->custom_id, sizeof out->custom_id);
    if (length >= 1 && length <= CUSTOM_ID_MAX && strlen(out->custom_id) == length) return 1;
    snprintf(problem, problem_size, "custom_id must be a string of 1 to %d bytes, without NUL",
             CUSTOM_ID_MAX);
    out->custom_id[0] = 0;
    return 0;
}

static int read_params(struct json_value value, struct input_line* out, char* problem,
                       size_t problem_size) {
    if (!json_is_object(value)) {
        snprintf(problem, problem_size, "params must be an object");
        return 0;
    }
    out->params = value.at;
    out->params_length = value.length;
    out->stream = json_is_true(json_get(value, "stream"));
    json_text(json_get(value, "model"), out->model, sizeof out->model);
    out->max_tokens = json_number(json_get(value, "max_tokens"));
    return 1;
}

int input_line_parse(const char* text, size_t length, struct input_line* out, char* problem,
                     size_t problem_size) {
    struct json_value line = json_parse(text, length);
    struct json_value custom_id = json_get(line, "custom_id"), params = json_get(line, "params");
    *out = (struct input_line){0};
    if (line.length == 0) {
        snprintf(problem, problem_size, "it is not one JSON object");
        return 0;
    }
    if (custom_id.length == 0) {
        snprintf(problem, problem_size, "it has no custom_id");
        return 0;
    }
    if (!read_custom_id(custom_id, out, problem, problem_size)) return 0;
    if (params.length == 0) {
        snprintf(problem, problem_size, "it has no params");
        return 0;
    }
    return read_params(params, out, problem, problem_size);
}
