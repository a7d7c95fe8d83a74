/* Semaphores: opened, acquired, released, heard of, and left, in processes of their own. */
#include "check.h"

#include <sched.h>

static const char *fresh_name(void) {
    static char name[64];
    static unsigned counter;
    snprintf(name, sizeof name, "%s-%ld-%u", scheme, (long)getpid(), counter++);
    return name;
}

static uint32_t value(const tn_semaphore *semaphore) {
    uint32_t units = 0;
    OK(tn_semaphore_value(semaphore, &units));
    return units;
}

static void units_are_acquired_all_or_none(void) {
    const char *name = fresh_name();
    tn_semaphore *first = NULL, *second = NULL;
    OK(tn_semaphore_create(name, 3, &first));
    OK(tn_semaphore_open(name, &second));
    CHECK(value(second) == 3);
    OK(tn_semaphore_acquire(first, 2, TN_FOREVER));
    STATUS(tn_semaphore_acquire(second, 2, TN_NOWAIT), TN_AGAIN);
    STATUS(tn_semaphore_acquire(second, 2, BRIEFLY), TN_TIMED_OUT);
    STATUS(tn_semaphore_acquire(second, 1, -2), TN_INVALID);
    CHECK(value(first) == 1);
    OK(tn_semaphore_acquire(second, 1, SOON));
    OK(tn_semaphore_release(first, 1));
    OK(tn_semaphore_acquire(second, 1, SOON));
    tn_semaphore_free(second);
    CHECK(value(first) == 2);
    tn_semaphore_free(first);
    STATUS(tn_semaphore_remove(name), TN_NOT_FOUND);
}

static void one_is_made_or_opened_as_is_asked_for(void) {
    const char *name = fresh_name();
    tn_semaphore *first = NULL, *second = NULL, *none = NULL;
    STATUS(tn_semaphore_open(name, &none), TN_NOT_FOUND);
    OK(tn_semaphore_open_or_create(name, 3, &first));
    STATUS(tn_semaphore_create(name, 3, &none), TN_EXISTS);
    CHECK(none == NULL && strstr(tn_last_error(), name) != NULL);
    OK(tn_semaphore_open_or_create(name, 99, &second));
    CHECK(value(second) == 3);
    tn_semaphore_free(first);
    tn_semaphore_free(second);
    STATUS(tn_semaphore_open(name, &none), TN_NOT_FOUND);
    CHECK(none == NULL && strstr(tn_last_error(), name) != NULL);
}

static void wrong_numbers_and_names_say_so(void) {
    static const char *const names[] = {"", ".a", "a/b", "a?b=c", "a?undo=2", "a?access=ro", "\xff"};
    tn_semaphore *semaphore = NULL;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        STATUS(tn_semaphore_create(names[i], 1, &semaphore), TN_INVALID);
        STATUS(tn_semaphore_open(names[i], &semaphore), TN_INVALID);
        STATUS(tn_semaphore_open_or_create(names[i], 1, &semaphore), TN_INVALID);
        STATUS(tn_semaphore_remove(names[i]), TN_INVALID);
    }
    STATUS(tn_semaphore_create("a", UINT32_MAX, &semaphore), TN_TOO_LARGE);
    STATUS(tn_semaphore_open_or_create("a", UINT32_MAX, &semaphore), TN_TOO_LARGE);
    CHECK(semaphore == NULL);
    OK(tn_semaphore_open_or_create(fresh_name(), 1, &semaphore));
    STATUS(tn_semaphore_acquire(semaphore, 0, SOON), TN_INVALID);
    STATUS(tn_semaphore_release(semaphore, 0), TN_INVALID);
    STATUS(tn_semaphore_acquire(semaphore, UINT32_MAX, SOON), TN_TOO_LARGE);
    STATUS(tn_semaphore_release(semaphore, INT32_MAX), TN_TOO_LARGE);
    CHECK(value(semaphore) == 1);
    tn_semaphore_free(semaphore);
}

/* What a dead process had comes back, unless it was opened with undo=0. */
static void a_death_gives_back(void) {
    for (int undo = 0; undo < 2; undo++) {
        char own_name[80];
        const char *name = fresh_name();
        tn_semaphore *semaphore = NULL;
        int fd = -1, status = 0;
        snprintf(own_name, sizeof own_name, "%s?undo=%d", name, undo);
        OK(tn_semaphore_open_or_create(name, 2, &semaphore));
        OK(tn_semaphore_fd(semaphore, &fd));
        CHECK(readable(fd));
        pid_t child = fork_child();
        if (child == 0) {
            tn_semaphore *own = NULL;
            STATUS(tn_semaphore_acquire(semaphore, 1, TN_NOWAIT), TN_INVALID);
            CHECK(strstr(tn_last_error(), "fork") != NULL);
            STATUS(tn_semaphore_release(semaphore, 1), TN_INVALID);
            STATUS(tn_semaphore_value(semaphore, &(uint32_t){0}), TN_INVALID);
            STATUS(tn_semaphore_fd(semaphore, &fd), TN_INVALID);
            tn_semaphore_free(semaphore);
            OK(tn_semaphore_open_or_create(own_name, 0, &own));
            OK(tn_semaphore_acquire(own, 2, SOON));
            for (;;) pause();
        }
        while (value(semaphore) > 0) sched_yield();
        STATUS(tn_semaphore_acquire(semaphore, 1, TN_NOWAIT), TN_AGAIN);
        kill(child, SIGKILL);
        CHECK(waitpid(child, &status, 0) == child);
        if (undo) {
            CHECK(readable_within(fd, SOON));
            OK(tn_semaphore_acquire(semaphore, 2, SOON));
        } else {
            CHECK(value(semaphore) == 0);
            OK(tn_semaphore_release(semaphore, 2));
            CHECK(readable(fd) && value(semaphore) == 2);
        }
        tn_semaphore_free(semaphore);
    }
}

static void *waits(void *semaphore) {
    STATUS(tn_semaphore_acquire((tn_semaphore *)semaphore, 2, TN_FOREVER), TN_CLOSED);
    return NULL;
}

static void a_close_wakes_whoever_waits(void) {
    tn_semaphore *semaphore = NULL;
    OK(tn_semaphore_open_or_create(fresh_name(), 1, &semaphore));
    pthread_t thread = start(waits, semaphore);
    tn_semaphore_close(semaphore);
    join(thread);
    STATUS(tn_semaphore_acquire(semaphore, 1, TN_NOWAIT), TN_CLOSED);
    STATUS(tn_semaphore_release(semaphore, 1), TN_CLOSED);
    STATUS(tn_semaphore_value(semaphore, &(uint32_t){0}), TN_CLOSED);
    tn_semaphore_close(semaphore);
    tn_semaphore_free(semaphore);
}

static void a_persistent_one_keeps_its_units(void) {
    char persistent[80];
    const char *name = fresh_name();
    tn_semaphore *semaphore = NULL;
    snprintf(persistent, sizeof persistent, "%s?persist=1", name);
    OK(tn_semaphore_open_or_create(persistent, 1, &semaphore));
    OK(tn_semaphore_release(semaphore, 4));
    tn_semaphore_free(semaphore);
    OK(tn_semaphore_open_or_create(name, 1, &semaphore));
    CHECK(value(semaphore) == 5);
    OK(tn_semaphore_remove(name));
    STATUS(tn_semaphore_remove(name), TN_NOT_FOUND);
    OK(tn_semaphore_acquire(semaphore, 5, SOON));
    tn_semaphore_free(semaphore);
}

static const test_case cases[] = {
    CASE(units_are_acquired_all_or_none),
    CASE(one_is_made_or_opened_as_is_asked_for),
    CASE(wrong_numbers_and_names_say_so),
    CASE(a_death_gives_back),
    CASE(a_close_wakes_whoever_waits),
    CASE(a_persistent_one_keeps_its_units),
};
MAIN(cases)
