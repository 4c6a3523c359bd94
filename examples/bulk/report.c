#include "report.h"

#include <stdio.h>
#include <string.h>

static void print_count(const char* name, uint64_t count, const char* more) {
    if (count > 0) fprintf(stderr, "  %-12s %9s%s\n", name, text_count((double)count), more);
}

static void print_failures(struct tally* tally) {
    for (int i = 0; i < TALLY_MAX_FAILURES && tally->failures[i].count > 0; i++) {
        struct tally_row* row = &tally->failures[i];
        text_make_printable(row->first);
        fprintf(stderr, "    %-30s %9s\n", row->name, text_count((double)row->count));
        if (row->first[0]) fprintf(stderr, "      first: %s\n", row->first);
    }
}

/* That an answer ended by itself is not worth a line. */
static void print_stop_reasons(const struct tally* tally) {
    for (int i = 0; i < TALLY_MAX_FAILURES && tally->stop_reasons[i].count > 0; i++) {
        const struct tally_row* row = &tally->stop_reasons[i];
        if (strcmp(row->name, "end_turn") == 0) continue;
        fprintf(stderr, "    %-30s %9s\n", row->name, text_count((double)row->count));
    }
}

static void print_tokens(const struct tally* tally) {
    fprintf(stderr, "tokens: %s in, %s out", text_count(tally->input_tokens),
            text_count(tally->output_tokens));
    if (tally->cache_read_tokens + tally->cache_write_tokens > 0)
        fprintf(stderr, "; cache: %s read, %s written", text_count(tally->cache_read_tokens),
                text_count(tally->cache_write_tokens));
    fputc('\n', stderr);
}

static void print_batches(const struct batch_list* batches) {
    const struct batch_cost* by_auto = &batches->auto_cost;
    fprintf(stderr, "at half the price, over batches: %s results, %s tokens in, %s out",
            text_count((double)batches->delivered), text_count(batches->tokens_in),
            text_count(batches->tokens_out));
    batch_cost_print(stderr, "; ", &batches->cost);
    fputc('\n', stderr);
    if (by_auto->priced > 0)
        fprintf(stderr, "lane auto has saved %s\n", text_dollars(by_auto->saved_dollars));
}

static const char* ending(enum stop_reason stop) {
    switch (stop) {
        case STOP_NOT:
            return "";
        case STOP_INTERRUPTED:
            return "; interrupted";
        case STOP_KEY_REFUSED:
            return "; stopped, the key was refused";
        case STOP_HOPELESS:
            return "; stopped, nothing can succeed";
        case STOP_UNREACHABLE:
            return "; stopped, the host cannot be reached";
        case STOP_IO:
        case STOP_ENGINE:
            break;
    }
    return "; stopped early";
}

void report_print(struct job* job) {
    struct tally* tally = &job->tally;
    const struct engine_stats* stats = &job->stats;
    uint64_t finished = tally_finished(tally);
    double seconds = job->ended_at - job->started_at;

    fprintf(stderr, "%s results in %s", text_count((double)finished), text_duration(seconds));
    if (seconds >= 1) fprintf(stderr, ", %.1f a second", (double)finished / seconds);
    fprintf(stderr, "%s\n", ending(job->stop));
    print_count("succeeded", tally->succeeded, "");
    print_stop_reasons(tally);
    print_count("errored", tally->errored, "");
    print_failures(tally);
    print_count("canceled", tally->canceled, "");
    print_count("expired", tally->expired, "");
    print_count("skipped", tally->skipped, "  (had succeeded before)");
    print_count("bad lines", tally->bad_lines, "  (see above)");
    if (tally->succeeded > 0) print_tokens(tally);
    if (job->batches.delivered > 0) print_batches(&job->batches);
    if (job->batches.fell_back > 0)
        fprintf(stderr, "answered online, their deadline being near: %s\n",
                text_count((double)job->batches.fell_back));
    if (stats->attempts > 0 || !job->options->lane)
        fprintf(stderr, "attempts: %s, of them %s retries; %s refused with 429\n",
                text_count((double)stats->attempts), text_count((double)stats->retries),
                text_count((double)stats->refused));
    int said = job->options->lane && job->stop == STOP_INTERRUPTED;
    if (job->stop && job->output.regular && !said)
        fprintf(stderr, "what is missing can be had with --resume\n");
}
