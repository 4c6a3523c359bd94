/* The bytes of the peer's replies. */
#ifndef WEIR_TESTS_API_PEER_REPLY_H
#define WEIR_TESTS_API_PEER_REPLY_H

#include "peer.h"

struct peer_output {
    char* bytes;
    size_t length;
};

/* What the request's text asks for. The text is NUL-terminated past its length. */
struct peer_reply peer_reply_of_text(const char* request, size_t length);

/* The whole reply, malloc'd. An answer repeats the request's "echo-<number>", if it has one. */
void peer_write_reply(const struct peer_reply* reply, const char* request, size_t length,
                      struct peer_output* output);

#endif
