#include "output_file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "input_line.h"
#include "json.h"
#include "reader.h"

#define CREATE_MODE 0666

/* Locks the file until the process ends, so that two runs never write to one output. (A lock of
 * fcntl would go when the file is opened and closed once more to be read.) */
static int lock(int fd) { return flock(fd, LOCK_EX | LOCK_NB); }

enum line_kind { LINE_SUCCEEDED, LINE_OTHER_RESULT, LINE_NOT_A_RESULT, LINE_NO_MEMORY };

/* What a line of the output is. For a result `*id` is its entry. */
static enum line_kind classify(const char* line, size_t length, struct id_set* ids,
                               struct id** id) {
    struct json_value root = json_parse(line, length);
    struct json_value type = json_get(json_get(root, "result"), "type");
    char custom_id[CUSTOM_ID_MAX + 1];
    size_t id_length = json_text(json_get(root, "custom_id"), custom_id, sizeof custom_id);
    if (id_length == 0 || id_length > CUSTOM_ID_MAX || !json_is_string(type))
        return LINE_NOT_A_RESULT;
    if (!(*id = id_set_entry(ids, custom_id))) return LINE_NO_MEMORY;
    return json_is(type, "succeeded") ? LINE_SUCCEEDED : LINE_OTHER_RESULT;
}

static int stays(const struct output_file* output, enum line_kind kind, const struct id* id) {
    if (id->flags & ID_IN_OUTPUT) return 0;
    if (kind == LINE_SUCCEEDED) return 1;
    return output->mode == OUTPUT_COLLECT && !(id->flags & ID_IN_JOURNAL);
}

/* Takes the marks of the output back. */
static void unmark(struct id* id) { id->flags &= (unsigned char)~ID_IN_OUTPUT; }

typedef int (*line_function)(void* user, const char* line, size_t length);

/* Calls `function` for each result that stays: the first such of each custom_id. Gives the
 * length of the file up to its last newline in `*whole_length`. */
static enum output_status scan(struct output_file* output, const char* path, struct id_set* ids,
                               line_function function, void* user, uint64_t* whole_length) {
    struct reader reader;
    enum output_status status = OUTPUT_OPEN;
    enum reader_status next = READER_MORE;
    const char* line;
    size_t length;
    if (reader_open(&reader, path) != 0) return OUTPUT_IO;
    while (status == OUTPUT_OPEN && next != READER_END && next != READER_TORN) {
        struct id* id = NULL;
        *whole_length = reader.consumed;
        next = reader_next(&reader, &line, &length);
        if (next == READER_MORE) {
            if (reader_fill(&reader) != 0) status = OUTPUT_IO;
        } else if (next == READER_LINE || next == READER_TOO_LONG) {
            enum line_kind kind = LINE_NOT_A_RESULT;
            if (next == READER_LINE) kind = classify(line, length, ids, &id);
            if (kind == LINE_NOT_A_RESULT) {
                output->bad_line = reader.line_number;
                status = OUTPUT_NOT_OURS;
            } else if (kind == LINE_NO_MEMORY) {
                errno = ENOMEM;
                status = OUTPUT_IO;
            } else if (!stays(output, kind, id)) {
                output->removed++;
            } else {
                output->kept++;
                id->flags |= ID_IN_OUTPUT;
                if (function && function(user, line, length) != 0) status = OUTPUT_IO;
            }
        }
    }
    int problem = errno;
    reader_close(&reader);
    errno = problem;
    return status;
}

static int copy_line(void* user, const char* line, size_t length) {
    FILE* to = user;
    return fwrite(line, 1, length, to) == length && putc('\n', to) != EOF ? 0 : -1;
}

/* Writes the results that stay to a new file beside the output, and puts it in its place. */
static enum output_status rewrite(struct output_file* output, const char* path,
                                  struct id_set* ids) {
    char beside[PATH_MAX];
    uint64_t whole_length;
    if (snprintf(beside, sizeof beside, "%s.resuming", path) >= (int)sizeof beside) {
        errno = ENAMETOOLONG;
        return OUTPUT_IO;
    }
    int fd = open(beside, O_RDWR | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, CREATE_MODE);
    if (fd < 0 || lock(fd) != 0) return OUTPUT_IO;
    int copy = dup(fd);
    FILE* to = copy < 0 ? NULL : fdopen(copy, "a");
    if (!to) return OUTPUT_IO;
    *output =
        (struct output_file){.fd = output->fd, .mode = output->mode, .repaired = output->repaired};
    id_set_each(ids, unmark);
    enum output_status status = scan(output, path, ids, copy_line, to, &whole_length);
    if (status == OUTPUT_OPEN && (fflush(to) != 0 || fsync(fd) != 0)) status = OUTPUT_IO;
    int problem = errno;
    fclose(to);
    errno = problem;
    if (status == OUTPUT_OPEN && rename(beside, path) != 0) status = OUTPUT_IO;
    close(output->fd);
    output->fd = fd;
    return status;
}

static enum output_status resume_file(struct output_file* output, const char* path,
                                      const struct stat* status, struct id_set* ids) {
    uint64_t whole_length = 0;
    enum output_status result = scan(output, path, ids, NULL, NULL, &whole_length);
    if (result != OUTPUT_OPEN) return result;
    output->repaired = whole_length < (uint64_t)status->st_size;
    if (output->removed > 0) return rewrite(output, path, ids);
    if (output->repaired && ftruncate(output->fd, (off_t)whole_length) != 0) return OUTPUT_IO;
    return OUTPUT_OPEN;
}

enum output_status output_file_open(struct output_file* output, const char* path,
                                    enum output_mode mode, struct id_set* ids) {
    struct stat status;
    *output = (struct output_file){.fd = STDOUT_FILENO, .mode = mode};
    if (strcmp(path, "-") == 0) return OUTPUT_OPEN;
    output->fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, CREATE_MODE);
    if (output->fd < 0 || fstat(output->fd, &status) != 0) return OUTPUT_IO;
    if (!S_ISREG(status.st_mode)) return OUTPUT_OPEN;
    if (lock(output->fd) != 0) return errno == EWOULDBLOCK ? OUTPUT_IN_USE : OUTPUT_IO;
    if (fstat(output->fd, &status) != 0) return OUTPUT_IO;
    if (status.st_size == 0) return OUTPUT_OPEN;
    if (mode == OUTPUT_NEW) return OUTPUT_HAS_CONTENT;
    return resume_file(output, path, &status, ids);
}

enum output_status output_file_read(struct output_file* output, const char* path,
                                    struct id_set* ids) {
    uint64_t whole_length;
    *output = (struct output_file){.fd = -1, .mode = OUTPUT_RESUME};
    enum output_status status = scan(output, path, ids, NULL, NULL, &whole_length);
    return status == OUTPUT_IO && errno == ENOENT ? OUTPUT_OPEN : status;
}

void output_file_explain(const struct output_file* output, enum output_status status,
                         const char* path, struct console* console) {
    switch (status) {
        case OUTPUT_OPEN:
            break;
        case OUTPUT_HAS_CONTENT:
            console_say(console, "%s has results in it: go on with --resume, or name another file",
                        path);
            break;
        case OUTPUT_IN_USE:
            console_say(console, "%s is in use by another run", path);
            break;
        case OUTPUT_NOT_OURS:
            console_say(console, "%s, line %llu, is not a result: is this the right file?", path,
                        output->bad_line);
            break;
        case OUTPUT_IO:
            console_say(console, "cannot use %s: %s", path, strerror(errno));
    }
}
