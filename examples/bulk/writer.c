#include "writer.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

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

static int append_json(struct writer* writer, json_t* value) {
    char* text = value ? json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY) : NULL;
    int status = text ? append(writer, text, strlen(text)) : -1;
    if (!text) errno = ENOMEM;
    free(text);
    json_decref(value);
    return status;
}

static int begin_line(struct writer* writer, const struct id* id) {
    static const char start[] = "{\"custom_id\":";
    static const char middle[] = ",\"result\":";
    writer->length = 0;
    if (append(writer, start, sizeof start - 1) != 0) return -1;
    if (append_json(writer, json_string(id->text)) != 0) return -1;
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
    size_t from = writer->length;
    if (append(writer, message, length) != 0) return -1;
    for (size_t i = from; i < writer->length; i++)
        if (writer->line[i] == '\n' || writer->line[i] == '\r') writer->line[i] = ' ';
    return append(writer, "}", 1) != 0 ? -1 : end_line(writer);
}

int writer_errored(struct writer* writer, const struct id* id, const char* type,
                   const char* message, const char* request_id, const char* answer, size_t length) {
    json_t* result = json_pack("{s:s, s:{s:s, s:{s:s, s:s}, s:s?}}", "type", "errored", "error",
                               "type", "error", "error", "type", type, "message", message,
                               "request_id", *request_id ? request_id : NULL);
    json_t* kept = length > 0 ? json_loadb(answer, length, JSON_DECODE_ANY, NULL) : NULL;
    if (kept) json_object_set_new(result, "answer", kept);
    if (begin_line(writer, id) != 0) {
        json_decref(result);
        return -1;
    }
    return append_json(writer, result) != 0 ? -1 : end_line(writer);
}

int writer_unanswered(struct writer* writer, const struct id* id, const char* type) {
    if (begin_line(writer, id) != 0) return -1;
    return append_json(writer, json_pack("{s:s}", "type", type)) != 0 ? -1 : end_line(writer);
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
