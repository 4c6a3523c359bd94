#include "reader.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define READ_BYTES ((size_t)256 * 1024)

int reader_open(struct reader* reader, const char* path) {
    struct stat status;
    int fd = strcmp(path, "-") == 0 ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    *reader = (struct reader){.fd = fd};
    if (fd < 0 || fstat(fd, &status) != 0) return -1;
    if (S_ISREG(status.st_mode)) {
        reader->regular = 1;
        reader->size = (uint64_t)status.st_size;
    }
    return 0;
}

/* Moves what is left to the front, and makes room for another read. */
static int make_room(struct reader* reader) {
    if (reader->start > 0) {
        memmove(reader->buffer, reader->buffer + reader->start, reader->end - reader->start);
        reader->end -= reader->start;
        reader->scanned -= reader->start;
        reader->start = 0;
    }
    if (reader->capacity - reader->end >= READ_BYTES) return 0;
    size_t capacity = reader->capacity ? reader->capacity * 2 : READ_BYTES * 2;
    char* buffer = realloc(reader->buffer, capacity);
    if (!buffer) return -1;
    reader->buffer = buffer;
    reader->capacity = capacity;
    return 0;
}

int reader_fill(struct reader* reader) {
    if (make_room(reader) != 0) return -1;
    ssize_t count = read(reader->fd, reader->buffer + reader->end, READ_BYTES);
    if (count < 0) return errno == EINTR || errno == EAGAIN ? 0 : -1;
    reader->end += (size_t)count;
    reader->at_end = count == 0;
    return 0;
}

/* Takes the bytes up to `end`, and `newline` more, as one line. */
static enum reader_status take(struct reader* reader, size_t end, size_t newline,
                               enum reader_status status, const char** line, size_t* length) {
    int skipped = reader->skipping;
    *line = reader->buffer + reader->start;
    *length = end - reader->start;
    reader->line_number++;
    reader->consumed += *length + newline;
    reader->start = reader->scanned = end + newline;
    reader->skipping = 0;
    return skipped ? READER_TOO_LONG : status;
}

enum reader_status reader_next(struct reader* reader, const char** line, size_t* length) {
    size_t unseen = reader->end - reader->scanned;
    char* newline = unseen ? memchr(reader->buffer + reader->scanned, '\n', unseen) : NULL;
    if (newline) {
        size_t end = (size_t)(newline - reader->buffer);
        if (end - reader->start > READER_MAX_LINE) reader->skipping = 1;
        return take(reader, end, 1, READER_LINE, line, length);
    }
    reader->scanned = reader->end;
    if (reader->at_end) {
        if (reader->start == reader->end && !reader->skipping) return READER_END;
        return take(reader, reader->end, 0, READER_TORN, line, length);
    }
    if (reader->skipping || reader->end - reader->start > READER_MAX_LINE) {
        reader->skipping = 1;
        reader->consumed += reader->end - reader->start;
        reader->start = reader->end;
    }
    return READER_MORE;
}

int reader_is_blank(const char* line, size_t length) {
    size_t i = 0;
    while (i < length && (line[i] == ' ' || line[i] == '\t' || line[i] == '\r')) i++;
    return i == length;
}

void reader_close(struct reader* reader) {
    if (reader->fd > STDIN_FILENO) close(reader->fd);
    free(reader->buffer);
    *reader = (struct reader){.fd = -1};
}
