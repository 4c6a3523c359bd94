#include "console.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define CLEAR_LINE "\r\033[K"

void console_open(struct console* console, int verbosity) {
    const char* terminal = getenv("TERM");
    int dumb = !terminal || strcmp(terminal, "dumb") == 0;
    *console = (struct console){.verbosity = verbosity, .live = isatty(STDERR_FILENO) && !dumb};
}

void console_clear(struct console* console) {
    if (console->drawn) fputs(CLEAR_LINE, stderr);
    console->drawn = 0;
}

void text_make_printable(char* text) {
    for (; *text; text++)
        if ((unsigned char)*text < ' ' || *text == 0x7f) *text = '?';
}

void console_say(struct console* console, const char* format, ...) {
    char line[2048];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    text_make_printable(line);
    console_clear(console);
    fprintf(stderr, "weir: %s\n", line);
}

void console_status(struct console* console, const char* status) {
    if (console->verbosity < 0) return;
    if (console->live) {
        fprintf(stderr, CLEAR_LINE "%s", status);
        console->drawn = 1;
    } else {
        fprintf(stderr, "%s\n", status);
    }
}

size_t console_width(void) {
    struct winsize size;
    return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

/* The next of the static buffers. */
static char* next_buffer(size_t* size) {
    static char buffers[16][32];
    static unsigned next;
    *size = sizeof buffers[0];
    return buffers[next++ % 16];
}

const char* text_count(double number) {
    size_t size;
    char* out = next_buffer(&size);
    char digits[24];
    int length = snprintf(digits, sizeof digits, "%.0f", number < 1e15 ? number : 1e15);
    size_t used = 0;
    for (int i = 0; i < length; i++) {
        out[used++] = digits[i];
        if ((length - i) % 3 == 1 && i + 1 < length && digits[i] != '-') out[used++] = ',';
    }
    out[used] = 0;
    return out;
}

const char* text_of_count(double number, const char* noun) {
    size_t size;
    char* out = next_buffer(&size);
    snprintf(out, size, "%s %s%s", text_count(number), noun, number == 1 ? "" : "s");
    return out;
}

const char* text_duration(double seconds) {
    size_t size;
    char* out = next_buffer(&size);
    long whole = (long)(seconds < 1e9 ? seconds + 0.5 : 1e9);
    if (seconds < 99.95)
        snprintf(out, size, "%.1f s", seconds);
    else if (whole < 3600)
        snprintf(out, size, "%ldm %02lds", whole / 60, whole % 60);
    else
        snprintf(out, size, "%ldh %02ldm", whole / 3600, whole / 60 % 60);
    return out;
}

const char* text_dollars(double dollars) {
    size_t size;
    char* out = next_buffer(&size);
    if (dollars >= 1)
        snprintf(out, size, "$%s.%02d", text_count((double)(long long)dollars),
                 (int)((dollars - (double)(long long)dollars) * 100));
    else
        snprintf(out, size, "$%.4f", dollars);
    return out;
}
