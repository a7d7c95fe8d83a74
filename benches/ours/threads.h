/* Several threads sending on one handle; near receives with one. Nothing is pinned. A message's
 * number holds its thread and the thread's own count, so order is checked for each thread. */
#ifndef OURS_THREADS_H
#define OURS_THREADS_H

#include "channel.h"

#include <pthread.h>

#define THREADS_MAX 8
#define THREADS_SHIFT 56

typedef struct threads_task {
    pthread_t id;
    uint64_t index, end, sent;
} threads_task;

static void *threads_send(void *argument)
{
    threads_task *task = argument;
    unsigned char *buffer = bench_buffer(bench_size);
    do {
        for (int i = 0; i < BENCH_CHUNK_SMALL; i++) {
            bench_stamp(buffer, bench_size, task->index << THREADS_SHIFT | task->sent++);
            OURS_OK(tn_channel_send(ours_channel, buffer, bench_size, TN_FOREVER));
        }
    } while (bench_now() < task->end);
    free(buffer);
    return NULL;
}

static void threads_flood(uint64_t ns, size_t count)
{
    threads_task tasks[THREADS_MAX];
    const uint64_t end = bench_now() + ns;
    unsigned char *buffer = bench_buffer(bench_size);
    uint64_t total = 0;
    for (size_t i = 0; i < count; i++) {
        tasks[i] = (threads_task){.index = i, .end = end};
        BENCH_CHECK(pthread_create(&tasks[i].id, NULL, threads_send, &tasks[i]) == 0);
    }
    for (size_t i = 0; i < count; i++) {
        BENCH_CHECK(pthread_join(tasks[i].id, NULL) == 0);
        total += tasks[i].sent;
    }
    bench_stamp_stop(buffer, bench_size, total);
    OURS_OK(tn_channel_send(ours_channel, buffer, bench_size, TN_FOREVER));
    free(buffer);
}

static void threads_flood_1(uint64_t ns) { threads_flood(ns, 1); }
static void threads_flood_8(uint64_t ns) { threads_flood(ns, 8); }

static void threads_drain(uint64_t ns, bench_result *result)
{
    uint64_t expected[THREADS_MAX] = {0}, total = 0, start = 0, before = 0, now;
    unsigned char *buffer = bench_buffer(bench_size);
    size_t length;
    (void)ns;
    for (;;) {
        uint64_t number, thread;
        OURS_OK(tn_channel_recv(ours_channel, buffer, bench_size, TN_FOREVER, &length));
        number = bench_load(buffer);
        if (number == BENCH_STOP)
            break;
        thread = number >> THREADS_SHIFT;
        BENCH_CHECK(length == bench_size && thread < THREADS_MAX);
        bench_verify(buffer, bench_size, thread << THREADS_SHIFT | expected[thread]++);
        if (total++ == 0)
            start = before = bench_now();
        if (total % BENCH_CHUNK_SMALL == 0) {
            now = bench_now();
            bench_sample(now - before);
            before = now;
        }
    }
    BENCH_CHECK(bench_load(buffer + 8) == total);
    result->count = total - 1;
    result->ns = bench_now() - start;
    bench_percentiles(result, BENCH_CHUNK_SMALL);
    free(buffer);
}

#endif
