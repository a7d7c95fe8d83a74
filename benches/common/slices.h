/* The slices that most contestants share: ping and echo for round trips, flood and drain for one way.
 *
 * `bench_way` gives the two verbs. The functions are always inlined, so that with a constant way the
 * verbs are direct calls, or part of the loop: a floor has nothing between it and its memory. */
#ifndef BENCH_SLICES_H
#define BENCH_SLICES_H

#include "harness.h"

typedef struct bench_way {
    void (*send)(const unsigned char *data, size_t size);
    void (*recv)(unsigned char *data, size_t size); /* exactly one message of that size */
} bench_way;

/* How many small operations pass between two looks at the clock, which takes 20 to 40 ns itself. */
#define BENCH_PINGS_PER_CLOCK 16
#define BENCH_CHUNK_SMALL 64

BENCH_INLINE uint64_t bench_chunk(size_t size) { return size <= 1024 ? BENCH_CHUNK_SMALL : 1; }

BENCH_INLINE void bench_ping_once(const bench_way way, unsigned char *out, unsigned char *in,
                                  size_t size, uint64_t number)
{
    bench_stamp(out, size, number);
    way.send(out, size);
    way.recv(in, size);
    bench_verify(in, size, number);
}

/* Most of the slice is timed as a whole; single round trips are timed at its end, for p50 and p99. */
BENCH_INLINE void bench_ping(const bench_way way, size_t size, uint64_t ns, bench_result *result)
{
    static unsigned char *out, *in;
    uint64_t number = 0, start, now, before;
    if (!out) {
        out = bench_buffer(size);
        in = bench_buffer(size);
    }
    start = now = bench_now();
    while (now < start + ns / 5 * 4) {
        for (int i = 0; i < BENCH_PINGS_PER_CLOCK; i++)
            bench_ping_once(way, out, in, size, number++);
        now = bench_now();
    }
    result->count = number;
    result->ns = now - start;
    do {
        before = bench_now();
        bench_ping_once(way, out, in, size, number++);
        now = bench_now();
        bench_sample(now - before);
    } while (now < start + ns);
    bench_stamp_stop(out, size, number);
    way.send(out, size);
    bench_percentiles(result, 1);
}

BENCH_INLINE void bench_echo(const bench_way way, size_t size)
{
    static unsigned char *buffer;
    uint64_t number = 0;
    if (!buffer)
        buffer = bench_buffer(size);
    for (;;) {
        way.recv(buffer, size);
        if (bench_load(buffer) == BENCH_STOP)
            break;
        bench_verify(buffer, size, number++);
        way.send(buffer, size);
    }
    BENCH_CHECK(bench_load(buffer + 8) == number);
}

/* Sends until the time is over, then says how many there were. */
BENCH_INLINE void bench_flood(const bench_way way, size_t size, uint64_t ns)
{
    static unsigned char *buffer;
    const uint64_t chunk = bench_chunk(size), end = bench_now() + ns;
    uint64_t number = 0;
    if (!buffer)
        buffer = bench_buffer(size);
    do {
        for (uint64_t i = 0; i < chunk; i++) {
            bench_stamp(buffer, size, number++);
            way.send(buffer, size);
        }
    } while (bench_now() < end);
    bench_stamp_stop(buffer, size, number);
    way.send(buffer, size);
}

/* The rate is taken where the messages arrive, from the first to the last. */
BENCH_INLINE void bench_drain(const bench_way way, size_t size, bench_result *result)
{
    static unsigned char *buffer;
    const uint64_t chunk = bench_chunk(size);
    uint64_t number = 0, start, before, now;
    if (!buffer)
        buffer = bench_buffer(size);
    way.recv(buffer, size);
    bench_verify(buffer, size, number++);
    start = before = bench_now();
    for (;;) {
        way.recv(buffer, size);
        if (bench_load(buffer) == BENCH_STOP)
            break;
        bench_verify(buffer, size, number++);
        if (number % chunk == 0) {
            now = bench_now();
            bench_sample(now - before);
            before = now;
        }
    }
    BENCH_CHECK(bench_load(buffer + 8) == number);
    result->count = number - 1;
    result->ns = bench_now() - start;
    bench_percentiles(result, chunk);
}

/* Does again and again what far has no part in, `group` times between two looks at the clock. */
BENCH_INLINE void bench_repeat(void (*once)(uint64_t number), uint64_t group, uint64_t ns,
                               bench_result *result)
{
    uint64_t number = 0, before, now = bench_now();
    const uint64_t end = now + ns;
    do {
        before = now;
        for (uint64_t i = 0; i < group; i++)
            once(number++);
        now = bench_now();
        bench_sample(now - before);
    } while (now < end);
    bench_median(result, group);
}

/* Makes the four slice functions of a way: NAME_ping, NAME_echo, NAME_flood and NAME_drain. */
#define BENCH_SLICES(NAME, WAY, SIZE)                                                          \
    static BENCH_UNUSED void NAME##_ping(uint64_t ns, bench_result *out)                       \
    { bench_ping(WAY, SIZE, ns, out); }                                                        \
    static BENCH_UNUSED void NAME##_echo(uint64_t ns) { (void)ns; bench_echo(WAY, SIZE); }     \
    static BENCH_UNUSED void NAME##_flood(uint64_t ns) { bench_flood(WAY, SIZE, ns); }         \
    static BENCH_UNUSED void NAME##_drain(uint64_t ns, bench_result *out)                      \
    { (void)ns; bench_drain(WAY, SIZE, out); }

#endif
