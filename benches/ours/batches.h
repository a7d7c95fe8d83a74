/* Many messages a call: send_many and recv_many. As many bytes a batch as the floor's blocks have on a
 * local socket; on shared memory a batch stays well below the ring, so that both sides keep moving. */
#ifndef OURS_BATCHES_H
#define OURS_BATCHES_H

#include "abi.h"
#include "channel.h"

#define MANY_FRAME_HEADER 16
#define MANY_LOCAL_BYTES 65536
#define MANY_SHM_MESSAGES 64
#define MANY_MAX (MANY_LOCAL_BYTES / (MANY_FRAME_HEADER + 32))

static size_t many_batch(void)
{
    if (strncmp(bench_options, "local", 5) == 0)
        return MANY_LOCAL_BYTES / (MANY_FRAME_HEADER + bench_size);
    return MANY_SHM_MESSAGES;
}

static void many_flood(uint64_t ns)
{
    static tn_slice batch[MANY_MAX];
    const size_t count = many_batch(), size = bench_size;
    const uint64_t end = bench_now() + ns;
    unsigned char *buffer = bench_buffer(count * size);
    uint64_t number = 0;
    size_t sent;
    for (size_t i = 0; i < count; i++)
        batch[i] = (tn_slice){buffer + i * size, size};
    do {
        for (size_t i = 0; i < count; i++)
            bench_stamp(buffer + i * size, size, number++);
        for (size_t done = 0; done < count; done += sent)
            OURS_OK(tn_channel_send_many(ours_channel, batch + done, count - done, TN_FOREVER,
                                         &sent));
    } while (bench_now() < end);
    bench_stamp_stop(buffer, size, number);
    OURS_OK(tn_channel_send(ours_channel, buffer, size, TN_FOREVER));
    free(buffer);
}

/* Checks one batch; true when STOP was in it. */
static bool many_check(const ours_received *batch, size_t count, uint64_t *number)
{
    for (size_t i = 0; i < count; i++) {
        const unsigned char *data = batch[i].data;
        BENCH_CHECK(batch[i].len == bench_size);
        if (bench_load(data) == BENCH_STOP) {
            BENCH_CHECK(bench_load(data + 8) == *number && i + 1 == count);
            return true;
        }
        bench_verify(data, bench_size, (*number)++);
    }
    return false;
}

static void many_drain(uint64_t ns, bench_result *result)
{
    static ours_received batch[MANY_MAX];
    const size_t capacity = 65536;
    unsigned char *buffer = bench_buffer(capacity);
    uint64_t number = 0, first = 0, start = 0, before = 0, sampled = 0, now;
    size_t count = 0;
    (void)ns;
    do {
        OURS_OK(ours_recv_many(ours_channel, buffer, capacity, batch, MANY_MAX, TN_FOREVER, &count));
        if (many_check(batch, count, &number))
            break;
        if (start == 0) {
            first = sampled = number;
            start = before = bench_now();
        } else if (number - sampled >= BENCH_CHUNK_SMALL) {
            now = bench_now();
            bench_sample((now - before) / (number - sampled));
            before = now;
            sampled = number;
        }
    } while (true);
    result->count = number - first;
    result->ns = bench_now() - start;
    bench_percentiles(result, 1);
    free(buffer);
}

#endif
