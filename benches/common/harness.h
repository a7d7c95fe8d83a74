/* The frame that every contestant of the benchmark runs in.
 *
 * A contestant is two processes, `near` and `far`, pinned to two cores. Both block without using the
 * processor until the driver writes `go MICROSECONDS` to near's standard input; then they run one
 * slice, and near prints `count ns p50 p99`. Floors, ours and the peers share this file, so that no
 * difference in the measuring can be taken for a difference in the measured.
 *
 * Valid C11 and C++17. Everything is static: each contestant is one small program. */
#ifndef BENCH_HARNESS_H
#define BENCH_HARNESS_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1
#endif
#include <errno.h>
#include <inttypes.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define BENCH_INLINE static inline __attribute__((always_inline))
#define BENCH_UNUSED __attribute__((unused))

/* What one slice measured: `count` operations in `ns`, and the latency of single ones. */
typedef struct bench_result {
    uint64_t count, ns, p50, p99;
} bench_result;

/* One way of moving messages. Hooks that are NULL are skipped; they run in the order shown. */
typedef struct bench_contestant {
    const char *name;
    void (*prepare)(void);                        /* before the processes part */
    void (*near_open)(void);                      /* listens, creates */
    void (*far_open)(void);                       /* connects, opens */
    void (*near_opened)(void);                    /* accepts */
    void (*near_slice)(uint64_t ns, bench_result *out);
    void (*far_slice)(uint64_t ns);
    void (*near_close)(void);                     /* removes what would stay behind */
    void (*far_close)(void);                      /* runs before near_close */
    bool unpinned;
    void (*whole)(void);                          /* instead of all this: prints its own findings */
} bench_contestant;

static size_t bench_size = 64;          /* bytes a message; the second argument */
static const char *bench_options = "";  /* the third argument */
static int bench_control = -1;          /* the socket between near and far, for bench_tell and bench_hear */
static pid_t bench_far_pid = 0;         /* in near */

/* ---- small help ---- */

static void bench_die(const char *what) __attribute__((noreturn));

static void bench_die(const char *what)
{
    fprintf(stderr, "bench: %s (%s)\n", what, strerror(errno));
    _exit(1);
}

#define BENCH_CHECK(condition) \
    do { if (__builtin_expect(!(condition), 0)) bench_die(#condition); } while (0)

BENCH_INLINE uint64_t bench_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static BENCH_UNUSED unsigned char *bench_buffer(size_t size)
{
    void *p = NULL;
    BENCH_CHECK(posix_memalign(&p, 4096, size) == 0);
    memset(p, 1, size);
    return (unsigned char *)p;
}

/* A name that no other run uses: of a socket, a queue, a service. Made before the fork. */
static BENCH_UNUSED const char *bench_unique_name(void)
{
    static char name[64];
    if (!name[0])
        snprintf(name, sizeof name, "treenail-bench-%d", (int)getpid());
    return name;
}

/* ---- the payload: a function of its number, checked by whoever receives it ---- */

#define BENCH_STOP UINT64_MAX

BENCH_INLINE void bench_store(unsigned char *p, uint64_t value) { memcpy(p, &value, 8); }

BENCH_INLINE uint64_t bench_load(const unsigned char *p)
{
    uint64_t value;
    memcpy(&value, p, 8);
    return value;
}

/* Three marks, at the ends and in the middle: cheap, and enough to notice a message that is torn,
 * shortened, repeated, out of order or not copied at all. */
BENCH_INLINE void bench_stamp(unsigned char *p, size_t size, uint64_t number)
{
    bench_store(p, number);
    bench_store(p + size / 2, number * 0x9E3779B97F4A7C15u);
    bench_store(p + size - 8, ~number);
}

BENCH_INLINE void bench_verify(const unsigned char *p, size_t size, uint64_t number)
{
    BENCH_CHECK(bench_load(p) == number);
    BENCH_CHECK(bench_load(p + size / 2) == number * 0x9E3779B97F4A7C15u);
    BENCH_CHECK(bench_load(p + size - 8) == ~number);
}

/* The last message of a slice says how many came before it. */
BENCH_INLINE void bench_stamp_stop(unsigned char *p, size_t size, uint64_t count)
{
    bench_stamp(p, size, BENCH_STOP);
    bench_store(p + 8, count);
}

/* ---- single latencies ---- */

#define BENCH_SAMPLES_MAX (1u << 16)
/* Clients that connect to one listener before it is closed: fewer than its queue has places. */
#define BENCH_EARLY_CLIENTS 50

static uint64_t bench_samples[BENCH_SAMPLES_MAX];
static size_t bench_sample_count;

BENCH_INLINE void bench_sample(uint64_t ns)
{
    if (bench_sample_count < BENCH_SAMPLES_MAX)
        bench_samples[bench_sample_count++] = ns;
}

static int bench_compare(const void *a, const void *b)
{
    uint64_t x, y;
    memcpy(&x, a, 8);
    memcpy(&y, b, 8);
    return (x > y) - (x < y);
}

/* Takes the percentiles (nearest rank) of the samples; `per` messages were timed together. */
static BENCH_UNUSED void bench_percentiles(bench_result *out, uint64_t per)
{
    size_t n = bench_sample_count;
    bench_sample_count = 0;
    if (n == 0)
        return;
    qsort(bench_samples, n, sizeof bench_samples[0], bench_compare);
    out->p50 = bench_samples[(n - 1) / 2] / per;
    out->p99 = bench_samples[(n * 99 + 99) / 100 - 1] / per;
}

/* Lets the median sample count, which no interruption moves, instead of all of the slice. A sample is
 * the time of `per` operations. */
static BENCH_UNUSED void bench_median(bench_result *out, uint64_t per)
{
    const size_t samples = bench_sample_count;
    bench_percentiles(out, per);
    out->count = per;
    out->ns = bench_samples[(samples - 1) / 2];
}

/* ---- the two processes ---- */

static BENCH_UNUSED void bench_tell(uint64_t word)
{
    BENCH_CHECK(send(bench_control, &word, sizeof word, MSG_NOSIGNAL) == (ssize_t)sizeof word);
}

/* False when the other side is gone. */
static BENCH_UNUSED bool bench_hear(uint64_t *out)
{
    ssize_t n;
    do
        n = recv(bench_control, out, sizeof *out, 0);
    while (n < 0 && errno == EINTR);
    return n == (ssize_t)sizeof *out;
}

/* Pins to the first (0) or the second (1) of the processors that we may use. */
static void bench_pin(int which)
{
    cpu_set_t allowed, one;
    int cpu, seen = 0;
    BENCH_CHECK(sched_getaffinity(0, sizeof allowed, &allowed) == 0);
    for (cpu = 0; cpu < CPU_SETSIZE; cpu++) {
        if (!CPU_ISSET(cpu, &allowed) || seen++ != which)
            continue;
        CPU_ZERO(&one);
        CPU_SET(cpu, &one);
        BENCH_CHECK(sched_setaffinity(0, sizeof one, &one) == 0);
        return;
    }
    bench_die("the benchmark needs two processors");
}

static void bench_far_died(int signal_number)
{
    (void)signal_number;
    if (waitpid(bench_far_pid, NULL, WNOHANG) == bench_far_pid) {
        static const char text[] = "bench: the far side died\n";
        ssize_t ignored = write(2, text, sizeof text - 1);
        (void)ignored;
        _exit(1);
    }
}

static void bench_far_main(const bench_contestant *c)
{
    uint64_t word;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (!c->unpinned)
        bench_pin(1);
    if (!bench_hear(&word))
        _exit(1);
    if (c->far_open)
        c->far_open();
    bench_tell(0);
    while (bench_hear(&word)) {
        if (c->far_slice)
            c->far_slice(word);
        bench_tell(0);
    }
    if (c->far_close)
        c->far_close();
    exit(0);
}

static void bench_near_main(const bench_contestant *c)
{
    uint64_t microseconds, word;
    signal(SIGCHLD, bench_far_died);
    if (!c->unpinned)
        bench_pin(0);
    if (c->near_open)
        c->near_open();
    bench_tell(0);
    if (c->near_opened)
        c->near_opened();
    BENCH_CHECK(bench_hear(&word));
    printf("ready\n");
    fflush(stdout);
    while (scanf(" go %" SCNu64, &microseconds) == 1) {
        bench_result result = {0, 0, 0, 0};
        bench_tell(microseconds * 1000);
        c->near_slice(microseconds * 1000, &result);
        BENCH_CHECK(bench_hear(&word));
        printf("%" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 "\n", result.count, result.ns,
               result.p50, result.p99);
        fflush(stdout);
    }
    signal(SIGCHLD, SIG_DFL);
    close(bench_control);
    waitpid(bench_far_pid, NULL, 0);
    if (c->near_close)
        c->near_close();
    exit(0);
}

static BENCH_UNUSED int bench_main(int argc, char **argv, const bench_contestant *all, size_t count)
{
    const bench_contestant *c = NULL;
    int pair[2];
    size_t i;
    for (i = 0; argc > 1 && i < count; i++)
        if (strcmp(all[i].name, argv[1]) == 0)
            c = &all[i];
    if (!c) {
        fprintf(stderr, "usage: %s WAY [BYTES [OPTIONS]], where WAY is one of:", argv[0]);
        for (i = 0; i < count; i++)
            fprintf(stderr, " %s", all[i].name);
        fprintf(stderr, "\n");
        return 2;
    }
    if (argc > 2)
        bench_size = (size_t)strtoull(argv[2], NULL, 10);
    if (argc > 3)
        bench_options = argv[3];
    BENCH_CHECK(bench_size >= 32);
    BENCH_CHECK(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == 0);
    bench_unique_name();
    if (c->whole) {
        c->whole();
        return 0;
    }
    if (c->prepare)
        c->prepare();
    bench_far_pid = fork();
    BENCH_CHECK(bench_far_pid >= 0);
    bench_control = pair[bench_far_pid == 0];
    close(pair[bench_far_pid != 0]);
    if (bench_far_pid == 0)
        bench_far_main(c);
    bench_near_main(c);
    return 0;
}

#endif
