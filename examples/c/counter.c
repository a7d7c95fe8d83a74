/* counter.c: many programs add to one counter in shared memory, and any of them may be killed.
 *
 *     make -C examples/c
 *     target/examples-c/counter show visits &
 *     target/examples-c/counter add visits 1000000
 *     target/examples-c/counter crash visits
 *
 * Each adds to a share of its own, and to the total, under the segment's lock. If one dies between
 * the two, the next one that gets the lock is told, and repairs the total. The programs of the same
 * name in other languages take the same arguments and share the counter.
 */
#define _POSIX_C_SOURCE 200809L /* kill */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "treenail.h"

enum { SIZE = 4096, HEAD = 3, SHARES_MAX = SIZE / 8 - HEAD };

/* What is in the segment. */
typedef struct counter {
    uint64_t total; /* the sum of all shares, but while somebody adds */
    uint64_t taken; /* how many shares there are */
    uint64_t repairs;
    uint64_t shares[SHARES_MAX];
} counter;

static int failed(void) {
    fprintf(stderr, "counter: %s\n", tn_last_error());
    return 1;
}

static void repair(counter *counter) {
    counter->total = 0;
    for (uint64_t i = 0; i < counter->taken; i++) {
        counter->total += counter->shares[i];
    }
    counter->repairs++;
}

/* Takes the lock; what is under it is right then. */
static tn_status enter(const tn_segment *segment, counter *counter) {
    tn_status status = tn_segment_lock(segment, TN_FOREVER);
    if (status == TN_OWNER_DIED) {
        repair(counter);
    }
    return status;
}

/* A share of this program's own; NULL and a word on it if there is none. */
static uint64_t *take_share(const tn_segment *segment, counter *counter) {
    if (enter(segment, counter) < 0) {
        failed();
        return NULL;
    }
    uint64_t share = counter->taken;
    if (share < SHARES_MAX) {
        counter->taken++;
    }
    tn_segment_unlock(segment);
    if (share == SHARES_MAX) {
        fputs("counter: all shares are taken\n", stderr);
        return NULL;
    }
    printf("share %llu\n", (unsigned long long)share);
    fflush(stdout);
    return &counter->shares[share];
}

static int run_add(const tn_segment *segment, counter *counter, unsigned long times) {
    uint64_t *share = take_share(segment, counter);
    if (share == NULL) {
        return 1;
    }
    for (unsigned long i = 0; i < times; i++) {
        if (enter(segment, counter) < 0) {
            return failed();
        }
        *share += 1;
        counter->total += 1;
        tn_segment_unlock(segment);
    }
    printf("added %lu\n", times);
    return 0;
}

/* What no program should do: the lock is held, and the total is not yet right. */
static int run_crash(const tn_segment *segment, counter *counter) {
    uint64_t *share = take_share(segment, counter);
    if (share == NULL) {
        return 1;
    }
    if (enter(segment, counter) < 0) {
        return failed();
    }
    *share += 1;
    return kill(getpid(), SIGKILL);
}

/* Prints the counter, and again for each line of input. */
static int run_show(const tn_segment *segment, counter *counter) {
    static struct counter seen;
    char line[256];
    do {
        if (enter(segment, counter) < 0) {
            return failed();
        }
        seen = *counter;
        tn_segment_unlock(segment);
        printf("total %llu, repaired %llu; shares:", (unsigned long long)seen.total,
               (unsigned long long)seen.repairs);
        for (uint64_t i = 0; i < seen.taken; i++) {
            printf(" %llu", (unsigned long long)seen.shares[i]);
        }
        putchar('\n');
        fflush(stdout);
    } while (fgets(line, sizeof line, stdin) != NULL);
    return 0;
}

int main(int argc, char **argv) {
    const char *verb = argc > 2 ? argv[1] : "";
    int adds = argc == 4 && strcmp(verb, "add") == 0;
    int crashes = argc == 3 && strcmp(verb, "crash") == 0;
    if (!adds && !crashes && (argc != 3 || strcmp(verb, "show") != 0)) {
        fputs("usage: counter add NAME TIMES\n       counter crash NAME\n"
              "       counter show NAME\n", stderr);
        return 2;
    }
    tn_segment *segment;
    if (tn_segment_open_or_create(argv[2], SIZE, &segment) < 0) {
        return failed();
    }
    if (tn_segment_size(segment) != SIZE) {
        fprintf(stderr, "counter: %s is no counter\n", argv[2]);
        return 1;
    }
    counter *counter = tn_segment_data(segment);
    int code = adds      ? run_add(segment, counter, strtoul(argv[3], NULL, 10))
               : crashes ? run_crash(segment, counter)
                         : run_show(segment, counter);
    tn_segment_free(segment);
    return code;
}
