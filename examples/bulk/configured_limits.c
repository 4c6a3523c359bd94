#include "configured_limits.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char* const kind_keys[LIMIT_KIND_COUNT] = {
    "requests_per_minute", "input_tokens_per_minute", "output_tokens_per_minute"};

static struct class_limits* class_named(struct configured_limits* limits, const char* name) {
    for (int i = 0; i < limits->class_count; i++)
        if (strcmp(limits->classes[i].name, name) == 0) return &limits->classes[i];
    if (limits->class_count == CONFIGURED_LIMITS_MAX) return NULL;
    struct class_limits* added = &limits->classes[limits->class_count++];
    *added = (struct class_limits){.name = ""};
    snprintf(added->name, sizeof added->name, "%s", name);
    return added;
}

/* Values are texts in the engine, and may be numbers in its JSON. */
static double number_of(struct json_value value) {
    char text[64];
    if (!json_is_string(value)) return json_number(value);
    json_text(value, text, sizeof text);
    return strtod(text, NULL);
}

/* Makes a class of each name in a `limit` object. */
static void collect_names(struct configured_limits* limits, struct json_value limit) {
    struct json_cursor member = json_begin(limit);
    char name[sizeof limits->classes[0].name];
    while (json_next(&member)) {
        json_text(member.name, name, sizeof name);
        class_named(limits, name);
    }
}

/* Each account has its own limit for a class, or that of the class. */
static double sum_over_accounts(struct json_value config, const char* class_name, const char* key) {
    struct json_value shared = json_get(json_get(config, "limit"), class_name);
    struct json_cursor account = json_begin(json_get(config, "account"));
    double sum = 0;
    while (json_next(&account)) {
        struct json_value own = json_get(json_get(account.value, "limit"), class_name);
        struct json_value value = json_get(own, key);
        sum += number_of(value.length > 0 ? value : json_get(shared, key));
    }
    return sum;
}

void configured_limits_load(struct configured_limits* limits, const weir_config* config) {
    weir_text* text;
    size_t length;
    limits->class_count = 0;
    limits->text = NULL;
    limits->config = json_parse("", 0);
    if (weir_config_json(config, &text, NULL) != WEIR_OK) return;
    const char* json = weir_text_data(text, &length);
    limits->text = text;
    limits->config = json_parse(json, length);
    collect_names(limits, json_get(limits->config, "limit"));
    struct json_cursor account = json_begin(json_get(limits->config, "account"));
    while (json_next(&account)) collect_names(limits, json_get(account.value, "limit"));
    for (int i = 0; i < limits->class_count; i++)
        for (int kind = 0; kind < LIMIT_KIND_COUNT; kind++)
            limits->classes[i].per_minute[kind] =
                sum_over_accounts(limits->config, limits->classes[i].name, kind_keys[kind]);
}

/* How much of `model` the pattern matches: an id, or a prefix with '*' behind it. 0: none. */
static size_t match(const char* pattern, size_t length, const char* model) {
    int prefix = length > 0 && pattern[length - 1] == '*';
    if (prefix) length--;
    if (strncmp(pattern, model, length) != 0) return 0;
    return prefix || !model[length] ? length + 1 : 0;
}

/* The longest match of the class's list of models; without one, its name is a prefix. */
static size_t match_class(const struct configured_limits* limits, const char* name,
                          const char* model) {
    struct json_value models =
        json_get(json_get(json_get(limits->config, "class"), name), "models");
    char text[4096];
    const char* list = text;
    size_t best = 0;
    json_text(models, text, sizeof text);
    if (!json_is_string(models))
        return strncmp(name, model, strlen(name)) == 0 ? strlen(name) + 1 : 0;
    while (*list) {
        size_t length = strcspn(list, ",");
        size_t matched = match(list, length, model);
        if (matched > best) best = matched;
        list += length;
        list += strspn(list, ", ");
    }
    return best;
}

int configured_limits_class(const struct configured_limits* limits, const char* model) {
    int found = -1;
    size_t best = 0;
    for (int i = 0; i < limits->class_count; i++) {
        size_t matched = match_class(limits, limits->classes[i].name, model);
        if (matched > best) {
            best = matched;
            found = i;
        }
    }
    return found;
}

void configured_limits_free(struct configured_limits* limits) { weir_text_release(limits->text); }
