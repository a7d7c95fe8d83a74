/* How long a survivor takes to notice that its peer was killed with SIGKILL.
 *
 * Near is the survivor. Far forks one victim after the other and kills each 2 ms after near has met
 * it, so that near is by then as deep asleep as it gets. Far has never used what is measured, so its
 * children start clean. The moment of the kill crosses in a page that near and far share; the clock
 * is the same in all processes. */
#ifndef BENCH_KILL_H
#define BENCH_KILL_H

#include "harness.h"

#define KILL_ROUNDS 10       /* kills a slice, whatever the time given */
#define KILL_DELAY_US 2000

typedef struct kill_story {
    void (*before_fork)(void); /* far, may be NULL */
    void (*victim)(void);      /* the victim: meets near, then lives until killed */
    void (*after_fork)(void);  /* far, may be NULL */
    void (*meet)(void);        /* near meets the victim */
    void (*wait)(void);        /* near waits until it knows that the victim is gone */
    void (*part)(void);        /* near lets go */
} kill_story;

typedef struct kill_page {
    uint64_t killed_at;
} kill_page;

static kill_page *kill_shared;
static int kill_met[2], kill_go[2]; /* pipes: near has met the victim; near wants the next one */

static void kill_prepare(void)
{
    void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    BENCH_CHECK(page != MAP_FAILED);
    kill_shared = (kill_page *)page;
    BENCH_CHECK(pipe(kill_met) == 0 && pipe(kill_go) == 0);
}

static void kill_near(const kill_story *story, uint64_t ns, bench_result *out)
{
    char byte = 1;
    (void)ns;
    for (int i = 0; i < KILL_ROUNDS; i++) {
        uint64_t noticed_at, latency;
        story->meet();
        BENCH_CHECK(write(kill_met[1], &byte, 1) == 1);
        story->wait();
        noticed_at = bench_now();
        /* Far writes down the time before it kills, and tells us when that is done. */
        BENCH_CHECK(read(kill_go[0], &byte, 1) == 1);
        BENCH_CHECK(noticed_at > kill_shared->killed_at); /* else it was noticed before it happened */
        latency = noticed_at - kill_shared->killed_at;
        story->part();
        bench_sample(latency);
        out->count++;
        out->ns += latency;
    }
    bench_percentiles(out, 1);
}

static void kill_far(const kill_story *story, uint64_t ns)
{
    char byte = 1;
    (void)ns;
    for (int i = 0; i < KILL_ROUNDS; i++) {
        pid_t victim;
        if (story->before_fork)
            story->before_fork();
        victim = fork();
        BENCH_CHECK(victim >= 0);
        if (victim == 0) {
            prctl(PR_SET_PDEATHSIG, SIGKILL);
            story->victim();
            _exit(1);
        }
        if (story->after_fork)
            story->after_fork();
        BENCH_CHECK(read(kill_met[0], &byte, 1) == 1);
        usleep(KILL_DELAY_US);
        kill_shared->killed_at = bench_now();
        BENCH_CHECK(kill(victim, SIGKILL) == 0);
        BENCH_CHECK(waitpid(victim, NULL, 0) == victim);
        BENCH_CHECK(write(kill_go[1], &byte, 1) == 1);
    }
}

#endif
