#include "tally.h"

#include <stdio.h>
#include <string.h>

void tally_failure(struct tally* tally, const char* name) {
    int at = 0;
    tally->errored++;
    while (at < TALLY_MAX_FAILURES - 1 && tally->failures[at].count > 0 &&
           strcmp(tally->failures[at].name, name) != 0)
        at++;
    if (at == TALLY_MAX_FAILURES - 1) name = "other";
    snprintf(tally->failures[at].name, sizeof tally->failures[at].name, "%s", name);
    tally->failures[at].count++;
}

uint64_t tally_finished(const struct tally* tally) {
    return tally->succeeded + tally->errored + tally->canceled + tally->expired;
}
