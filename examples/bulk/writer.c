#include "writer.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "json.h"

int writer_open(struct writer* writer, int fd) {
    struct stat status;
    *writer = (struct writer){.fd = fd};
    if (fstat(fd, &status) != 0) return -1;
    writer->regular = S_ISREG(status.st_mode);
    return 0;
}

static int append(struct writer* writer, const char* text, size_t length) {
    if (writer->capacity - writer->length < length) {
        size_t capacity = (writer->length + length) * 2;
        char* line = realloc(writer->line, capacity);
        if (!line) return -1;
        writer->line = line;
        writer->capacity = capacity;
    }
    memcpy(writer->line + writer->length, text, length);
    writer->length += length;
    return 0;
}

static int append_text(struct writer* writer, const char* text) {
    return append(writer, text, strlen(text));
}

/* As a string of JSON. */
static int append_string(struct writer* writer, const char* text, size_t length) {
    int status = append_text(writer, "\"");
    for (size_t i = 0; i < length && status == 0; i++) {
        unsigned char c = (unsigned char)text[i];
        char escape[8];
        if (c == '"' || c == '\\')
            snprintf(escape, sizeof escape, "\\%c", c);
        else if (c < 0x20)
            snprintf(escape, sizeof escape, "\\u%04x", c);
        else
            snprintf(escape, sizeof escape, "%c", c);
        status = append_text(writer, escape);
    }
    return status == 0 ? append_text(writer, "\"") : status;
}

static int append_member(struct writer* writer, const char* name, const char* text) {
    if (append_text(writer, name) != 0) return -1;
    return append_string(writer, text, strlen(text));
}

/* JSON as it came; line ends between its tokens become spaces. */
static int append_raw(struct writer* writer, const char* json, size_t length) {
    size_t from = writer->length;
    if (append(writer, json, length) != 0) return -1;
    for (size_t i = from; i < writer->length; i++)
        if (writer->line[i] == '\n' || writer->line[i] == '\r') writer->line[i] = ' ';
    return 0;
}

static int begin_line(struct writer* writer, const struct id* id) {
    static const char start[] = "{\"custom_id\":";
    static const char middle[] = ",\"result\":";
    writer->length = 0;
    if (append(writer, start, sizeof start - 1) != 0) return -1;
    if (append_string(writer, id->text, strlen(id->text)) != 0) return -1;
    return append(writer, middle, sizeof middle - 1);
}

/* Only a full disk, a signal or a pipe cuts a write short: then the rest is written, or what was
 * written of the line is taken back. */
static int end_line(struct writer* writer) {
    size_t done = 0;
    if (append(writer, "}\n", 2) != 0) return -1;
    while (done < writer->length) {
        ssize_t count = write(writer->fd, writer->line + done, writer->length - done);
        if (count >= 0) {
            done += (size_t)count;
        } else if (errno != EINTR) {
            int problem = errno;
            struct stat status;
            if (done > 0 && writer->regular && fstat(writer->fd, &status) == 0 &&
                ftruncate(writer->fd, status.st_size - (off_t)done) != 0)
                problem = errno;
            errno = problem;
            return -1;
        }
    }
    writer->bytes += done;
    return 0;
}

int writer_succeeded(struct writer* writer, const struct id* id, const char* message,
                     size_t length) {
    static const char start[] = "{\"type\":\"succeeded\",\"message\":";
    if (begin_line(writer, id) != 0 || append(writer, start, sizeof start - 1) != 0) return -1;
    if (append_raw(writer, message, length) != 0) return -1;
    return append_text(writer, "}") != 0 ? -1 : end_line(writer);
}

/* An answer that is no JSON is kept as a string; without UTF-8 it is not kept. */
static int append_answer(struct writer* writer, const char* answer, size_t length) {
    static const char name[] = ",\"answer\":";
    int is_json = length > 0 && json_is_valid(answer, length);
    if (length == 0 || (!is_json && !json_is_utf8(answer, length))) return 0;
    if (append(writer, name, sizeof name - 1) != 0) return -1;
    return is_json ? append_raw(writer, answer, length) : append_string(writer, answer, length);
}

int writer_errored(struct writer* writer, const struct id* id, const char* type,
                   const char* message, const char* request_id, const char* answer, size_t length) {
    if (begin_line(writer, id) != 0 ||
        append_member(writer,
                      "{\"type\":\"errored\",\"error\":{\"type\":\"error\",\"error\":{\"type\":",
                      type) != 0 ||
        append_member(writer, ",\"message\":", message) != 0 || append_text(writer, "},") != 0)
        return -1;
    int status = *request_id ? append_member(writer, "\"request_id\":", request_id)
                             : append_text(writer, "\"request_id\":null");
    if (status != 0 || append_text(writer, "}") != 0 || append_answer(writer, answer, length) != 0)
        return -1;
    return append_text(writer, "}") != 0 ? -1 : end_line(writer);
}

int writer_unanswered(struct writer* writer, const struct id* id, const char* type) {
    if (begin_line(writer, id) != 0 || append_member(writer, "{\"type\":", type) != 0) return -1;
    return append_text(writer, "}") != 0 ? -1 : end_line(writer);
}

int writer_sync(struct writer* writer) { return writer->regular ? fdatasync(writer->fd) : 0; }

int writer_close(struct writer* writer) {
    int status = writer->regular ? fsync(writer->fd) : 0;
    int problem = errno;
    if (close(writer->fd) != 0 && status == 0) {
        status = -1;
        problem = errno;
    }
    free(writer->line);
    writer->line = NULL;
    errno = problem;
    return status;
}
