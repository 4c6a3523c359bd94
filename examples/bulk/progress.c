#include "progress.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define LIVE_PERIOD_S 0.25
#define LINE_PERIOD_S 5.0
#define BATCHES_LINE_PERIOD_S 60.0 /* they take up to a day */
#define BAR_CELLS 20
#define WIDE 110u     /* columns, from which on there is room for a bar */
#define SILENCE_S 5.0 /* without a success for so long the line says why */

double progress_due_in(const struct progress* progress, const struct console* console, double now) {
    double due_in =
        progress->shown_at + (console->live ? LIVE_PERIOD_S : progress->line_period_s) - now;
    return due_in > 0 ? due_in : 0;
}

void progress_start(struct progress* progress, int has_batches, double now) {
    *progress = (struct progress){
        .shown_at = now,
        .line_period_s = has_batches ? BATCHES_LINE_PERIOD_S : LINE_PERIOD_S,
        .sample_count = 1,
    };
    progress->samples[0].at = now;
}

/* What a second has brought of late: the newest sample against the oldest. */
static struct progress_sample add_sample(struct progress* progress,
                                         const struct progress_view* view) {
    const struct tally* tally = view->tally;
    struct progress_sample newest = {
        .at = view->now,
        .finished = (double)tally_finished(tally),
        .spent = {(double)(view->stats->attempts - view->stats->refused),
                  tally->input_tokens + tally->cache_write_tokens, tally->output_tokens},
    };
    unsigned count = progress->sample_count++;
    const struct progress_sample* oldest =
        &progress->samples[count < PROGRESS_SAMPLES ? 0 : count % PROGRESS_SAMPLES];
    double seconds = newest.at > oldest->at ? newest.at - oldest->at : 1;
    struct progress_sample rate = {.finished = (newest.finished - oldest->finished) / seconds};
    for (int i = 0; i < STATS_LIMIT_COUNT; i++)
        rate.spent[i] = (newest.spent[i] - oldest->spent[i]) / seconds;
    progress->samples[count % PROGRESS_SAMPLES] = newest;
    return rate;
}

struct text {
    char* at;
    size_t left;
};

__attribute__((format(printf, 2, 3))) static void add(struct text* text, const char* format, ...) {
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(text->at, text->left, format, arguments);
    va_end(arguments);
    size_t used = length > 0 ? (size_t)length : 0;
    if (used >= text->left) used = text->left - 1;
    text->at += used;
    text->left -= used;
}

static void add_bar(struct text* text, double share) {
    char bar[BAR_CELLS + 1];
    for (int i = 0; i < BAR_CELLS; i++) bar[i] = i + 0.5 < share * BAR_CELLS ? '#' : '.';
    bar[BAR_CELLS] = 0;
    add(text, "[%s] %3.0f%%  ", bar, share * 100);
}

/* The pace of each limit's use: over 100 % while what the limit has saved up is spent. */
static void add_paces(struct text* text, const struct engine_stats* stats,
                      const struct progress_sample* rate) {
    static const char* const names[STATS_LIMIT_COUNT] = {"requests", "input", "output"};
    const char* separator = "  pace: ";
    for (int i = 0; i < STATS_LIMIT_COUNT; i++) {
        if (stats->limits[i].per_minute <= 0) continue;
        add(text, "%s%s %.0f%%%s", separator, names[i],
            rate->spent[i] * 60 / stats->limits[i].per_minute * 100,
            stats->limits[i].paused ? " (paused)" : "");
        separator = ", ";
    }
    if (separator[0] == ',') add(text, " of the limit");
}

/* Why nothing succeeds: "  last: 429 rate_limited: ...". */
static void add_last_failure(struct text* text, const struct engine_stats* stats) {
    add(text, "  last: ");
    if (stats->last_failure.http_status > 0) add(text, "%d ", stats->last_failure.http_status);
    add(text, "%s", stats->last_failure.outcome);
    if (stats->last_failure.message[0]) add(text, ": %.60s", stats->last_failure.message);
}

void progress_show(struct progress* progress, struct console* console,
                   const struct progress_view* view) {
    char line[512];
    struct text text = {line, sizeof line};
    struct progress_sample rate = add_sample(progress, view);
    double finished = (double)tally_finished(view->tally);
    double known = finished + (double)view->outstanding;
    double total = view->lines_left >= 0 ? known + view->lines_left : 0;
    double failed = finished - (double)view->tally->succeeded;

    progress->shown_at = view->now;
    if (!console->live) add(&text, "weir: %s  ", text_duration(view->now - view->started_at));
    size_t width = console->live ? console_width() : sizeof line;
    if (total > 0 && console->live && width >= WIDE && !view->batches)
        add_bar(&text, finished / total);
    add(&text, "%s done", text_count(finished));
    if (total > 0) add(&text, " of %s%s", view->lines_left > 0 ? "~" : "", text_count(total));
    if (failed > 0) add(&text, ", %s failed", text_count(failed));
    /* Nobody knows when a batch ends: no rate says when all will be done. */
    if (view->batches) {
        add(&text, "  %s", view->batches);
        if (view->stats->in_flight > 0)
            add(&text, "  %s in flight online", text_count((double)view->stats->in_flight));
    } else {
        add(&text, "  %.1f/s", rate.finished);
        if (total > 0 && rate.finished > 0)
            add(&text, "  %s left", text_duration((total - finished) / rate.finished));
        add(&text, "  %s in flight", text_count((double)view->stats->in_flight));
    }
    if (view->state[0]) add(&text, "  %s", view->state);
    /* What says most comes first; what has no room is left out whole. */
    char more[256] = "";
    struct text rest = {more, sizeof more};
    if (view->now - view->succeeded_at > SILENCE_S && view->stats->last_failure.outcome[0])
        add_last_failure(&rest, view->stats);
    else if (!view->batches)
        add_paces(&rest, view->stats, &rate);
    if (strlen(line) + strlen(more) < width) add(&text, "%s", more);
    if (width < sizeof line) line[width - 1] = 0;
    console_status(console, line);
}
