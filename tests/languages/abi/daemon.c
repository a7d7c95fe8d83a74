/* A program that was started without standard input, output or error, as many daemons are: no
 * descriptor of the library's takes their numbers, so that nothing printed goes astray. */
#include "check.h"

#include <fcntl.h>
#include <unistd.h>

/* Numbers that must stay closed, as bits. */
static unsigned closed;

static void nothing_has_their_numbers(void) {
    for (int fd = 0; fd < 3; fd++)
        if (closed & 1u << fd) CHECK(fcntl(fd, F_GETFD) == -1 && errno == EBADF);
}

/* A descriptor that the library shows. */
static void shown(tn_status status, const int *fd) {
    OK(status);
    CHECK(*fd >= 3);
    nothing_has_their_numbers();
}

static void *receive_in_vain(void *channel) {
    char byte;
    size_t len = 0;
    STATUS(tn_channel_recv((tn_channel *)channel, &byte, 1, BRIEFLY, &len), TN_TIMED_OUT);
    return NULL;
}

static void use_channels(void) {
    int fd = -1;
    tn_poller *poller = NULL;
    tn_channel *waits = NULL;
    char own_group[32];
    snprintf(own_group, sizeof own_group, "group=%u", (unsigned)getegid());
    pair ends = open_pair_with(own_group, "");
    shown(tn_listener_fd(ends.listener, &fd), &fd);
    shown(tn_channel_fd(ends.client, &fd), &fd);
    shown(tn_channel_fd(ends.server, &fd), &fd);
    OK(tn_poller_new(&poller));
    OK(tn_poller_add_channel(poller, ends.server, 1));
    shown(tn_poller_fd(poller, &fd), &fd);
    /* One thread of two that wait at once needs a descriptor for its wake-up. */
    pthread_t threads[2] = {start(receive_in_vain, ends.server), start(receive_in_vain, ends.server)};
    join(threads[0]);
    join(threads[1]);
    send_text(ends.client, "no stray output");
    expect_text(ends.server, "no stray output");
    nothing_has_their_numbers();
    OK(tn_channel_create_start(fresh_endpoint().text, &waits));
    shown(tn_channel_fd(waits, &fd), &fd);
    tn_channel_free(waits);
    tn_poller_free(poller);
    free_pair(&ends);
    nothing_has_their_numbers();
}

static void use_objects(void) {
    int fd = -1;
    tn_segment *segment = NULL, *other = NULL;
    tn_semaphore *semaphore = NULL;
    endpoint where = fresh_endpoint();
    const char *name = strchr(where.text, ':') + 1;
    OK(tn_segment_create(name, 100, &segment));
    OK(tn_segment_open(name, &other));
    shown(tn_segment_fd(segment, &fd), &fd);
    OK(tn_segment_lock(segment, TN_NOWAIT));
    STATUS(tn_segment_lock(other, BRIEFLY), TN_TIMED_OUT);
    OK(tn_segment_unlock(segment));
    tn_segment_free(other);
    tn_segment_free(segment);
    where = fresh_endpoint();
    OK(tn_semaphore_create(name, 1, &semaphore));
    shown(tn_semaphore_fd(semaphore, &fd), &fd);
    OK(tn_semaphore_acquire(semaphore, 1, TN_NOWAIT));
    STATUS(tn_semaphore_acquire(semaphore, 1, BRIEFLY), TN_TIMED_OUT);
    tn_semaphore_free(semaphore);
    nothing_has_their_numbers();
}

static void use_everything(void) {
    use_channels();
    use_objects();
}

static void close_some(unsigned some) {
    for (int fd = 0; fd < 3; fd++)
        if (some & 1u << fd) close(fd);
    closed = some;
}

static void the_numbers_of_closed_ones_stay_free(void) {
    for (unsigned some = 1; some < 8; some++) {
        pid_t child = fork_child();
        if (child == 0) {
            close_some(some);
            use_everything();
            _exit(0);
        }
        reap(child);
    }
}

static void so_do_those_of_ones_closed_later(void) {
    for (unsigned some = 1; some < 8; some++) {
        pid_t child = fork_child();
        if (child == 0) {
            use_everything();
            close_some(some);
            use_everything();
            _exit(0);
        }
        reap(child);
    }
}

/* The library looks again and again, as the numbers are the program's. */
static void a_program_may_open_them_anew(void) {
    pid_t child = fork_child();
    if (child == 0) {
        close_some(7);
        use_everything();
        closed = 0;
        for (int fd = 0; fd < 3; fd++) CHECK(open("/dev/null", O_RDWR) == fd);
        use_everything();
        for (int fd = 0; fd < 3; fd++) CHECK(fcntl(fd, F_GETFD) == 0);
        _exit(0);
    }
    reap(child);
}

static const test_case cases[] = {
    CASE(the_numbers_of_closed_ones_stay_free),
    CASE(so_do_those_of_ones_closed_later),
    CASE(a_program_may_open_them_anew),
};
MAIN(cases)
