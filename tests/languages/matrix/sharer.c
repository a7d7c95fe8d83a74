/* sharer.c: one of two programs of tests/languages/matrix/sharing.rs, in C. What it does is told there.
 *
 *     sharer SIDE NAME share|die|survive
 */
#include "check.h"

enum { PATIENCE = 20000, SIZE = 8192, TEXT = 256, TURNS = 200, ADDITIONS = 10000, ROUNDS = 300 };

/* What is in the segment. */
static struct page {
    uint64_t a, b; /* equal whenever the lock is free */
    struct turn {
        uint64_t number;
        unsigned char text[TEXT];
    } turn;
    unsigned char gap[4096 - 16 - 8 - TEXT];
    uint64_t pid; /* of the one that is to die */
} *page;

static tn_segment *segment;
static tn_semaphore *semaphores[2];
static unsigned side;

static struct turn make_turn(uint64_t number) {
    struct turn turn = {.number = number};
    for (unsigned i = 0; i < TEXT; i++) turn.text[i] = (unsigned char)((number * 7 + i) % 251);
    return turn;
}

/* Every other time by the descriptor. */
static void wait_for_change(uint64_t turn, uint64_t *version) {
    int fd = -1;
    if (!(turn & 2)) {
        OK(tn_segment_wait(segment, *version, PATIENCE, version));
        return;
    }
    tn_status status;
    OK(tn_segment_fd(segment, &fd));
    while ((status = tn_segment_wait(segment, *version, TN_NOWAIT, version)) == TN_AGAIN) {
        CHECK(readable_within(fd, PATIENCE));
    }
    OK(status);
}

static void see(uint64_t number) {
    struct turn turn, wanted = make_turn(number);
    uint64_t version = tn_segment_version(segment);
    OK(tn_segment_read(segment, offsetof(struct page, turn), &turn, sizeof turn, PATIENCE));
    while (turn.number != number) {
        wait_for_change(number, &version);
        OK(tn_segment_read(segment, offsetof(struct page, turn), &turn, sizeof turn, PATIENCE));
    }
    CHECK(memcmp(&turn, &wanted, sizeof turn) == 0);
}

static void take_turns(void) {
    for (uint64_t number = 1; number <= TURNS; number++) {
        if (number % 2 == side) {
            if (number < TURNS || side == 0) see(number);
            continue;
        }
        struct turn turn = make_turn(number);
        OK(tn_segment_write(segment, offsetof(struct page, turn), &turn, sizeof turn, PATIENCE));
    }
}

/* Once in ten times by the descriptor. */
static void lock(unsigned i) {
    int fd = -1;
    if (i % 10 != 5) {
        OK(tn_segment_lock(segment, PATIENCE));
        return;
    }
    tn_status status;
    OK(tn_segment_lock_fd(segment, &fd));
    while ((status = tn_segment_lock(segment, TN_NOWAIT)) == TN_AGAIN) {
        CHECK(readable_within(fd, PATIENCE));
    }
    OK(status);
}

static void add(void) {
    for (unsigned i = 0; i < ADDITIONS; i++) {
        if (i % 10 == 0) {
            OK(tn_segment_lock_shared(segment, PATIENCE));
            CHECK(page->a == page->b);
            OK(tn_segment_unlock(segment));
        }
        lock(i);
        CHECK(page->a == page->b);
        page->a++;
        page->b++;
        OK(tn_segment_unlock(segment));
    }
    OK(tn_segment_notify(segment));
    for (;;) {
        uint64_t version = tn_segment_version(segment);
        OK(tn_segment_lock_shared(segment, PATIENCE));
        uint64_t sum = page->a;
        OK(tn_segment_unlock(segment));
        if (sum == 2 * ADDITIONS) return;
        OK(tn_segment_wait(segment, version, PATIENCE, &version));
    }
}

static void hand_over(void) {
    for (uint32_t i = 0; i < ROUNDS; i++) {
        OK(tn_semaphore_release(semaphores[1 - side], i % 3 + 1));
        OK(tn_semaphore_acquire(semaphores[side], i % 3 + 1, PATIENCE));
    }
    STATUS(tn_semaphore_acquire(semaphores[side], 1, TN_NOWAIT), TN_AGAIN);
}

static void share(const char *name) {
    char own[300];
    for (int i = 0; i < 2; i++) {
        snprintf(own, sizeof own, "%s-%d", name, i);
        OK(tn_semaphore_open_or_create(own, 0, &semaphores[i]));
    }
    take_turns();
    add();
    hand_over();
    for (int i = 0; i < 2; i++) tn_semaphore_free(semaphores[i]);
    puts("shared");
}

static void die(const char *name) {
    OK(tn_semaphore_open_or_create(name, 2, &semaphores[0]));
    OK(tn_semaphore_acquire(semaphores[0], 2, PATIENCE));
    OK(tn_segment_lock(segment, PATIENCE));
    page->a++;
    page->pid = (uint64_t)getpid();
    OK(tn_segment_notify(segment));
    for (;;) pause();
}

static void survive(const char *name) {
    uint64_t version;
    OK(tn_segment_wait(segment, 0, PATIENCE, &version));
    CHECK(page->pid != 0);
    STATUS(tn_segment_lock(segment, TN_NOWAIT), TN_AGAIN);
    OK(tn_semaphore_open_or_create(name, 2, &semaphores[0]));
    STATUS(tn_semaphore_acquire(semaphores[0], 1, TN_NOWAIT), TN_AGAIN);
    CHECK(kill((pid_t)page->pid, SIGKILL) == 0);
    STATUS(tn_segment_lock(segment, PATIENCE), TN_OWNER_DIED);
    CHECK(page->a == page->b + 1);
    page->b = page->a;
    OK(tn_segment_unlock(segment));
    OK(tn_segment_lock(segment, PATIENCE));
    OK(tn_segment_unlock(segment));
    OK(tn_semaphore_acquire(semaphores[0], 2, PATIENCE));
    CHECK(tn_segment_attached(segment) == 1);
    tn_semaphore_free(semaphores[0]);
    puts("survived");
}

int main(int argc, char **argv) {
    CHECK(argc == 4);
    side = (unsigned)strtoul(argv[1], NULL, 10);
    case_name = argv[3];
    OK(tn_segment_open_or_create(argv[2], SIZE, &segment));
    page = tn_segment_data(segment);
    if (strcmp(argv[3], "share") == 0) {
        share(argv[2]);
    } else if (strcmp(argv[3], "die") == 0) {
        die(argv[2]);
    } else if (strcmp(argv[3], "survive") == 0) {
        survive(argv[2]);
    } else {
        return 2;
    }
    tn_segment_free(segment);
    return 0;
}
