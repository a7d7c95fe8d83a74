/* The poller: waits for many things at once. */
#include "check.h"

#define UNTOUCHED ((size_t)0xfeedbeef)

static tn_poller *new_poller(void) {
    tn_poller *poller = NULL;
    OK(tn_poller_new(&poller));
    return poller;
}

/* Waits for exactly one key. */
static void expect_key(const tn_poller *poller, uint64_t key) {
    uint64_t keys[8] = {0};
    size_t count = 0;
    OK(tn_poller_wait(poller, SOON, keys, 8, &count));
    CHECK(count == 1 && keys[0] == key);
}

/* Waits for a key that may come with others: one wake-up may tell of messages and of room. */
static void expect_among(const tn_poller *poller, uint64_t key) {
    uint64_t keys[8] = {0};
    size_t count = 0, found = 0;
    OK(tn_poller_wait(poller, SOON, keys, 8, &count));
    for (size_t i = 0; i < count; i++) found += keys[i] == key;
    CHECK(found == 1);
}

static void expect_no_key(const tn_poller *poller) {
    uint64_t keys[2] = {11, 12};
    size_t count = UNTOUCHED;
    STATUS(tn_poller_wait(poller, TN_NOWAIT, keys, 2, &count), TN_AGAIN);
    CHECK(count == UNTOUCHED && keys[0] == 11 && keys[1] == 12);
}

static void an_empty_poller_waits_as_long_as_told(void) {
    tn_poller *poller = new_poller();
    uint64_t key = 5;
    size_t count = UNTOUCHED;
    expect_no_key(poller);
    int64_t before = now_ms();
    STATUS(tn_poller_wait(poller, BRIEFLY, &key, 1, &count), TN_TIMED_OUT);
    CHECK(now_ms() - before >= BRIEFLY - 1);
    CHECK(key == 5 && count == UNTOUCHED);
    tn_poller_free(poller);
}

static void a_channel_is_ready_until_a_call_says_again(void) {
    pair ends = open_pair();
    tn_poller *poller = new_poller();
    OK(tn_poller_add_channel(poller, ends.server, UINT64_MAX));
    expect_key(poller, UINT64_MAX); /* starts ready, like the descriptor */
    expect_nothing(ends.server);
    expect_no_key(poller);
    for (int round = 0; round < 100; round++) {
        send_text(ends.client, "ping");
        expect_key(poller, UINT64_MAX);
        expect_key(poller, UINT64_MAX);
        expect_text(ends.server, "ping");
        expect_nothing(ends.server);
        expect_no_key(poller);
    }
    tn_poller_free(poller);
    free_pair(&ends);
}

static void the_ready_ones_are_told_by_their_keys(void) {
    pair one = open_pair(), two = open_pair();
    tn_poller *poller = new_poller();
    OK(tn_poller_add_channel(poller, one.server, 1));
    OK(tn_poller_add_channel(poller, two.server, 2));
    expect_nothing(one.server);
    expect_nothing(two.server);
    expect_no_key(poller);
    send_text(two.client, "two");
    expect_key(poller, 2);
    send_text(one.client, "one");
    uint64_t keys[4] = {0};
    size_t count = 0;
    int64_t deadline = now_ms() + SOON;
    while (count != 2) {
        CHECK(now_ms() < deadline);
        OK(tn_poller_wait(poller, SOON, keys, 4, &count));
    }
    CHECK(keys[0] + keys[1] == 3 && keys[0] != keys[1]);
    OK(tn_poller_wait(poller, SOON, keys, 1, &count));
    CHECK(count == 1);
    tn_poller_free(poller);
    free_pair(&one);
    free_pair(&two);
}

static void with_place_for_one_key_all_have_their_turn(void) {
    pair one = open_pair(), two = open_pair();
    tn_poller *poller = new_poller();
    uint64_t key = 0, seen = 0;
    size_t count = 0;
    OK(tn_poller_add_channel(poller, one.server, 1));
    OK(tn_poller_add_channel(poller, two.server, 2));
    for (int i = 0; i < 4; i++) {
        OK(tn_poller_wait(poller, SOON, &key, 1, &count));
        CHECK(count == 1);
        seen |= key;
    }
    CHECK(seen == 3);
    tn_poller_free(poller);
    free_pair(&one);
    free_pair(&two);
}

static void keys_are_unique_and_removed_ones_are_silent(void) {
    pair ends = open_pair();
    tn_poller *poller = new_poller();
    OK(tn_poller_add_channel(poller, ends.server, 7));
    STATUS(tn_poller_add_channel(poller, ends.client, 7), TN_EXISTS);
    STATUS(tn_poller_add_listener(poller, ends.listener, 7), TN_EXISTS);
    STATUS(tn_poller_add_fd(poller, 0, 7), TN_EXISTS);
    STATUS(tn_poller_remove(poller, 8), TN_NOT_FOUND);
    expect_key(poller, 7);
    OK(tn_poller_remove(poller, 7));
    expect_no_key(poller);
    STATUS(tn_poller_remove(poller, 7), TN_NOT_FOUND);
    OK(tn_poller_add_channel(poller, ends.server, 7));
    expect_key(poller, 7);
    tn_poller_free(poller);
    free_pair(&ends);
}

static void a_channel_s_room_has_a_key_of_its_own(void) {
    pair ends = open_pair_with("ring=4KiB", "ring=4KiB");
    tn_poller *poller = new_poller();
    char message[1000] = {0};
    size_t len = 0;
    OK(tn_poller_add_channel(poller, ends.client, 1));
    STATUS(tn_poller_add_channel_send(poller, ends.client, 1), TN_EXISTS);
    OK(tn_poller_add_channel_send(poller, ends.client, 2));
    STATUS(tn_poller_add_channel_send(poller, ends.client, 3), TN_EXISTS);
    expect_nothing(ends.client);
    expect_key(poller, 2);
    while (tn_channel_send(ends.client, message, sizeof message, TN_NOWAIT) == TN_OK) continue;
    expect_no_key(poller);
    send_text(ends.server, "news");
    expect_among(poller, 1);
    expect_text(ends.client, "news");
    expect_nothing(ends.client);
    expect_no_key(poller);
    while (tn_channel_recv(ends.server, message, sizeof message, TN_NOWAIT, &len) == TN_OK)
        continue;
    expect_among(poller, 2);
    OK(tn_channel_send(ends.client, message, sizeof message, TN_NOWAIT));
    expect_nothing(ends.client);
    expect_key(poller, 2);
    OK(tn_poller_remove(poller, 2));
    expect_no_key(poller);
    OK(tn_poller_add_channel_send(poller, ends.client, 2));
    expect_key(poller, 2);
    tn_channel_close(ends.server);
    OK(tn_poller_remove(poller, 1));
    expect_key(poller, 2);
    tn_poller_free(poller);
    free_pair(&ends);
}

static void a_listener_is_ready_when_somebody_comes(void) {
    endpoint where = fresh_endpoint();
    tn_listener *listener = NULL;
    tn_channel *server = NULL;
    tn_poller *poller = new_poller();
    OK(tn_listener_open(where.text, &listener));
    OK(tn_poller_add_listener(poller, listener, 3));
    STATUS(tn_listener_accept(listener, TN_NOWAIT, &server), TN_AGAIN);
    expect_no_key(poller);
    connecting task = {where, NULL, TN_INTERNAL};
    pthread_t thread = start(connect_thread, &task);
    tn_status status = TN_AGAIN;
    while (status == TN_AGAIN) {
        expect_key(poller, 3);
        status = tn_listener_accept(listener, TN_NOWAIT, &server);
    }
    OK(status);
    join(thread);
    OK(task.status);
    tn_poller_free(poller);
    tn_channel_free(task.channel);
    tn_channel_free(server);
    tn_listener_free(listener);
}

static void any_descriptor_can_be_added(void) {
    tn_poller *poller = new_poller();
    int ends[2];
    char byte = 0;
    CHECK(pipe(ends) == 0);
    OK(tn_poller_add_fd(poller, ends[0], 0));
    expect_no_key(poller);
    CHECK(write(ends[1], "x", 1) == 1);
    expect_key(poller, 0);
    CHECK(read(ends[0], &byte, 1) == 1);
    expect_no_key(poller);
    STATUS(tn_poller_add_fd(poller, -1, 1), TN_INVALID);
    OK(tn_poller_remove(poller, 0));
    tn_poller_free(poller);
    close(ends[0]);
    close(ends[1]);
}

static void the_end_of_a_channel_is_an_event(void) {
    pair ends = open_pair();
    tn_poller *poller = new_poller();
    OK(tn_poller_add_channel(poller, ends.server, 1));
    expect_nothing(ends.server);
    expect_no_key(poller);
    tn_channel_close(ends.client);
    expect_key(poller, 1);
    STATUS(tn_channel_recv(ends.server, NULL, 0, SOON, &(size_t){0}), TN_CLOSED);
    expect_key(poller, 1);
    tn_poller_free(poller);
    free_pair(&ends);
}

static void a_wake_ends_one_wait_with_no_key(void) {
    tn_poller *poller = new_poller();
    uint64_t key = 5;
    size_t count = UNTOUCHED;
    OK(tn_poller_wake(poller));
    OK(tn_poller_wake(poller)); /* wakes add up to one */
    OK(tn_poller_wait(poller, TN_FOREVER, &key, 1, &count));
    CHECK(count == 0 && key == 5);
    expect_no_key(poller);
    tn_poller_free(poller);
}

static void *wake_from_a_thread(void *poller) {
    OK(tn_poller_wake((const tn_poller *)poller));
    return NULL;
}

static void a_wake_comes_from_any_thread(void) {
    tn_poller *poller = new_poller();
    uint64_t key = 0;
    size_t count = UNTOUCHED;
    for (int round = 0; round < 50; round++) {
        pthread_t thread = start(wake_from_a_thread, poller);
        OK(tn_poller_wait(poller, SOON, &key, 1, &count));
        CHECK(count == 0);
        join(thread);
    }
    tn_poller_free(poller);
}

static const tn_poller *signalled;
static void wake_from_a_handler(int number) {
    (void)number;
    tn_poller_wake(signalled);
}

static void *raise_in_main(void *main_thread) {
    CHECK(pthread_kill(*(pthread_t *)main_thread, SIGUSR1) == 0);
    return NULL;
}

static void a_wake_comes_from_a_signal_handler(void) {
    tn_poller *poller = new_poller();
    pthread_t self = pthread_self();
    uint64_t key = 0;
    size_t count = UNTOUCHED;
    signalled = poller;
    signal(SIGUSR1, wake_from_a_handler);
    for (int round = 0; round < 50; round++) {
        pthread_t thread = start(raise_in_main, &self);
        OK(tn_poller_wait(poller, SOON, &key, 1, &count));
        CHECK(count == 0);
        join(thread);
    }
    signal(SIGUSR1, SIG_DFL);
    tn_poller_free(poller);
}

static void its_descriptor_tells_of_events(void) {
    pair ends = open_pair();
    tn_poller *poller = new_poller();
    int fd = -1, again = -1;
    OK(tn_poller_fd(poller, &fd));
    OK(tn_poller_add_channel(poller, ends.server, 1));
    expect_nothing(ends.server);
    expect_no_key(poller); /* like a channel's: unreadable once a call has said so */
    CHECK(!readable(fd));
    send_text(ends.client, "x");
    CHECK(readable_within(fd, SOON));
    expect_key(poller, 1);
    expect_text(ends.server, "x");
    expect_nothing(ends.server);
    expect_no_key(poller);
    CHECK(!readable(fd));
    OK(tn_poller_wake(poller));
    CHECK(readable_within(fd, SOON));
    OK(tn_poller_fd(poller, &again));
    CHECK(fd == again);
    tn_poller_free(poller);
    free_pair(&ends);
}

static void a_poller_fits_into_a_poller(void) {
    pair ends = open_pair();
    tn_poller *inner = new_poller(), *outer = new_poller();
    int fd = -1;
    OK(tn_poller_fd(inner, &fd));
    OK(tn_poller_add_fd(outer, fd, 4));
    expect_no_key(outer);
    OK(tn_poller_add_channel(inner, ends.server, 1));
    expect_key(outer, 4);
    tn_poller_free(outer);
    tn_poller_free(inner);
    free_pair(&ends);
}

static const test_case cases[] = {
    CASE(an_empty_poller_waits_as_long_as_told),
    CASE(a_channel_is_ready_until_a_call_says_again),
    CASE(the_ready_ones_are_told_by_their_keys),
    CASE(with_place_for_one_key_all_have_their_turn),
    CASE(keys_are_unique_and_removed_ones_are_silent),
    CASE(a_channel_s_room_has_a_key_of_its_own),
    CASE(a_listener_is_ready_when_somebody_comes),
    CASE(any_descriptor_can_be_added),
    CASE(the_end_of_a_channel_is_an_event),
    CASE(a_wake_ends_one_wait_with_no_key),
    CASE(a_wake_comes_from_any_thread),
    CASE(a_wake_comes_from_a_signal_handler),
    CASE(its_descriptor_tells_of_events),
    CASE(a_poller_fits_into_a_poller),
};
MAIN(cases)
