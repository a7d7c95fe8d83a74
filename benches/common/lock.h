/* What every lock of the benchmark goes through: one process takes it and gives it back, two contend
 * for it, and its owner is killed.
 *
 *     PROGRAM WAY 64 LOCK      WAY is alone, contended, killed or fate
 *
 * A semaphore that holds one unit is a lock too. Whatever is locked guards a counter, and the counter
 * must be right in the end. */
#ifndef BENCH_LOCK_H
#define BENCH_LOCK_H

#include "kill.h"

#include <poll.h>

/* A lock; the first four hooks may be NULL. */
typedef struct bench_lock {
    const char *name;
    void (*prepare)(void); /* before the processes part */
    void (*create)(void);  /* in the process that makes it */
    void (*open)(void);    /* in every other */
    void (*remove)(void);
    bool (*lock)(void); /* true: it says that an owner died */
    void (*unlock)(void);
    void (*alone)(uint64_t ns, bench_result *out);
    void (*contended_near)(uint64_t ns, bench_result *out);
    void (*contended_far)(uint64_t ns);
} bench_lock;

/* Makes NAME_as_lock out of NAME_lock and NAME_unlock, which become part of its loops. */
#define BENCH_LOCK(NAME, TEXT, PREPARE, CREATE, OPEN, REMOVE)                                  \
    static void NAME##_alone(uint64_t ns, bench_result *out)                                   \
    { lock_alone(NAME##_lock, NAME##_unlock, ns, out); }                                       \
    static void NAME##_contended_near(uint64_t ns, bench_result *out)                          \
    { lock_contended_near(NAME##_lock, NAME##_unlock, ns, out); }                              \
    static void NAME##_contended_far(uint64_t ns)                                              \
    { (void)ns; lock_contended_far(NAME##_lock, NAME##_unlock); }                              \
    static const bench_lock NAME##_as_lock = {                                                 \
        TEXT, PREPARE, CREATE, OPEN, REMOVE, NAME##_lock, NAME##_unlock,                       \
        NAME##_alone, NAME##_contended_near, NAME##_contended_far};

static const bench_lock *lock_chosen;

/* What near and far share besides the lock. */
typedef struct lock_page {
    __attribute__((aligned(64))) uint64_t counter; /* guarded by the lock */
    __attribute__((aligned(64))) uint32_t far_runs;
    __attribute__((aligned(64))) uint32_t stop;
} lock_page;

static lock_page *lock_shared;
static uint64_t lock_mine; /* how often this process has counted */

static void lock_prepare(void)
{
    void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    BENCH_CHECK(page != MAP_FAILED);
    lock_shared = (lock_page *)page;
    if (lock_chosen->prepare)
        lock_chosen->prepare();
}

#define LOCK_GROUP 256 /* how often it is taken between two looks at the clock */

BENCH_INLINE void lock_group(bool (*lock)(void), void (*unlock)(void))
{
    for (int i = 0; i < LOCK_GROUP; i++) {
        BENCH_CHECK(!lock());
        lock_shared->counter++;
        unlock();
    }
    lock_mine += LOCK_GROUP;
}

/* ---- by one process ---- */

BENCH_INLINE void lock_alone(bool (*lock)(void), void (*unlock)(void), uint64_t ns,
                             bench_result *out)
{
    uint64_t before = bench_now(), now;
    const uint64_t end = before + ns;
    do {
        lock_group(lock, unlock);
        now = bench_now();
        bench_sample(now - before);
        before = now;
    } while (now < end);
    BENCH_CHECK(lock_shared->counter == lock_mine);
    bench_median(out, LOCK_GROUP);
}

/* ---- by two: how far the counter gets in a millisecond, whoever counts ---- */

#define LOCK_WINDOW_NS 1000000
#define LOCK_SCALE 1000 /* samples are of so many times, so that they have enough digits */

static uint64_t lock_counter(void)
{
    return __atomic_load_n(&lock_shared->counter, __ATOMIC_RELAXED);
}

BENCH_INLINE void lock_contended_near(bool (*lock)(void), void (*unlock)(void), uint64_t ns,
                                      bench_result *out)
{
    uint64_t before, now, end, first, last, others;
    while (!__atomic_load_n(&lock_shared->far_runs, __ATOMIC_ACQUIRE)) {
    }
    now = bench_now();
    end = now + ns;
    last = lock_counter();
    do {
        before = now;
        first = last;
        do {
            lock_group(lock, unlock);
            now = bench_now();
        } while (now < before + LOCK_WINDOW_NS);
        last = lock_counter();
        bench_sample((now - before) * LOCK_SCALE / (last - first));
    } while (now < end);
    bench_median(out, LOCK_SCALE);
    __atomic_store_n(&lock_shared->stop, 1, __ATOMIC_RELEASE);
    BENCH_CHECK(bench_hear(&others));
    BENCH_CHECK(lock_shared->counter == lock_mine + others);
}

BENCH_INLINE void lock_contended_far(bool (*lock)(void), void (*unlock)(void))
{
    __atomic_store_n(&lock_shared->far_runs, 1, __ATOMIC_RELEASE);
    while (!__atomic_load_n(&lock_shared->stop, __ATOMIC_ACQUIRE))
        lock_group(lock, unlock);
    lock_shared->far_runs = lock_shared->stop = 0; /* near looks again in the next slice */
    bench_tell(lock_mine);
}

/* ---- kill -9 of the owner until the one who waits has the lock ---- */

static int lock_held[2], lock_free[2]; /* pipes: the victim has it; nobody has it */

static void lock_say(const int *ends)
{
    const char byte = 1;
    BENCH_CHECK(write(ends[1], &byte, 1) == 1);
}

static void lock_await(const int *ends)
{
    char byte;
    BENCH_CHECK(read(ends[0], &byte, 1) == 1);
}

static void killed_prepare(void)
{
    lock_prepare();
    kill_prepare();
    BENCH_CHECK(pipe(lock_held) == 0 && pipe(lock_free) == 0);
    lock_say(lock_free);
}

/* Else the next victim could get ahead of near, which is still waking up. */
static void killed_before_fork(void) { lock_await(lock_free); }

static void killed_victim(void)
{
    if (lock_chosen->open)
        lock_chosen->open();
    lock_chosen->lock();
    lock_say(lock_held);
    for (;;)
        pause();
}

static void killed_meet(void) { lock_await(lock_held); }
static void killed_wait(void) { lock_chosen->lock(); }

static void killed_part(void)
{
    lock_chosen->unlock();
    lock_say(lock_free);
}

static const kill_story killed_story = {killed_before_fork, killed_victim, NULL, killed_meet,
                                        killed_wait, killed_part};
static void killed_near(uint64_t ns, bench_result *out) { kill_near(&killed_story, ns, out); }
static void killed_far(uint64_t ns) { kill_far(&killed_story, ns); }

/* ---- whether the next one gets the lock at all, and is told: one line for each of two cases ---- */

#define FATE_DEADLINE_MS 2000
#define FATE_DELAY_US 20000 /* until the one who waits is asleep */

typedef struct fate_story {
    uint64_t at; /* when it had the lock */
    bool told;
} fate_story;

/* A process that takes the lock, says so, and keeps it. */
static pid_t fate_owner(int *stories)
{
    int ends[2];
    pid_t pid;
    BENCH_CHECK(pipe(ends) == 0);
    pid = fork();
    BENCH_CHECK(pid >= 0);
    if (pid == 0) {
        fate_story story;
        memset(&story, 0, sizeof story);
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        close(ends[0]);
        if (lock_chosen->open)
            lock_chosen->open();
        story.told = lock_chosen->lock();
        story.at = bench_now();
        BENCH_CHECK(write(ends[1], &story, sizeof story) == (ssize_t)sizeof story);
        for (;;)
            pause();
    }
    close(ends[1]);
    *stories = ends[0];
    return pid;
}

static void fate_kill(pid_t pid)
{
    BENCH_CHECK(kill(pid, SIGKILL) == 0);
    BENCH_CHECK(waitpid(pid, NULL, 0) == pid);
}

static void fate_case(const char *name, bool waits)
{
    fate_story story;
    struct pollfd next_story = {-1, POLLIN, 0};
    int victim_story;
    uint64_t killed_at;
    pid_t next = 0, victim;
    lock_prepare();
    if (lock_chosen->create)
        lock_chosen->create();
    victim = fate_owner(&victim_story);
    BENCH_CHECK(read(victim_story, &story, sizeof story) == (ssize_t)sizeof story && !story.told);
    if (waits) {
        next = fate_owner(&next_story.fd);
        usleep(FATE_DELAY_US);
    }
    killed_at = bench_now();
    fate_kill(victim);
    if (!waits)
        next = fate_owner(&next_story.fd);
    if (poll(&next_story, 1, FATE_DEADLINE_MS) == 0)
        printf("%s hangs\n", name);
    else if (read(next_story.fd, &story, sizeof story) != (ssize_t)sizeof story)
        printf("%s fails\n", name);
    else
        printf("%s %s %" PRIu64 "\n", name, story.told ? "told" : "untold", story.at - killed_at);
    fate_kill(next);
    close(victim_story);
    close(next_story.fd);
    if (lock_chosen->remove)
        lock_chosen->remove();
}

static void fate_whole(void)
{
    fate_case("waits", true);
    fate_case("comes", false);
}

/* ---- the ways ---- */

static BENCH_UNUSED int lock_main(int argc, char **argv, const bench_lock *const *locks,
                                  size_t count)
{
    const bench_lock *l = NULL;
    size_t i;
    for (i = 0; argc > 3 && i < count; i++)
        if (strcmp(locks[i]->name, argv[3]) == 0)
            l = locks[i];
    if (!l) {
        fprintf(stderr, "usage: %s alone|contended|killed|fate 64 LOCK, where LOCK is one of:",
                argv[0]);
        for (i = 0; i < count; i++)
            fprintf(stderr, " %s", locks[i]->name);
        fprintf(stderr, "\n");
        return 2;
    }
    lock_chosen = l;
    const bench_contestant ways[] = {
        {"alone", lock_prepare, l->create, NULL, NULL, l->alone, NULL, l->remove, NULL, false,
         NULL},
        {"contended", lock_prepare, l->create, l->open, NULL, l->contended_near, l->contended_far,
         l->remove, NULL, false, NULL},
        {"killed", killed_prepare, l->create, NULL, NULL, killed_near, killed_far, l->remove, NULL,
         false, NULL},
        {"fate", NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, false, fate_whole},
    };
    return bench_main(argc, argv, ways, sizeof ways / sizeof ways[0]);
}

#endif
