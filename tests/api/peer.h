/* A small HTTP peer on loopback with a thread of its own, for tests that need answers, and answers
 * that go wrong. It knows as much of the Messages API as the tests ask for. */
#ifndef WEIR_TESTS_API_PEER_H
#define WEIR_TESTS_API_PEER_H

#include <stddef.h>

enum peer_kind {
    PEER_ANSWER,     /* 200 and a message */
    PEER_STREAM,     /* 200 and a whole stream */
    PEER_STATUS,     /* `status` and an error body */
    PEER_HANG,       /* takes the request and says nothing */
    PEER_CLOSE,      /* takes the request and closes */
    PEER_RESET,      /* takes the request and resets the connection */
    PEER_TRUNCATE,   /* closes in the middle of an answer */
    PEER_GARBAGE,    /* 200 and something that is not JSON */
    PEER_STREAM_CUT, /* closes in the middle of a stream */
    PEER_STREAM_HANG /* says nothing more in the middle of a stream */
};

struct peer_reply {
    enum peer_kind kind;
    int status;          /* of PEER_STATUS */
    int delay_ms;        /* between the request and the reply */
    const char* headers; /* more header lines, each with its CRLF; or NULL. Not copied */
};

struct peer;

struct peer* peer_start(void);
void peer_stop(struct peer* peer);

const char* peer_url(const struct peer* peer);

/* What a request gets: the next reply of those queued with peer_next; else what its text says, as
 * in "reply=hang", one of answer, stream, hang, close, reset, truncate, garbage, streamcut,
 * streamhang or a status such as 500; else a message, or a stream if it asked for one. */
void peer_next(struct peer* peer, struct peer_reply reply);

/* Counts the requests that have `text` in their head or body from here on, and refuses them with
 * 401 if that is wanted: the answer then names the key. NULL: none. */
void peer_watch(struct peer* peer, const char* text, int refuse);
int peer_watched(struct peer* peer);

/* While the gate is shut no reply is sent. */
void peer_gate(struct peer* peer, int open);

/* Whole requests seen so far, and waiting until there were as many. */
int peer_requests(struct peer* peer);
int peer_await_requests(struct peer* peer, int count, long long timeout_ms);

/* Connections open now. */
int peer_connections(struct peer* peer);

/* The head and body of the last request, NUL-terminated and cut to `size`. */
void peer_last_request(struct peer* peer, char* text, size_t size);

#endif
