/* weir for a program that keeps its own HTTP client, here libcurl's easy interface: a permit before
 * each attempt, a report after it, and the engine says whether to try again. One body a line on
 * standard input, one answer a line on standard output.
 *
 *     ANTHROPIC_API_KEY=... permit_loop BASE_URL [KEY=VALUE...] < bodies.jsonl
 */
#include <curl/curl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <weir/weir.h>

#define WORKERS 64
#define WORKERS_TEXT "64"

struct job {
    char* body;
    char* answer;
    size_t answer_length;
    uint64_t ticket;
    uint32_t attempt; /* its number: with the ticket, the permit's name */
    struct job* next; /* of those that have a permit */
};

static const char* base_url;
static weir_engine* engine;

/* The jobs whose attempts may be made now. */
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t arrived = PTHREAD_COND_INITIALIZER;
static struct job *first, **last = &first;
static int finished;

static void* need(void* memory) {
    if (!memory) abort();
    return memory;
}

/* Ends the program if a call failed; `error` is where the call has put its error, or NULL. */
static void must(int32_t status, weir_error* const* error) {
    if (status >= 0) return;
    fprintf(stderr, "%s\n", error ? weir_error_message(*error) : "a call of weir failed");
    exit(1);
}

/* ---- The client: nothing of it is weir's but the outcome that it fills in ---- */

struct exchange {
    struct job* job;
    weir_outcome* outcome;
    CURL* curl;
};

/* A header line as libcurl gives it; the empty one ends the head. */
static size_t take_header(char* line, size_t one, size_t length, void* user) {
    struct exchange* exchange = user;
    const char* colon = memchr(line, ':', length);
    long status = 0;
    (void)one;
    if (colon)
        weir_outcome_set_header(exchange->outcome, line, (size_t)(colon - line), colon + 1,
                                length - (size_t)(colon + 1 - line), NULL);
    if (length > 2) return length;
    curl_easy_getinfo(exchange->curl, CURLINFO_RESPONSE_CODE, &status);
    if (weir_outcome_set_status(exchange->outcome, (int32_t)status) == WEIR_OK)
        weir_report_head(engine, exchange->job->ticket, exchange->job->attempt, exchange->outcome,
                         NULL);
    else
        weir_outcome_reset(exchange->outcome); /* a 100 Continue: the head is yet to come */
    return length;
}

static size_t take_body(char* bytes, size_t one, size_t length, void* user) {
    struct job* job = ((struct exchange*)user)->job;
    (void)one;
    job->answer = need(realloc(job->answer, job->answer_length + length + 1));
    memcpy(job->answer + job->answer_length, bytes, length);
    job->answer_length += length;
    job->answer[job->answer_length] = 0;
    return length;
}

static uint32_t failure_of(CURLcode code) {
    switch (code) {
        case CURLE_OK:
            return WEIR_FAILURE_NONE;
        case CURLE_COULDNT_RESOLVE_HOST:
        case CURLE_COULDNT_CONNECT:
            return WEIR_FAILURE_CONNECT;
        case CURLE_SSL_CONNECT_ERROR:
        case CURLE_PEER_FAILED_VERIFICATION:
            return WEIR_FAILURE_TLS;
        case CURLE_OPERATION_TIMEDOUT:
            return WEIR_FAILURE_TIMEOUT;
        default:
            return WEIR_FAILURE_BROKEN;
    }
}

static void attempt(CURL* curl, struct curl_slist* headers, struct job* job) {
    struct exchange exchange = {job, NULL, curl};
    weir_error* error = NULL;
    char url[1024];
    must(weir_outcome_new(&exchange.outcome, &error), &error);
    snprintf(url, sizeof url, "%s/v1/messages", base_url);
    job->answer_length = 0;
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(curl, CURLOPT_POSTFIELDS, job->body);
    curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, take_header);
    curl_easy_setopt(curl, CURLOPT_HEADERDATA, &exchange);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_body);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, &exchange);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    must(weir_outcome_set_failure(exchange.outcome, failure_of(curl_easy_perform(curl))), NULL);
    if (job->answer_length > 0)
        must(weir_outcome_set_body(exchange.outcome, job->answer, job->answer_length, &error),
             &error);
    /* WEIR_ERR_NOT_FOUND: the request has ended meanwhile, and its event says how. */
    weir_report(engine, job->ticket, job->attempt, exchange.outcome, NULL);
    weir_outcome_release(exchange.outcome);
}

static void* work(void* headers) {
    CURL* curl = need(curl_easy_init());
    struct job* job;
    for (;;) {
        pthread_mutex_lock(&mutex);
        while (!first && !finished) pthread_cond_wait(&arrived, &mutex);
        job = first;
        if (job && !(first = job->next)) last = &first;
        pthread_mutex_unlock(&mutex);
        if (!job) break;
        attempt(curl, headers, job);
    }
    curl_easy_cleanup(curl);
    return NULL;
}

static void give_to_a_worker(struct job* job, const weir_event* event) {
    pthread_mutex_lock(&mutex);
    job->ticket = event->ticket;
    job->attempt = event->index;
    job->next = NULL;
    *last = job;
    last = &job->next;
    pthread_cond_signal(&arrived);
    pthread_mutex_unlock(&mutex);
}

static void finish_workers(pthread_t* workers) {
    int i;
    pthread_mutex_lock(&mutex);
    finished = 1;
    pthread_cond_broadcast(&arrived);
    pthread_mutex_unlock(&mutex);
    for (i = 0; i < WORKERS; i++) pthread_join(workers[i], NULL);
}

/* ---- weir: when each attempt may be made, and what comes after ---- */

static void open_engine(int setting_count, char** settings) {
    weir_config* config;
    weir_error* error;
    int i;
    must(weir_config_new(&config, &error), &error);
    must(weir_config_set(config, "account.main.key_env", WEIR_NUL, "ANTHROPIC_API_KEY", WEIR_NUL,
                         &error),
         &error);
    /* No permit goes out that finds nobody to use it. */
    must(weir_config_set(config, "concurrency.max", WEIR_NUL, WORKERS_TEXT, WEIR_NUL, &error),
         &error);
    must(weir_config_set(config, "request.deadline_ms", WEIR_NUL, "600000", WEIR_NUL, &error),
         &error);
    for (i = 0; i < setting_count; i++) {
        const char* value = strchr(settings[i], '=');
        if (!value) {
            fprintf(stderr, "%s is not KEY=VALUE\n", settings[i]);
            exit(1);
        }
        must(weir_config_set(config, settings[i], (size_t)(value - settings[i]), value + 1,
                             WEIR_NUL, &error),
             &error);
    }
    must(weir_engine_open(config, &engine, &error), &error);
    weir_config_release(config);
}

/* The body says what an attempt will take; it is not sent by weir. */
static void acquire(weir_request* request, struct job* jobs, size_t number) {
    weir_error* error;
    must(weir_request_set_body(request, jobs[number].body, WEIR_NUL, &error), &error);
    must(weir_request_set_user_data(request, number), NULL);
    must(weir_acquire(engine, request, NULL, &error), &error);
}

static size_t read_jobs(struct job** jobs) {
    size_t count = 0, room = 0;
    char* line = NULL;
    ssize_t length;
    while ((length = getline(&line, &room, stdin)) > 0) {
        if (line[length - 1] == '\n') line[length - 1] = 0;
        *jobs = need(realloc(*jobs, (count + 1) * sizeof **jobs));
        memset(&(*jobs)[count], 0, sizeof **jobs);
        (*jobs)[count++].body = need(strdup(line));
    }
    free(line);
    return count;
}

static size_t run(struct job* jobs, size_t count) {
    size_t outstanding = count, succeeded = 0;
    weir_event event;
    while (outstanding > 0 && weir_poll(engine, &event, sizeof event, 1, -1) >= 0) {
        struct job* job = &jobs[event.user_data];
        if (event.type == WEIR_EVENT_PERMIT) {
            give_to_a_worker(job, &event);
        } else if (event.type == WEIR_EVENT_DONE) {
            printf("%s\n", job->answer);
            succeeded++;
        } else if (event.type == WEIR_EVENT_FAILED) {
            fprintf(stderr, "%s\n", weir_error_message(event.object));
        }
        outstanding -= WEIR_EVENT_IS_TERMINAL(event.type);
        weir_events_release(&event, sizeof event, 1);
    }
    return succeeded;
}

int main(int argc, char** argv) {
    const char* key = getenv("ANTHROPIC_API_KEY");
    struct curl_slist* headers = NULL;
    struct job* jobs = NULL;
    weir_request* request;
    pthread_t workers[WORKERS];
    char key_header[512];
    size_t count, number, succeeded;
    int i;

    if (argc < 2 || !key) {
        fprintf(stderr, "usage: ANTHROPIC_API_KEY=... permit_loop BASE_URL [KEY=VALUE...]\n");
        return 1;
    }
    base_url = argv[1];
    curl_global_init(CURL_GLOBAL_DEFAULT);
    snprintf(key_header, sizeof key_header, "x-api-key: %s", key);
    headers = curl_slist_append(headers, key_header);
    headers = curl_slist_append(headers, "anthropic-version: 2023-06-01");
    headers = need(curl_slist_append(headers, "content-type: application/json"));

    count = read_jobs(&jobs);
    open_engine(argc - 2, argv + 2);
    must(weir_request_new(&request, NULL), NULL);
    for (number = 0; number < count; number++) acquire(request, jobs, number);
    weir_request_release(request);
    for (i = 0; i < WORKERS; i++)
        if (pthread_create(&workers[i], NULL, work, headers)) abort();
    succeeded = run(jobs, count);
    finish_workers(workers);

    weir_engine_release(engine);
    curl_slist_free_all(headers);
    for (number = 0; number < count; number++) {
        free(jobs[number].body);
        free(jobs[number].answer);
    }
    free(jobs);
    return succeeded == count ? 0 : 1;
}
