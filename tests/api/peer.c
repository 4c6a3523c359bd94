#include "peer.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "api.h"
#include "peer_reply.h"

#define MAX_CONNECTIONS 512
#define MAX_QUEUED 64
#define MAX_REQUEST (8u << 20)

struct connection {
    int fd; /* -1: free */
    enum { READING, WAITING, WRITING, SILENT } state;
    char* in;
    size_t in_length, in_capacity;
    size_t request_length; /* of the request that is being answered */
    int continued;         /* "100 Continue" was sent */
    struct peer_reply reply;
    long long due_ms;
    struct peer_output out;
    size_t sent;
};

struct peer {
    pthread_t thread;
    int listener;
    int wake;
    char url[64];
    struct connection connections[MAX_CONNECTIONS];

    pthread_mutex_t mutex; /* guards what follows */
    pthread_cond_t changed;
    int stopping;
    int gate_open;
    struct peer_reply queued[MAX_QUEUED];
    int queued_count;
    int requests;
    int open_connections;
    char watched_text[128]; /* "": none */
    int refuse_watched;
    int watched;
    char last[65536];
};

static void drop(struct peer* peer, struct connection* c, int reset) {
    if (reset) {
        const struct linger linger = {1, 0};
        setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
    }
    close(c->fd);
    free(c->in);
    free(c->out.bytes);
    memset(c, 0, sizeof *c);
    c->fd = -1;
    pthread_mutex_lock(&peer->mutex);
    --peer->open_connections;
    pthread_mutex_unlock(&peer->mutex);
}

static void accept_one(struct peer* peer) {
    const int one = 1;
    size_t i;
    const int fd = accept4(peer->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0) return;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    for (i = 0; i < MAX_CONNECTIONS && peer->connections[i].fd >= 0;) ++i;
    DIE_UNLESS(i < MAX_CONNECTIONS);
    memset(&peer->connections[i], 0, sizeof peer->connections[i]);
    peer->connections[i].fd = fd;
    pthread_mutex_lock(&peer->mutex);
    ++peer->open_connections;
    pthread_mutex_unlock(&peer->mutex);
}

/* The length of the whole request at the start of the buffer, or 0 if it is not all there yet. */
static size_t whole_request(struct connection* c) {
    size_t head, body = 0;
    char* end;
    char* line;
    if (c->in == NULL) return 0;
    c->in[c->in_length] = 0;
    end = strstr(c->in, "\r\n\r\n");
    if (end == NULL) return 0;
    head = (size_t)(end - c->in) + 4;
    for (line = strstr(c->in, "\r\n"); line != NULL && line < end;
         line = strstr(line + 2, "\r\n")) {
        if (strncasecmp(line + 2, "content-length:", 15) == 0) body = strtoul(line + 17, NULL, 10);
        if (strncasecmp(line + 2, "transfer-encoding:", 18) == 0)
            check_die("no chunked request", __FILE__, __LINE__);
        if (strncasecmp(line + 2, "expect: 100", 11) == 0 && !c->continued) {
            static const char go_on[] = "HTTP/1.1 100 Continue\r\n\r\n";
            c->continued = send(c->fd, go_on, sizeof go_on - 1, MSG_NOSIGNAL) > 0;
        }
    }
    DIE_UNLESS(head + body <= MAX_REQUEST);
    return c->in_length >= head + body ? head + body : 0;
}

/* Chooses the reply to a request that is now whole. */
static void take_request(struct peer* peer, struct connection* c) {
    const size_t shown =
        c->request_length < sizeof peer->last ? c->request_length : sizeof peer->last - 1;
    pthread_mutex_lock(&peer->mutex);
    ++peer->requests;
    memcpy(peer->last, c->in, shown);
    peer->last[shown] = 0;
    if (peer->queued_count > 0) {
        c->reply = peer->queued[0];
        memmove(&peer->queued[0], &peer->queued[1], sizeof peer->queued[0] * (MAX_QUEUED - 1));
        --peer->queued_count;
    } else {
        c->reply = peer_reply_of_text(c->in, c->request_length);
    }
    if (peer->watched_text[0] != 0 &&
        memmem(c->in, c->request_length, peer->watched_text, strlen(peer->watched_text)) != NULL) {
        ++peer->watched;
        if (peer->refuse_watched) c->reply = (struct peer_reply){PEER_STATUS, 401, 0, NULL};
    }
    pthread_cond_broadcast(&peer->changed);
    pthread_mutex_unlock(&peer->mutex);
    c->due_ms = api_now_ms() + c->reply.delay_ms;
    c->state = c->reply.kind == PEER_HANG ? SILENT : WAITING;
    c->continued = 0;
}

static void read_some(struct peer* peer, struct connection* c) {
    ssize_t n;
    if (c->in_length + 65536 > c->in_capacity) {
        c->in_capacity = c->in_capacity * 2 + 65536 * 2;
        c->in = realloc(c->in, c->in_capacity + 1);
        DIE_UNLESS(c->in != NULL);
    }
    n = recv(c->fd, c->in + c->in_length, 65536, 0);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (n <= 0) {
        drop(peer, c, 0);
        return;
    }
    c->in_length += (size_t)n;
    if (c->state != READING) return;
    c->request_length = whole_request(c);
    if (c->request_length > 0) take_request(peer, c);
}

static void start_reply(struct peer* peer, struct connection* c) {
    if (c->reply.kind == PEER_CLOSE || c->reply.kind == PEER_RESET) {
        drop(peer, c, c->reply.kind == PEER_RESET);
        return;
    }
    peer_write_reply(&c->reply, c->in, c->request_length, &c->out);
    c->sent = 0;
    c->state = WRITING;
}

static void write_some(struct peer* peer, struct connection* c) {
    const ssize_t n = send(c->fd, c->out.bytes + c->sent, c->out.length - c->sent, MSG_NOSIGNAL);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (n < 0) {
        drop(peer, c, 0);
        return;
    }
    c->sent += (size_t)n;
    if (c->sent < c->out.length) return;
    free(c->out.bytes);
    memset(&c->out, 0, sizeof c->out);
    if (c->reply.kind == PEER_TRUNCATE || c->reply.kind == PEER_STREAM_CUT) {
        drop(peer, c, 0);
        return;
    }
    if (c->reply.kind == PEER_STREAM_HANG) {
        c->state = SILENT;
        return;
    }
    memmove(c->in, c->in + c->request_length, c->in_length - c->request_length);
    c->in_length -= c->request_length;
    c->state = READING;
    c->request_length = whole_request(c);
    if (c->request_length > 0) take_request(peer, c);
}

/* Starts the replies that are due; gives the time until the next, or -1. */
static int start_due(struct peer* peer, int gate_open) {
    const long long now = api_now_ms();
    int wait = -1;
    size_t i;
    for (i = 0; i < MAX_CONNECTIONS; ++i) {
        struct connection* c = &peer->connections[i];
        if (c->fd < 0 || c->state != WAITING || !gate_open) continue;
        if (c->due_ms <= now)
            start_reply(peer, c);
        else if (wait < 0 || c->due_ms - now < wait)
            wait = (int)(c->due_ms - now);
    }
    return wait;
}

static void turn(struct peer* peer, int gate_open) {
    static __thread struct pollfd fds[MAX_CONNECTIONS + 2];
    static __thread size_t owner[MAX_CONNECTIONS + 2];
    nfds_t count = 2;
    size_t i;
    const int wait = start_due(peer, gate_open);
    fds[0] = (struct pollfd){peer->wake, POLLIN, 0};
    fds[1] = (struct pollfd){peer->listener, POLLIN, 0};
    for (i = 0; i < MAX_CONNECTIONS; ++i) {
        const struct connection* c = &peer->connections[i];
        if (c->fd < 0) continue;
        owner[count] = i;
        fds[count++] =
            (struct pollfd){c->fd, (short)(c->state == WRITING ? POLLIN | POLLOUT : POLLIN), 0};
    }
    if (poll(fds, count, wait) <= 0) return;
    if (fds[0].revents) {
        uint64_t value;
        DIE_UNLESS(read(peer->wake, &value, sizeof value) == sizeof value);
    }
    if (fds[1].revents) accept_one(peer);
    for (i = 2; i < count; ++i) {
        struct connection* c = &peer->connections[owner[i]];
        if (fds[i].revents & (POLLIN | POLLHUP | POLLERR)) read_some(peer, c);
        if (c->fd >= 0 && c->state == WRITING) write_some(peer, c);
    }
}

static void* run(void* argument) {
    struct peer* peer = argument;
    for (;;) {
        int stopping, gate_open;
        pthread_mutex_lock(&peer->mutex);
        stopping = peer->stopping;
        gate_open = peer->gate_open;
        pthread_mutex_unlock(&peer->mutex);
        if (stopping) return NULL;
        turn(peer, gate_open);
    }
}

static void wake(struct peer* peer) {
    const uint64_t one = 1;
    DIE_UNLESS(write(peer->wake, &one, sizeof one) == sizeof one);
}

struct peer* peer_start(void) {
    struct peer* peer = calloc(1, sizeof *peer);
    struct sockaddr_in address;
    pthread_condattr_t clock;
    socklen_t length = sizeof address;
    size_t i;
    DIE_UNLESS(peer != NULL);
    for (i = 0; i < MAX_CONNECTIONS; ++i) peer->connections[i].fd = -1;
    memset(&address, 0, sizeof address);
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    peer->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    peer->wake = eventfd(0, EFD_CLOEXEC);
    DIE_UNLESS(peer->listener >= 0 && peer->wake >= 0);
    DIE_UNLESS(bind(peer->listener, (struct sockaddr*)&address, sizeof address) == 0);
    DIE_UNLESS(listen(peer->listener, 256) == 0);
    DIE_UNLESS(getsockname(peer->listener, (struct sockaddr*)&address, &length) == 0);
    snprintf(peer->url, sizeof peer->url, "http://127.0.0.1:%d", ntohs(address.sin_port));
    pthread_mutex_init(&peer->mutex, NULL);
    pthread_condattr_init(&clock);
    pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
    pthread_cond_init(&peer->changed, &clock);
    peer->gate_open = 1;
    DIE_UNLESS(pthread_create(&peer->thread, NULL, run, peer) == 0);
    return peer;
}

void peer_stop(struct peer* peer) {
    size_t i;
    pthread_mutex_lock(&peer->mutex);
    peer->stopping = 1;
    pthread_mutex_unlock(&peer->mutex);
    wake(peer);
    pthread_join(peer->thread, NULL);
    for (i = 0; i < MAX_CONNECTIONS; ++i)
        if (peer->connections[i].fd >= 0) drop(peer, &peer->connections[i], 0);
    close(peer->listener);
    close(peer->wake);
    pthread_cond_destroy(&peer->changed);
    pthread_mutex_destroy(&peer->mutex);
    free(peer);
}

const char* peer_url(const struct peer* peer) { return peer->url; }

void peer_next(struct peer* peer, struct peer_reply reply) {
    pthread_mutex_lock(&peer->mutex);
    DIE_UNLESS(peer->queued_count < MAX_QUEUED);
    peer->queued[peer->queued_count++] = reply;
    pthread_mutex_unlock(&peer->mutex);
}

void peer_watch(struct peer* peer, const char* text, int refuse) {
    pthread_mutex_lock(&peer->mutex);
    snprintf(peer->watched_text, sizeof peer->watched_text, "%s", text != NULL ? text : "");
    peer->refuse_watched = refuse;
    peer->watched = 0;
    pthread_mutex_unlock(&peer->mutex);
}

int peer_watched(struct peer* peer) {
    int watched;
    pthread_mutex_lock(&peer->mutex);
    watched = peer->watched;
    pthread_mutex_unlock(&peer->mutex);
    return watched;
}

void peer_gate(struct peer* peer, int open) {
    pthread_mutex_lock(&peer->mutex);
    peer->gate_open = open;
    pthread_mutex_unlock(&peer->mutex);
    wake(peer);
}

int peer_requests(struct peer* peer) {
    int requests;
    pthread_mutex_lock(&peer->mutex);
    requests = peer->requests;
    pthread_mutex_unlock(&peer->mutex);
    return requests;
}

int peer_await_requests(struct peer* peer, int count, long long timeout_ms) {
    const long long until = api_now_ms() + timeout_ms;
    const struct timespec deadline = {until / 1000, until % 1000 * 1000000};
    int enough;
    pthread_mutex_lock(&peer->mutex);
    while (peer->requests < count &&
           pthread_cond_timedwait(&peer->changed, &peer->mutex, &deadline) == 0) {
    }
    enough = peer->requests >= count;
    pthread_mutex_unlock(&peer->mutex);
    return enough;
}

int peer_connections(struct peer* peer) {
    int count;
    pthread_mutex_lock(&peer->mutex);
    count = peer->open_connections;
    pthread_mutex_unlock(&peer->mutex);
    return count;
}

void peer_last_request(struct peer* peer, char* text, size_t size) {
    pthread_mutex_lock(&peer->mutex);
    snprintf(text, size, "%s", peer->last);
    pthread_mutex_unlock(&peer->mutex);
}
