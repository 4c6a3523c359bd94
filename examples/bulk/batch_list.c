#include "batch_list.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "console.h"
#include "json.h"

static void copy_text(char* to, size_t size, struct json_value row, const char* name) {
    json_text(json_get(row, name), to, size);
    text_make_printable(to);
}

static long long integer(struct json_value row, const char* name) {
    return json_integer(json_get(row, name));
}

static double seconds(struct json_value row, const char* name) {
    return (double)integer(row, name) / 1000;
}

/* Amounts are millionths of a dollar. */
static struct batch_cost cost_of(struct json_value object, const char* prefix) {
    static const char* const names[] = {"cost_micros", "saved_micros", "priced_results",
                                        "unpriced_results"};
    long long values[4];
    for (int i = 0; i < 4; i++) {
        char name[48];
        snprintf(name, sizeof name, "%s%s", prefix, names[i]);
        values[i] = integer(object, name);
    }
    return (struct batch_cost){.dollars = (double)values[0] / 1e6,
                               .saved_dollars = (double)values[1] / 1e6,
                               .priced = values[2],
                               .unpriced = values[3]};
}

static void read_row(struct batch_row* out, struct json_value row) {
    *out = (struct batch_row){
        .number = (unsigned long long)integer(row, "batch"),
        .requests = integer(row, "requests"),
        .unanswered = integer(row, "unanswered"),
        .unacknowledged = integer(row, "unacknowledged"),
        .late = integer(row, "late"),
        .age_s = seconds(row, "age_ms"),
        .expires_in_s = seconds(row, "expires_in_ms"),
        .asked_s_ago = seconds(row, "asked_ms_ago"),
        .succeeded = integer(row, "succeeded"),
        .errored = integer(row, "errored"),
        .canceled = integer(row, "canceled"),
        .expired = integer(row, "expired"),
        .cost = cost_of(row, ""),
        .cancel_sent = json_is_true(json_get(row, "cancel_sent")),
    };
    copy_text(out->id, sizeof out->id, row, "id");
    copy_text(out->state, sizeof out->state, row, "state");
    copy_text(out->account, sizeof out->account, row, "account");
    copy_text(out->model, sizeof out->model, row, "model");
}

int batch_list_read(struct batch_list* list, weir_engine* engine) {
    weir_text* text;
    size_t length, count = 0;
    batch_list_clear(list);
    if (weir_batch_list(engine, &text, NULL) != WEIR_OK) return 0;
    const char* json = weir_text_data(text, &length);
    struct json_value root = json_parse(json, length);
    struct json_value rows = json_get(root, "batches");
    struct json_cursor row = json_begin(rows);
    while (json_next(&row)) count++;
    list->json = strdup(json);
    list->rows = calloc(count + 1, sizeof *list->rows);
    int good = root.length > 0 && list->json && list->rows;
    if (good) {
        list->collecting = integer(root, "collecting");
        list->delivered = integer(root, "delivered");
        list->fell_back = integer(root, "fell_back");
        list->tokens_in = (double)integer(root, "half_price_input_tokens");
        list->tokens_out = (double)integer(root, "half_price_output_tokens");
        list->cost = cost_of(root, "");
        list->auto_cost = cost_of(root, "auto_");
        copy_text(list->journal_waits, sizeof list->journal_waits, root, "journal_waits");
        row = json_begin(rows);
        while (json_next(&row)) read_row(&list->rows[list->count++], row.value);
    }
    weir_text_release(text);
    return good;
}

void batch_list_clear(struct batch_list* list) {
    free(list->rows);
    free(list->json);
    *list = (struct batch_list){0};
}

int batch_row_is_created(const struct batch_row* row) { return row->id[0] != 0; }

int batch_row_has_ended(const struct batch_row* row) {
    return strcmp(row->state, "ended") == 0 || strcmp(row->state, "delivered") == 0;
}

int batch_row_is_unasked(const struct batch_row* row) {
    return batch_row_is_created(row) && !batch_row_has_ended(row) && row->account[0] &&
           row->asked_s_ago < 0;
}

struct batch_row* batch_list_find(const struct batch_list* list, const char* number_or_id) {
    char* end;
    unsigned long long number = strtoull(number_or_id, &end, 10);
    int is_number = end != number_or_id && *end == 0;
    for (size_t i = 0; i < list->count; i++) {
        struct batch_row* row = &list->rows[i];
        if (is_number ? row->number == number : row->id[0] && strcmp(row->id, number_or_id) == 0)
            return row;
    }
    return NULL;
}

void batch_cost_print(FILE* out, const char* before, const struct batch_cost* cost) {
    if (cost->priced + cost->unpriced == 0) return;
    fputs(before, out);
    if (cost->priced > 0)
        fprintf(out, "%s, %s less than online", text_dollars(cost->dollars),
                text_dollars(cost->saved_dollars));
    if (cost->unpriced > 0)
        fprintf(out, "%sthe price of %s results is not known", cost->priced > 0 ? "; " : "",
                text_count((double)cost->unpriced));
}

void batch_list_words(const struct batch_list* list, char* out, size_t size) {
    char age[64] = "", ended_words[48] = "", none_yet[64] = "";
    size_t open = 0, ended = 0;
    double oldest_s = 0;
    for (size_t i = 0; i < list->count; i++) {
        const struct batch_row* row = &list->rows[i];
        if (batch_row_has_ended(row)) {
            ended++;
        } else {
            open++;
            if (row->age_s > oldest_s) oldest_s = row->age_s;
        }
    }
    if (open > 0)
        snprintf(age, sizeof age, "%s %s", open == 1 ? " for" : ", oldest",
                 text_duration(oldest_s));
    if (ended > 0)
        snprintf(ended_words, sizeof ended_words, "; %s ended", text_count((double)ended));
    if (list->collecting > 0)
        snprintf(none_yet, sizeof none_yet, "; %s in none yet",
                 text_of_count((double)list->collecting, "request"));
    if (open != 1)
        snprintf(out, size, "%s batches on their way%s%s%s",
                 open > 0 ? text_count((double)open) : "no", age, ended_words, none_yet);
    else
        snprintf(out, size, "1 batch on its way%s%s%s", age, ended_words, none_yet);
}

/* ---- The table ---- */

static const char* words_of(const struct batch_row* row) {
    if (!row->account[0]) return "account not configured";
    if (batch_row_has_ended(row)) return "ended";
    if (strcmp(row->state, "cancelling") == 0)
        return row->cancel_sent ? "canceling" : "to be canceled";
    if (strcmp(row->state, "acknowledged") == 0) return "in progress";
    if (strcmp(row->state, "collected") == 0) return "to be created";
    return "being looked for"; /* its creation had no answer */
}

static void print_outcome(const struct batch_row* row) {
    static const char* const names[] = {"succeeded", "errored", "canceled", "expired"};
    const long long counts[] = {row->succeeded, row->errored, row->canceled, row->expired};
    const char* separator = "  ";
    if (!batch_row_has_ended(row)) {
        if (batch_row_is_unasked(row)) printf("  (not asked)");
        return;
    }
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        if (counts[i] <= 0) continue;
        printf("%s%s %s", separator, text_count((double)counts[i]), names[i]);
        separator = ", ";
    }
    batch_cost_print(stdout, "; ", &row->cost);
}

int batch_list_print(const struct batch_list* list, int as_json) {
    if (as_json) return puts(list->json) >= 0 && fflush(stdout) == 0;
    if (list->count > 0)
        printf("%-6s %-32s %-16s %10s %12s %10s %10s\n", "batch", "id", "state", "requests",
               "unfetched", "age", "expires in");
    for (size_t i = 0; i < list->count; i++) {
        const struct batch_row* row = &list->rows[i];
        int is_open = row->expires_in_s >= 0 && !batch_row_has_ended(row);
        printf("%-6llu %-32s %-16s %10s %12s %10s %10s", row->number, row->id[0] ? row->id : "-",
               words_of(row), text_count((double)row->requests),
               text_count((double)(row->unanswered + row->unacknowledged)),
               row->age_s < 0 ? "-" : text_duration(row->age_s),
               is_open ? text_duration(row->expires_in_s) : "-");
        print_outcome(row);
        putchar('\n');
    }
    if (list->collecting > 0)
        printf("%s %s in no batch yet\n", text_of_count((double)list->collecting, "request"),
               list->collecting == 1 ? "is" : "are");
    if (list->count == 0 && list->collecting == 0) puts("the journal is empty");
    return fflush(stdout) == 0;
}
