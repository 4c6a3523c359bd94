#pragma once

#include <weir/weir.h>

#include "json.h"

/* The limits that a configuration has, for the plan. */

enum limit_kind { LIMIT_REQUESTS, LIMIT_INPUT_TOKENS, LIMIT_OUTPUT_TOKENS, LIMIT_KIND_COUNT };

struct class_limits {
    char name[128];
    double per_minute[LIMIT_KIND_COUNT]; /* of all accounts together; 0: not configured */
};

#define CONFIGURED_LIMITS_MAX 64

struct configured_limits {
    struct class_limits classes[CONFIGURED_LIMITS_MAX];
    int class_count;
    weir_text* text; /* that the values are in */
    struct json_value config;
};

void configured_limits_load(struct configured_limits* limits, const weir_config* config);

/* The index of the class that `model` belongs to, or -1. */
int configured_limits_class(const struct configured_limits* limits, const char* model);

void configured_limits_free(struct configured_limits* limits);
