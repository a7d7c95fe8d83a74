/* Flood and drain for contestants that write and read a message where it lies: no copies, so that
 * only the marks of a message are touched, whatever its size. */
#ifndef BENCH_IN_PLACE_H
#define BENCH_IN_PLACE_H

#include "slices.h"

typedef struct bench_in_place_way {
    unsigned char *(*loan)(size_t size);
    void (*commit)(size_t size);
    const unsigned char *(*view)(size_t size);
    void (*release)(void);
} bench_in_place_way;

BENCH_INLINE void bench_flood_in_place(const bench_in_place_way way, size_t size, uint64_t ns)
{
    const uint64_t chunk = bench_chunk(size), end = bench_now() + ns;
    uint64_t number = 0;
    do {
        for (uint64_t i = 0; i < chunk; i++) {
            bench_stamp(way.loan(size), size, number++);
            way.commit(size);
        }
    } while (bench_now() < end);
    bench_stamp_stop(way.loan(size), size, number);
    way.commit(size);
}

BENCH_INLINE void bench_drain_in_place(const bench_in_place_way way, size_t size,
                                       bench_result *result)
{
    const uint64_t chunk = bench_chunk(size);
    uint64_t number = 0, start = 0, before = 0, now;
    for (;;) {
        const unsigned char *data = way.view(size);
        if (bench_load(data) == BENCH_STOP) {
            BENCH_CHECK(bench_load(data + 8) == number);
            way.release();
            break;
        }
        bench_verify(data, size, number);
        way.release();
        if (number++ == 0)
            start = before = bench_now();
        if (number % chunk == 0) {
            now = bench_now();
            bench_sample(now - before);
            before = now;
        }
    }
    result->count = number - 1;
    result->ns = bench_now() - start;
    bench_percentiles(result, chunk);
}

/* Makes the two slice functions of a way: NAME_flood and NAME_drain. */
#define BENCH_IN_PLACE_SLICES(NAME, WAY, SIZE)                                                 \
    static BENCH_UNUSED void NAME##_flood(uint64_t ns) { bench_flood_in_place(WAY, SIZE, ns); }\
    static BENCH_UNUSED void NAME##_drain(uint64_t ns, bench_result *out)                      \
    { (void)ns; bench_drain_in_place(WAY, SIZE, out); }

#endif
