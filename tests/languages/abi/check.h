/* What every C program of the ABI tests is built from: checks that say what they saw, a list of
 * named cases, endpoints that nobody else uses, and a pair of connected channels.
 *
 * A program is called with the scheme that it shall use: "shm" or "local". */
#ifndef CHECK_H
#define CHECK_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "treenail.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* The deadline of everything that is expected to happen. */
#define SOON 2000
/* A wait that is expected to pass in vain. */
#define BRIEFLY 40
/* No case takes this long; one that hangs is ended by SIGALRM. */
#define CASE_SECONDS 30

static const char *scheme = "shm";
static const char *case_name = "";

__attribute__((noreturn)) static inline void fail(const char *file, int line, const char *what) {
    fprintf(stderr, "%s:%d: %s over %s: %s\n", file, line, case_name, scheme, what);
    _exit(1);
}

static inline void check_status(const char *file, int line, const char *call, tn_status got,
                                tn_status want) {
    char what[1024];
    if (got == want) {
        if (got < 0 && tn_last_error()[0] == '\0') fail(file, line, "a failure without a text");
        return;
    }
    snprintf(what, sizeof what, "%s is %s, not %s (%s)", call, tn_status_name(got),
             tn_status_name(want), tn_last_error());
    fail(file, line, what);
}

#define CHECK(condition)                                            \
    do {                                                            \
        if (!(condition)) fail(__FILE__, __LINE__, "not " #condition); \
    } while (0)
#define STATUS(call, want) check_status(__FILE__, __LINE__, #call, (call), (want))
#define OK(call) STATUS(call, TN_OK)

typedef struct test_case {
    const char *name;
    void (*run)(void);
} test_case;
#define CASE(function) { #function, function }

/* Runs all cases, or the one that the second argument names. */
static inline int run_cases(int argc, char **argv, const test_case *cases, size_t count) {
    if (argc > 1) scheme = argv[1];
    for (size_t i = 0; i < count; i++) {
        if (argc > 2 && strcmp(argv[2], cases[i].name) != 0) continue;
        case_name = cases[i].name;
        alarm(CASE_SECONDS);
        cases[i].run();
        printf("%s over %s\n", case_name, scheme);
        fflush(stdout);
    }
    return 0;
}
#define MAIN(cases)                                                          \
    int main(int argc, char **argv) {                                        \
        return run_cases(argc, argv, cases, sizeof(cases) / sizeof(cases)[0]); \
    }

static inline int over_shm(void) { return strcmp(scheme, "shm") == 0; }

static inline int64_t now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Is the descriptor readable now? Fails on one that isn't open. */
static inline int readable_within(int fd, int timeout_ms) {
    struct pollfd entry = {fd, POLLIN, 0};
    int count = poll(&entry, 1, timeout_ms);
    CHECK(count >= 0 && (entry.revents & POLLNVAL) == 0);
    return count == 1;
}
static inline int readable(int fd) { return readable_within(fd, 0); }

/* Endpoints: "scheme:pid-number", with options added where they are wanted. */
typedef struct endpoint {
    char text[512];
} endpoint;

static inline endpoint with_options(endpoint base, const char *options) {
    if (options[0] == '\0') return base;
    size_t used = strlen(base.text);
    const char *joint = strchr(base.text, '?') ? "&" : "?";
    snprintf(base.text + used, sizeof base.text - used, "%s%s", joint, options);
    return base;
}

static inline endpoint fresh_endpoint(void) {
    static unsigned counter;
    endpoint made;
    snprintf(made.text, sizeof made.text, "%s:%ld-%u", scheme, (long)getpid(), counter++);
    return made;
}

/* A connection within this process: both of its ends, and the listener it came from. */
typedef struct pair {
    tn_listener *listener;
    tn_channel *server;
    tn_channel *client;
} pair;

typedef struct connecting {
    endpoint where;
    tn_channel *channel;
    tn_status status;
} connecting;

static inline void *connect_thread(void *argument) {
    connecting *task = (connecting *)argument;
    task->status = tn_channel_connect(task->where.text, SOON, &task->channel);
    return NULL;
}

/* Nothing was sent: whoever looks lets the handshake go on. */
static inline void look_in_vain(const tn_channel *channel) {
    size_t len = 0;
    STATUS(tn_channel_recv(channel, NULL, 0, TN_NOWAIT, &len), TN_AGAIN);
}

/* Connects from another thread, as early=0 waits for the handshake. Over shared memory both
 * directions go through rings from the first message on. */
static inline pair open_pair_with(const char *server_options, const char *client_options) {
    pair made = {NULL, NULL, NULL};
    endpoint where = fresh_endpoint();
    endpoint waiting = with_options(where, "early=0");
    connecting task = {with_options(waiting, client_options), NULL, TN_INTERNAL};
    pthread_t thread;
    OK(tn_listener_open(with_options(where, server_options).text, &made.listener));
    CHECK(pthread_create(&thread, NULL, connect_thread, &task) == 0);
    OK(tn_listener_accept(made.listener, SOON, &made.server));
    CHECK(pthread_join(thread, NULL) == 0);
    OK(task.status);
    made.client = task.channel;
    look_in_vain(made.server);
    look_in_vain(made.client);
    return made;
}
static inline pair open_pair(void) { return open_pair_with("", ""); }

static inline void free_pair(pair *used) {
    tn_channel_free(used->client);
    tn_channel_free(used->server);
    tn_listener_free(used->listener);
}

static inline void send_text(const tn_channel *channel, const char *text) {
    OK(tn_channel_send(channel, text, strlen(text), SOON));
}

static inline void expect_text(const tn_channel *channel, const char *text) {
    char buffer[256];
    size_t len = 0;
    OK(tn_channel_recv(channel, buffer, sizeof buffer, SOON, &len));
    CHECK(len == strlen(text) && memcmp(buffer, text, len) == 0);
}

/* Bytes that tell where they are. */
static inline unsigned char byte_at(size_t i, unsigned seed) {
    return (unsigned char)(seed + i * 7 + i / 251);
}
static inline void fill(void *data, size_t len, unsigned seed) {
    for (size_t i = 0; i < len; i++) ((unsigned char *)data)[i] = byte_at(i, seed);
}
static inline int filled(const void *data, size_t len, unsigned seed) {
    for (size_t i = 0; i < len; i++)
        if (((const unsigned char *)data)[i] != byte_at(i, seed)) return 0;
    return 1;
}

static inline int aligned_to_16(const void *data) { return (uintptr_t)data % 16 == 0; }

/* Is there nothing to receive, and says the library so? */
static inline void expect_nothing(const tn_channel *channel) {
    size_t len = 0;
    STATUS(tn_channel_recv(channel, NULL, 0, TN_NOWAIT, &len), TN_AGAIN);
}

/* A child that can't outlive a case that hangs. */
static inline pid_t fork_child(void) {
    fflush(NULL);
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) alarm(CASE_SECONDS);
    return child;
}

/* Waits for a child and checks that it ended well. */
static inline void reap(pid_t child) {
    int status = 0;
    CHECK(waitpid(child, &status, 0) == child);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static inline pthread_t start(void *(*body)(void *), void *argument) {
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, body, argument) == 0);
    return thread;
}
static inline void join(pthread_t thread) { CHECK(pthread_join(thread, NULL) == 0); }

#endif
