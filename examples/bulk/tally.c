#include "tally.h"

#include <stdio.h>
#include <string.h>

static void count(struct tally_row* rows, const char* name, const char* first) {
    int at = 0;
    while (at < TALLY_MAX_FAILURES - 1 && rows[at].count > 0 && strcmp(rows[at].name, name) != 0)
        at++;
    if (at == TALLY_MAX_FAILURES - 1) name = "other";
    snprintf(rows[at].name, sizeof rows[at].name, "%s", name);
    if (rows[at].count++ == 0) snprintf(rows[at].first, sizeof rows[at].first, "%s", first);
}

void tally_failure(struct tally* tally, const char* name, const char* message) {
    tally->errored++;
    count(tally->failures, name, message);
}

void tally_stop_reason(struct tally* tally, const char* name) {
    if (*name) count(tally->stop_reasons, name, "");
}

uint64_t tally_finished(const struct tally* tally) {
    return tally->succeeded + tally->errored + tally->canceled + tally->expired;
}
