#include "input_line.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

struct cursor {
    const char* at;
    const char* end;
};

static void skip_space(struct cursor* cursor) {
    while (cursor->at < cursor->end && memchr(" \t\r\n", *cursor->at, 4)) cursor->at++;
}

static int take_char(struct cursor* cursor, char wanted) {
    skip_space(cursor);
    if (cursor->at == cursor->end || *cursor->at != wanted) return 0;
    cursor->at++;
    return 1;
}

/* Parses the value at the cursor, and moves the cursor behind it. Integers are read as reals, so
 * that one beyond 64 bits does not make a line bad; what is sent is the text. */
static json_t* take_value(struct cursor* cursor, char* problem, size_t problem_size) {
    json_error_t error;
    size_t flags = JSON_DECODE_ANY | JSON_DISABLE_EOF_CHECK | JSON_DECODE_INT_AS_REAL;
    skip_space(cursor);
    json_t* value = json_loadb(cursor->at, (size_t)(cursor->end - cursor->at), flags, &error);
    if (value)
        cursor->at += error.position;
    else
        snprintf(problem, problem_size, "it is not JSON: %s", error.text);
    return value;
}

static int read_custom_id(const json_t* value, struct input_line* out, char* problem,
                          size_t problem_size) {
    size_t length = json_string_length(value);
    if (!json_is_string(value) || length == 0 || length > CUSTOM_ID_MAX) {
        snprintf(problem, problem_size, "custom_id must be a string of 1 to %d bytes",
                 CUSTOM_ID_MAX);
        return 0;
    }
    memcpy(out->custom_id, json_string_value(value), length + 1);
    return 1;
}

static int read_params(const json_t* value, struct input_line* out, char* problem,
                       size_t problem_size) {
    const char* model = json_string_value(json_object_get(value, "model"));
    if (!json_is_object(value)) {
        snprintf(problem, problem_size, "params must be an object");
        return 0;
    }
    if (json_is_true(json_object_get(value, "stream"))) {
        snprintf(problem, problem_size, "params.stream must not be true: results are whole lines");
        return 0;
    }
    snprintf(out->model, sizeof out->model, "%s", model ? model : "");
    out->max_tokens = json_number_value(json_object_get(value, "max_tokens"));
    return 1;
}

/* One member of the line's object. What is wrong with the params is told only after the whole line
 * was read, so that its custom_id is known wherever it stands. */
static int read_member(struct cursor* cursor, struct input_line* out, char* problem,
                       size_t problem_size, char* bad_params) {
    json_t* key = take_value(cursor, problem, problem_size);
    if (!key) return 0;
    const char* name = json_string_value(key);
    json_t* value = NULL;
    int good = 0;
    if (!name || !take_char(cursor, ':')) {
        snprintf(problem, problem_size, "it is not one JSON object");
    } else {
        skip_space(cursor);
        const char* start = cursor->at;
        value = take_value(cursor, problem, problem_size);
        if (value && strcmp(name, "custom_id") == 0) {
            good = read_custom_id(value, out, problem, problem_size);
        } else if (value && strcmp(name, "params") == 0) {
            good = 1;
            out->params = start;
            out->params_length = (size_t)(cursor->at - start);
            *bad_params = 0;
            read_params(value, out, bad_params, problem_size);
        } else {
            good = value != NULL;
        }
    }
    json_decref(value);
    json_decref(key);
    return good;
}

int input_line_parse(const char* text, size_t length, struct input_line* out, char* problem,
                     size_t problem_size) {
    char bad_params[256] = "";
    struct cursor cursor = {text, text + length};
    *out = (struct input_line){0};
    snprintf(problem, problem_size, "it is not one JSON object");
    if (problem_size > sizeof bad_params) problem_size = sizeof bad_params;
    int good = take_char(&cursor, '{') != 0;
    if (good && !take_char(&cursor, '}')) {
        do good = read_member(&cursor, out, problem, problem_size, bad_params);
        while (good && take_char(&cursor, ','));
        if (good && !take_char(&cursor, '}')) good = 0;
    }
    skip_space(&cursor);
    if (good && cursor.at != cursor.end) good = 0;
    if (!good) {
        out->custom_id[0] = 0;
        return 0;
    }
    if (!out->custom_id[0])
        snprintf(problem, problem_size, "it has no custom_id");
    else if (!out->params)
        snprintf(problem, problem_size, "it has no params");
    else if (bad_params[0])
        snprintf(problem, problem_size, "%s", bad_params);
    else
        return 1;
    return 0;
}
