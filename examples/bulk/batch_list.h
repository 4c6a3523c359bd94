#pragma once

#include <stdint.h>
#include <stdio.h>
#include <weir/weir.h>

/* What the engine says of its batches, at one moment. */

/* What results cost, as far as the engine knows their prices. */
struct batch_cost {
    double dollars, saved_dollars; /* of those that are priced; saved: beside the price online */
    long long priced, unpriced;    /* results */
};

struct batch_row {
    unsigned long long number;
    char id[80];    /* "" while the provider has given none */
    char state[16]; /* collected, intent, sent, acknowledged, cancelling, ended, delivered */
    char account[64];
    char model[80];
    long long requests, unanswered, unacknowledged;
    long long late;                          /* results that are read for what they cost alone */
    double age_s, expires_in_s, asked_s_ago; /* negative: not known, or not in this run */
    long long succeeded, errored, canceled, expired; /* negative until it has ended */
    struct batch_cost cost; /* of the results that were read, in earlier runs too */
    int cancel_sent;
};

struct batch_list {
    struct batch_row* rows;
    size_t count;
    long long collecting; /* requests that are in no batch yet */
    /* Of this run. */
    long long delivered; /* results at the price of batches */
    long long fell_back; /* requests that were answered online, their deadline being near */
    double tokens_in, tokens_out; /* of those results */
    struct batch_cost cost;       /* likewise */
    struct batch_cost auto_cost;  /* of those for which lane = auto chose the batch lane */
    char journal_waits[512];      /* why the journal cannot be written; "": it can */
    char* json;                   /* as the engine gave it */
};

/* Replaces what the list holds. 0: out of memory. */
int batch_list_read(struct batch_list* list, weir_engine* engine);

void batch_list_clear(struct batch_list* list);

/* The provider has given it an id. */
int batch_row_is_created(const struct batch_row* row);

int batch_row_has_ended(const struct batch_row* row);

/* The provider is asked about it, and has not answered in this run. */
int batch_row_is_unasked(const struct batch_row* row);

/* On `out`, after `before`: "$1.20, $1.20 less than online", and the results without a price;
 * nothing for no results. */
void batch_cost_print(FILE* out, const char* before, const struct batch_cost* cost);

/* NULL: there is none of that number or id. */
struct batch_row* batch_list_find(const struct batch_list* list, const char* number_or_id);

/* "2 batches on their way, oldest 4m 10s; 1 ended; 500 requests in none yet": all that is known of
 * them before their end. */
void batch_list_words(const struct batch_list* list, char* out, size_t size);

/* On standard output, as a table or as JSON. 0: it could not be written. */
int batch_list_print(const struct batch_list* list, int as_json);
