/* Segments: made, opened, locked, changed, heard of, and left, in processes of their own. */
#include "check.h"

static const char *fresh_name(void) {
    static char name[64];
    static unsigned counter;
    snprintf(name, sizeof name, "%s-%ld-%u", scheme, (long)getpid(), counter++);
    return name;
}

static void data_are_shared_until_the_last_is_gone(void) {
    const char *name = fresh_name();
    tn_segment *first = NULL, *second = NULL, *third = NULL;
    STATUS(tn_segment_open(name, &first), TN_NOT_FOUND);
    STATUS(tn_segment_open_or_create(name, 0, &first), TN_NOT_FOUND);
    OK(tn_segment_create(name, 5000, &first));
    STATUS(tn_segment_create(name, 5000, &second), TN_EXISTS);
    CHECK(second == NULL);
    OK(tn_segment_open_or_create(name, 1, &second));
    CHECK(tn_segment_size(second) == 5000 && tn_segment_attached(first) == 2);
    tn_segment_free(second);
    OK(tn_segment_open_or_create(name, 0, &second));
    CHECK(tn_segment_size(second) == 5000);
    STATUS(tn_segment_open_or_create(name, 5001, &third), TN_TOO_LARGE);
    CHECK(third == NULL && strstr(tn_last_error(), "5000") && strstr(tn_last_error(), "5001"));
    CHECK((uintptr_t)tn_segment_data(first) % 4096 == 0);
    fill(tn_segment_data(first), 5000, 3);
    CHECK(filled(tn_segment_data(second), 5000, 3));
    tn_segment_free(first);
    CHECK(tn_segment_attached(second) == 1);
    tn_segment_free(second);
    STATUS(tn_segment_open(name, &second), TN_NOT_FOUND);
    STATUS(tn_segment_remove(name), TN_NOT_FOUND);
}

static void the_lock_excludes_and_shares(void) {
    const char *name = fresh_name();
    tn_segment *first = NULL, *second = NULL;
    OK(tn_segment_create(name, 1, &first));
    OK(tn_segment_open(name, &second));
    STATUS(tn_segment_unlock(first), TN_INVALID);
    OK(tn_segment_lock(first, TN_NOWAIT));
    STATUS(tn_segment_lock(second, TN_NOWAIT), TN_AGAIN);
    STATUS(tn_segment_lock_shared(second, BRIEFLY), TN_TIMED_OUT);
    STATUS(tn_segment_lock(first, -2), TN_INVALID);
    OK(tn_segment_unlock(first));
    OK(tn_segment_lock_shared(first, TN_FOREVER));
    OK(tn_segment_lock_shared(second, TN_FOREVER));
    STATUS(tn_segment_lock(first, BRIEFLY), TN_TIMED_OUT);
    OK(tn_segment_unlock(first));
    OK(tn_segment_unlock(second));
    OK(tn_segment_lock(second, SOON));
    tn_segment_free(second);
    STATUS(tn_segment_lock_shared(first, SOON), TN_OWNER_DIED);
    OK(tn_segment_unlock(first));
    STATUS(tn_segment_lock(first, SOON), TN_OWNER_DIED);
    OK(tn_segment_unlock(first));
    OK(tn_segment_lock(first, SOON));
    tn_segment_free(first);
}

static void snapshots_are_whole_and_are_changes(void) {
    tn_segment *segment = NULL;
    char bytes[8] = "";
    uint64_t version = 0;
    OK(tn_segment_create(fresh_name(), 8, &segment));
    OK(tn_segment_write(segment, 2, "abc", 3, SOON));
    OK(tn_segment_read(segment, 0, bytes, 8, SOON));
    CHECK(memcmp(bytes, "\0\0abc\0\0\0", 8) == 0);
    STATUS(tn_segment_write(segment, 6, "abc", 3, SOON), TN_INVALID);
    STATUS(tn_segment_read(segment, 9, NULL, 0, SOON), TN_INVALID);
    OK(tn_segment_read(segment, 8, NULL, 0, SOON));
    OK(tn_segment_wait(segment, 0, TN_NOWAIT, &version));
    CHECK(version == 1 && tn_segment_version(segment) == 1);
    STATUS(tn_segment_wait(segment, 1, TN_NOWAIT, &version), TN_AGAIN);
    STATUS(tn_segment_wait(segment, 1, BRIEFLY, &version), TN_TIMED_OUT);
    tn_segment_free(segment);
}

static void an_owner_that_is_killed_blocks_nobody(void) {
    const char *name = fresh_name();
    tn_segment *segment = NULL;
    int fd = -1, lock_fd = -1, status = 0;
    OK(tn_segment_create(name, 8, &segment));
    OK(tn_segment_fd(segment, &fd));
    OK(tn_segment_lock_fd(segment, &lock_fd));
    CHECK(fd != lock_fd && readable(fd) && readable(lock_fd));
    STATUS(tn_segment_wait(segment, 0, TN_NOWAIT, &(uint64_t){0}), TN_AGAIN);
    CHECK(!readable(fd));
    pid_t child = fork_child();
    if (child == 0) {
        tn_segment *own = NULL;
        STATUS(tn_segment_lock(segment, TN_NOWAIT), TN_INVALID);
        CHECK(strstr(tn_last_error(), "fork") != NULL);
        STATUS(tn_segment_unlock(segment), TN_INVALID);
        STATUS(tn_segment_notify(segment), TN_INVALID);
        STATUS(tn_segment_fd(segment, &fd), TN_INVALID);
        STATUS(tn_segment_lock_fd(segment, &lock_fd), TN_INVALID);
        tn_segment_close(segment);
        tn_segment_free(segment);
        OK(tn_segment_open(name, &own));
        CHECK(tn_segment_attached(own) == 2);
        OK(tn_segment_lock(own, SOON));
        OK(tn_segment_notify(own));
        for (;;) pause();
    }
    CHECK(readable_within(fd, SOON));
    OK(tn_segment_wait(segment, 0, SOON, &(uint64_t){0}));
    STATUS(tn_segment_lock(segment, TN_NOWAIT), TN_AGAIN);
    kill(child, SIGKILL);
    tn_status held = TN_AGAIN;
    while (held == TN_AGAIN) {
        CHECK(readable_within(lock_fd, SOON));
        held = tn_segment_lock(segment, TN_NOWAIT);
    }
    STATUS(held, TN_OWNER_DIED);
    OK(tn_segment_unlock(segment));
    CHECK(waitpid(child, &status, 0) == child && tn_segment_attached(segment) == 1);
    tn_segment_free(segment);
}

/* The child's copy of a handle is no second owner, and its free takes nothing away. */
static void a_fork_changes_nothing(void) {
    const char *name = fresh_name();
    tn_segment *segment = NULL, *second = NULL;
    OK(tn_segment_create(name, 8, &segment));
    OK(tn_segment_lock(segment, SOON));
    pid_t child = fork_child();
    if (child == 0) {
        tn_segment_free(segment);
        _exit(0);
    }
    reap(child);
    OK(tn_segment_open(name, &second));
    STATUS(tn_segment_lock(second, TN_NOWAIT), TN_AGAIN);
    OK(tn_segment_unlock(segment));
    OK(tn_segment_lock(second, TN_NOWAIT));
    tn_segment_free(second);
    tn_segment_free(segment);
}

static void *waits(void *segment) {
    STATUS(tn_segment_lock((tn_segment *)segment, TN_FOREVER), TN_CLOSED);
    return NULL;
}

static void a_close_wakes_whoever_waits(void) {
    const char *name = fresh_name();
    tn_segment *first = NULL, *second = NULL;
    OK(tn_segment_create(name, 8, &first));
    OK(tn_segment_open(name, &second));
    OK(tn_segment_lock(first, TN_NOWAIT));
    pthread_t thread = start(waits, second);
    tn_segment_close(second);
    join(thread);
    STATUS(tn_segment_lock(second, TN_NOWAIT), TN_CLOSED);
    STATUS(tn_segment_read(second, 0, NULL, 0, TN_NOWAIT), TN_CLOSED);
    CHECK(tn_segment_data(second) != NULL && tn_segment_attached(first) == 1);
    tn_segment_close(second);
    tn_segment_free(second);
    tn_segment_free(first);
}

static void wrong_names_and_sizes_say_so(void) {
    static const char *const names[] = {"", ".a", "a/b", "a?b=c", "a?mode=8", "gr\xc3\xb6sse", "\xff"};
    tn_segment *segment = NULL;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        STATUS(tn_segment_create(names[i], 8, &segment), TN_INVALID);
        STATUS(tn_segment_open(names[i], &segment), TN_INVALID);
        STATUS(tn_segment_remove(names[i]), TN_INVALID);
    }
    STATUS(tn_segment_create("a", 0, &segment), TN_INVALID);
    STATUS(tn_segment_create("a", SIZE_MAX, &segment), TN_TOO_LARGE);
    CHECK(segment == NULL);
}

static const test_case cases[] = {
    CASE(data_are_shared_until_the_last_is_gone),
    CASE(the_lock_excludes_and_shares),
    CASE(snapshots_are_whole_and_are_changes),
    CASE(an_owner_that_is_killed_blocks_nobody),
    CASE(a_fork_changes_nothing),
    CASE(a_close_wakes_whoever_waits),
    CASE(wrong_names_and_sizes_say_so),
};
MAIN(cases)
