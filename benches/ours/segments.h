/* A segment whose changes are waited for, and one that is made, opened and freed. */
#ifndef OURS_SEGMENTS_H
#define OURS_SEGMENTS_H

#include "../common/slices.h"
#include "check.h"

/* ---- a message in the data, made known to whoever waits ---- */

static tn_segment *ours_segment;
static uint64_t segment_seen;

static void segment_create(void)
{
    OURS_OK(tn_segment_create(bench_unique_name(), bench_size, &ours_segment));
}

static void segment_open(void) { OURS_OK(tn_segment_open(bench_unique_name(), &ours_segment)); }
static void segment_free(void) { tn_segment_free(ours_segment); }

BENCH_INLINE void segment_send(const unsigned char *data, size_t size)
{
    memcpy(tn_segment_data(ours_segment), data, size);
    OURS_OK(tn_segment_notify(ours_segment));
    segment_seen++;
}

BENCH_INLINE void segment_recv(unsigned char *data, size_t size)
{
    OURS_OK(tn_segment_wait(ours_segment, segment_seen, TN_FOREVER, &segment_seen));
    memcpy(data, tn_segment_data(ours_segment), size);
}

static const bench_way segment_way = {segment_send, segment_recv};
BENCH_SLICES(segment, segment_way, bench_size)

/* ---- made, opened, freed ---- */

static void segment_once(uint64_t number)
{
    tn_segment *made, *opened;
    OURS_OK(tn_segment_create(bench_unique_name(), bench_size, &made));
    OURS_OK(tn_segment_open(bench_unique_name(), &opened));
    bench_stamp(tn_segment_data(made), bench_size, number);
    bench_verify(tn_segment_data(opened), bench_size, number);
    tn_segment_free(opened);
    tn_segment_free(made);
}

static void segment_once_slice(uint64_t ns, bench_result *out)
{
    bench_repeat(segment_once, 1, ns, out);
}

#endif
