#pragma once

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/* JSON as it stands in a text, read with the readers of the library. Nothing is converted that need
 * not be: any number, NUL, and half a surrogate pair are JSON, and pass on byte for byte. */

struct json_value {
    const char* at; /* in the text, which outlives the value */
    size_t length;  /* 0: there is no such value */
};

/* The text as a value, if it is one object of JSON and nothing else; else no value. */
struct json_value json_parse(const char* text, size_t length);

/* Whether the text is one value of JSON, of any kind. */
int json_is_valid(const char* text, size_t length);

int json_is_utf8(const char* text, size_t length);

int json_is_object(struct json_value value);
int json_is_array(struct json_value value);
int json_is_string(struct json_value value);
int json_is_true(struct json_value value);

/* The member of that name, the last of several; no value if there is none, or `object` is no
 * object. */
struct json_value json_get(struct json_value object, const char* name);

/* The text of a string in `size` bytes at most, NUL-terminated; "" for what is no string. Returns
 * the length that all of it has. */
size_t json_text(struct json_value value, char* out, size_t size);

/* Whether the value is that string. */
int json_is(struct json_value value, const char* text);

/* 0 for what is no number. */
double json_number(struct json_value value);
long long json_integer(struct json_value value);

/* Walks over an object's members or an array's elements. */
struct json_cursor {
    struct json_value name; /* a string; no value in an array */
    struct json_value value;
    const char* next;
    const char* end;
};
struct json_cursor json_begin(struct json_value object_or_array);
int json_next(struct json_cursor* cursor); /* 0 at the end */

#ifdef __cplusplus
}
#endif
