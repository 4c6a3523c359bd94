#include "progress.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define LIVE_PERIOD_S 0.25
#define LINE_PERIOD_S 5.0
#define BAR_CELLS 20

double progress_due_in(const struct progress* progress, const struct console* console, double now) {
    double due_in = progress->shown_at + (console->live ? LIVE_PERIOD_S : LINE_PERIOD_S) - now;
    return due_in > 0 ? due_in : 0;
}

/* Results a second over the last samples. */
static double add_sample(struct progress* progress, double now, uint64_t finished) {
    unsigned newest = progress->sample_count++ % PROGRESS_SAMPLES;
    unsigned oldest =
        progress->sample_count > PROGRESS_SAMPLES ? progress->sample_count % PROGRESS_SAMPLES : 0;
    progress->samples[newest].at = now;
    progress->samples[newest].finished = finished;
    double seconds = now - progress->samples[oldest].at;
    uint64_t count = finished - progress->samples[oldest].finished;
    return seconds > 0 ? (double)count / seconds : 0;
}

void progress_start(struct progress* progress, double now) {
    progress->shown_at = now;
    add_sample(progress, now, 0);
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
    add(text, "[%s] %3.0f %%  ", bar, share * 100);
}

/* The fullest limit of each kind. */
static void add_limits(struct text* text, const struct engine_stats* stats) {
    for (int i = 0; i < stats->limit_count; i++) {
        const struct limit_use* use = &stats->limits[i];
        int fullest = 1;
        for (int j = 0; j < stats->limit_count; j++) {
            const struct limit_use* other = &stats->limits[j];
            if (strcmp(use->kind, other->kind) == 0 &&
                (other->used > use->used || (other->used == use->used && j < i)))
                fullest = 0;
        }
        if (fullest)
            add(text, "  %s %.0f %%%s", use->kind, use->used * 100, use->paused ? " paused" : "");
    }
}

void progress_show(struct progress* progress, struct console* console,
                   const struct progress_view* view) {
    char line[512];
    struct text text = {line, sizeof line};
    uint64_t finished = tally_finished(view->tally);
    double rate = add_sample(progress, view->now, finished);
    double known = (double)(finished + view->outstanding);
    double total = view->input_share > 0 ? known / view->input_share : 0;
    uint64_t failed = finished - view->tally->succeeded;

    progress->shown_at = view->now;
    if (!console->live) add(&text, "weir: %s  ", text_duration(view->now - view->started_at));
    if (total > 0 && console->live) add_bar(&text, (double)finished / total);
    add(&text, "%s done", text_count((double)finished));
    if (total > 0) add(&text, " of %s%s", view->input_share < 1 ? "~" : "", text_count(total));
    if (failed > 0) add(&text, ", %s failed", text_count((double)failed));
    add(&text, "  %.1f/s  %s in flight", rate, text_count((double)view->stats->in_flight));
    add_limits(&text, view->stats);
    if (total > 0 && rate > 0)
        add(&text, "  %s left", text_duration((total - (double)finished) / rate));
    if (view->state[0]) add(&text, "  %s", view->state);
    if (console->live && console_width() < sizeof line) line[console_width() - 1] = 0;
    console_status(console, line);
}
