#pragma once

#include <stddef.h>

/* What the program says while it runs, all of it on standard error. On a terminal the status is one
 * line that is drawn again and again; messages go above it. */

struct console {
    int verbosity; /* -1 quiet, 0, 1 verbose */
    int live;      /* standard error is a terminal */
    int drawn;     /* a status stands on the last line */
};

void console_open(struct console* console, int verbosity);

/* A line for people, above the status. Control characters, which may come from the input or from
 * the network, do not reach the terminal. */
__attribute__((format(printf, 2, 3))) void console_say(struct console* console, const char* format,
                                                       ...);

/* Replaces the status (or adds a line, when it is not a terminal). */
void console_status(struct console* console, const char* status);

/* Takes the status away. */
void console_clear(struct console* console);

/* The width of the terminal. */
size_t console_width(void);

/* "12,345". The text lies in one of a few static buffers, enough for one call of printf. */
const char* text_count(double number);

/* "1 request", "12,345 requests"; as text_count. */
const char* text_of_count(double number, const char* noun);

/* "38.2 s", "6m 12s" or "1h 04m"; as text_count. */
const char* text_duration(double seconds);

/* "$1,204.50" (cents are cut off) or "$0.0312"; as text_count. */
const char* text_dollars(double dollars);

/* Replaces control characters. */
void text_make_printable(char* text);
