/* Handles from many threads: what wakes whom; signals that change nothing. */
#include "check.h"

#include <stdatomic.h>

typedef struct waiting {
    const pair *ends;
    tn_status status;
} waiting;

static void *wait_in_recv(void *argument) {
    waiting *task = (waiting *)argument;
    size_t len = 0;
    task->status = tn_channel_recv(task->ends->server, NULL, 0, TN_FOREVER, &len);
    return NULL;
}

static void *wait_in_send(void *argument) {
    waiting *task = (waiting *)argument;
    static char data[1 << 16];
    do task->status = tn_channel_send(task->ends->server, data, sizeof data, TN_FOREVER);
    while (task->status == TN_OK);
    return NULL;
}

static void *wait_in_request(void *argument) {
    waiting *task = (waiting *)argument;
    tn_message reply;
    task->status = tn_channel_request(task->ends->server, 1, "q", 1, TN_FOREVER, &reply);
    return NULL;
}

static void *wait_in_accept(void *argument) {
    waiting *task = (waiting *)argument;
    tn_channel *channel = NULL;
    task->status = tn_listener_accept(task->ends->listener, TN_FOREVER, &channel);
    return NULL;
}

typedef void *(*body)(void *);
static const body channel_waits[] = {wait_in_recv, wait_in_send, wait_in_request};

static void close_wakes_every_waiter(void) {
    for (int round = 0; round < 20; round++) {
        pair ends = open_pair();
        waiting tasks[6];
        pthread_t threads[6];
        for (int i = 0; i < 6; i++) {
            tasks[i] = (waiting){&ends, TN_INTERNAL};
            threads[i] = start(channel_waits[i % 3], &tasks[i]);
        }
        tn_channel_close(ends.server);
        for (int i = 0; i < 6; i++) {
            join(threads[i]);
            STATUS(tasks[i].status, TN_CLOSED);
        }
        free_pair(&ends);
    }
}

static void close_wakes_one_that_has_waited_for_a_while(void) {
    for (int i = 0; i < 3; i++) {
        pair ends = open_pair();
        waiting task = {&ends, TN_INTERNAL};
        pthread_t thread = start(channel_waits[i], &task);
        STATUS(tn_channel_recv(ends.server, NULL, 0, BRIEFLY, &(size_t){0}), TN_TIMED_OUT);
        tn_channel_close(ends.server);
        join(thread);
        STATUS(task.status, TN_CLOSED);
        free_pair(&ends);
    }
}

static void the_peer_s_close_wakes_every_waiter(void) {
    for (int i = 0; i < 3; i++) {
        pair ends = open_pair();
        waiting task = {&ends, TN_INTERNAL};
        pthread_t thread = start(channel_waits[i], &task);
        STATUS(tn_channel_recv(ends.server, NULL, 0, BRIEFLY, &(size_t){0}), TN_TIMED_OUT);
        tn_channel_close(ends.client);
        join(thread);
        STATUS(task.status, TN_CLOSED);
        free_pair(&ends);
    }
}

static void closing_a_listener_wakes_its_accepts(void) {
    for (int round = 0; round < 10; round++) {
        pair ends = {NULL, NULL, NULL};
        tn_channel *none = NULL;
        OK(tn_listener_open(fresh_endpoint().text, &ends.listener));
        waiting first = {&ends, TN_INTERNAL}, second = {&ends, TN_INTERNAL};
        pthread_t one = start(wait_in_accept, &first), two = start(wait_in_accept, &second);
        if (round % 2) STATUS(tn_listener_accept(ends.listener, 5, &none), TN_TIMED_OUT);
        tn_listener_close(ends.listener);
        join(one);
        join(two);
        STATUS(first.status, TN_CLOSED);
        STATUS(second.status, TN_CLOSED);
        tn_listener_free(ends.listener);
    }
}

enum { SENDERS = 4, EACH = 500 };
typedef struct numbered { const tn_channel *channel; uint32_t who; } numbered;
static void *send_numbers(void *argument) {
    numbered *task = (numbered *)argument;
    for (uint32_t i = 0; i < EACH; i++) {
        tn_slice part = {&i, sizeof i};
        OK(tn_channel_sendv(task->channel, task->who, &part, 1, SOON));
    }
    return NULL;
}

static void each_of_many_senders_keeps_its_order(void) {
    pair ends = open_pair_with("ring=4KiB", "ring=4KiB");
    numbered tasks[SENDERS];
    pthread_t threads[SENDERS];
    uint32_t next[SENDERS] = {0}, number = 0;
    for (uint32_t i = 0; i < SENDERS; i++) {
        tasks[i] = (numbered){ends.client, i};
        threads[i] = start(send_numbers, &tasks[i]);
    }
    for (int i = 0; i < SENDERS * EACH; i++) {
        tn_message message;
        OK(tn_channel_recv_message(ends.server, &number, sizeof number, SOON, &message));
        CHECK(message.len == sizeof number && message.tag < SENDERS);
        CHECK(number == next[message.tag]++);
    }
    for (int i = 0; i < SENDERS; i++) join(threads[i]);
    free_pair(&ends);
}

static void *receive_until_closed(void *argument) {
    waiting *task = (waiting *)argument;
    uintptr_t count = 0;
    uint32_t number = 0;
    tn_message message;
    while ((task->status = tn_channel_recv_message(task->ends->server, &number, sizeof number,
                                                   SOON, &message)) == TN_OK)
        count++;
    return (void *)count;
}

static void many_receivers_share_all_messages(void) {
    pair ends = open_pair_with("ring=4KiB", "ring=4KiB");
    waiting tasks[3];
    pthread_t threads[3];
    uintptr_t total = 0;
    numbered task = {ends.client, 0};
    for (int i = 0; i < 3; i++) {
        tasks[i] = (waiting){&ends, TN_INTERNAL};
        threads[i] = start(receive_until_closed, &tasks[i]);
    }
    send_numbers(&task);
    OK(tn_channel_flush(ends.client, SOON));
    tn_channel_close(ends.client);
    for (int i = 0; i < 3; i++) {
        void *count = NULL;
        CHECK(pthread_join(threads[i], &count) == 0);
        STATUS(tasks[i].status, TN_CLOSED);
        total += (uintptr_t)count;
    }
    CHECK(total == EACH);
    free_pair(&ends);
}

static atomic_int ticks, stopped;
static void tick(int number) {
    (void)number;
    ticks++;
}

static void *interrupt_until_stopped(void *argument) {
    pthread_t whom = *(pthread_t *)argument;
    while (!stopped) {
        CHECK(pthread_kill(whom, SIGUSR1) == 0);
        sched_yield();
    }
    return NULL;
}

static void signals_interrupt_no_wait(void) {
    pair ends = open_pair();
    pthread_t self = pthread_self();
    tn_channel *channel = NULL;
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = tick; /* without SA_RESTART */
    CHECK(sigaction(SIGUSR1, &action, NULL) == 0);
    pthread_t thread = start(interrupt_until_stopped, &self);
    int64_t before = now_ms();
    STATUS(tn_channel_recv(ends.server, NULL, 0, 100, &(size_t){0}), TN_TIMED_OUT);
    STATUS(tn_listener_accept(ends.listener, 100, &channel), TN_TIMED_OUT);
    int64_t taken = now_ms() - before;
    stopped = 1;
    join(thread);
    CHECK(taken >= 199 && ticks > 0);
    free_pair(&ends);
}

static const test_case cases[] = {
    CASE(close_wakes_every_waiter),
    CASE(close_wakes_one_that_has_waited_for_a_while),
    CASE(the_peer_s_close_wakes_every_waiter),
    CASE(closing_a_listener_wakes_its_accepts),
    CASE(each_of_many_senders_keeps_its_order),
    CASE(many_receivers_share_all_messages),
    CASE(signals_interrupt_no_wait),
};
MAIN(cases)
