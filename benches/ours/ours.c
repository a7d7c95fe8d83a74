/* treenail through its C ABI, as a C program uses it.
 *
 *     ours WAY BYTES SCHEME[?OPTIONS]      for instance: ours ping 64 'shm?spin=forever'
 *
 * See benches/common/harness.h for how a contestant is run. Both sides use the same endpoint. */
#include "abi.h"
#include "batches.h"
#include "channel.h"
#include "lifetimes.h"
#include "segments.h"
#include "threads.h"

/* ---- one message a call, copied in and copied out ---- */

BENCH_INLINE void copy_send(const unsigned char *data, size_t size)
{
    OURS_OK(tn_channel_send(ours_channel, data, size, TN_FOREVER));
}

BENCH_INLINE void copy_recv(unsigned char *data, size_t size)
{
    size_t length = 0;
    OURS_OK(tn_channel_recv(ours_channel, data, size, TN_FOREVER, &length));
    BENCH_CHECK(length == size);
}

static const bench_way copy_way = {copy_send, copy_recv};
BENCH_SLICES(copy, copy_way, bench_size)

/* ---- in place: a loan to write, a view to read ---- */

static tn_loan ours_loan;
static tn_message ours_view;

BENCH_INLINE unsigned char *place_loan(size_t size)
{
    OURS_OK(tn_channel_loan(ours_channel, size, TN_FOREVER, &ours_loan));
    return ours_loan.data;
}

BENCH_INLINE void place_commit(size_t size)
{
    OURS_OK(ours_commit(ours_channel, &ours_loan, size));
}

BENCH_INLINE const unsigned char *place_view(size_t size)
{
    OURS_OK(tn_channel_recv_view(ours_channel, TN_FOREVER, &ours_view));
    BENCH_CHECK(ours_view.len == size);
    return ours_view.data;
}

BENCH_INLINE void place_release(void)
{
    OURS_OK(tn_channel_release(ours_channel, &ours_view));
}

static const bench_in_place_way place_way = {place_loan, place_commit, place_view, place_release};
BENCH_IN_PLACE_SLICES(place, place_way, bench_size)

/* ---- a receive that finds nothing; an event loop watches the descriptor, or nobody does ---- */

BENCH_INLINE void empty_recv(uint64_t number)
{
    unsigned char byte;
    size_t length;
    (void)number;
    BENCH_CHECK(tn_channel_recv(ours_channel, &byte, 1, TN_NOWAIT, &length) == TN_AGAIN);
}

/* Until it has looked once, messages would go through the socket. */
static void empty_connect(void)
{
    unsigned char byte;
    size_t length;
    ours_connect();
    BENCH_CHECK(tn_channel_recv(ours_channel, &byte, 1, 50, &length) == TN_TIMED_OUT);
}

static void empty_slice(uint64_t ns, bench_result *out)
{
    bench_repeat(empty_recv, BENCH_CHUNK_SMALL, ns, out);
}

static void watched_accept(void)
{
    int fd;
    ours_accept();
    OURS_OK(tn_channel_fd(ours_channel, &fd));
}

/* ---- the table ---- */

#define OURS_PAIR .near_open = ours_listen, .far_open = ours_connect, .near_opened = ours_accept, \
                  .near_close = ours_near_close, .far_close = ours_far_close

static const bench_contestant ours[] = {
    {.name = "ping", OURS_PAIR, .near_slice = copy_ping, .far_slice = copy_echo},
    {.name = "flood", OURS_PAIR, .near_slice = copy_drain, .far_slice = copy_flood},
    {.name = "flood-many", OURS_PAIR, .near_slice = many_drain, .far_slice = many_flood},
    {.name = "flood-view", OURS_PAIR, .near_slice = place_drain, .far_slice = copy_flood},
    {.name = "flood-in-place", OURS_PAIR, .near_slice = place_drain, .far_slice = place_flood},
    {.name = "empty", .near_open = ours_listen, .far_open = empty_connect,
     .near_opened = ours_accept, .near_close = ours_near_close, .far_close = ours_far_close,
     .near_slice = empty_slice},
    {.name = "empty-watched", .near_open = ours_listen, .far_open = empty_connect,
     .near_opened = watched_accept, .near_close = ours_near_close, .far_close = ours_far_close,
     .near_slice = empty_slice},
    {.name = "threads-1", OURS_PAIR, .near_slice = threads_drain, .far_slice = threads_flood_1,
     .unpinned = true},
    {.name = "threads-8", OURS_PAIR, .near_slice = threads_drain, .far_slice = threads_flood_8,
     .unpinned = true},
    {.name = "connect", .far_open = ours_listen, .far_close = ours_far_close,
     .near_slice = connect_near_slice, .far_slice = connect_far_slice},
    {.name = "early", .near_slice = early_near_slice},
    {.name = "kill-idle", .prepare = kill_prepare, .near_open = ours_listen,
     .near_slice = kill_near_slice, .far_slice = kill_idle_far_slice,
     .near_close = ours_near_close},
    {.name = "kill-busy", .prepare = kill_prepare, .near_open = ours_listen,
     .near_slice = kill_near_slice, .far_slice = kill_busy_far_slice,
     .near_close = ours_near_close},
    {.name = "memory", .prepare = memory_prepare, .near_open = ours_listen,
     .near_slice = memory_near_slice, .far_slice = memory_far_slice,
     .near_close = ours_near_close},
    {.name = "segment-ping", .near_open = segment_create, .far_open = segment_open,
     .near_slice = segment_ping, .far_slice = segment_echo, .near_close = segment_free,
     .far_close = segment_free},
    {.name = "segment-once", .near_slice = segment_once_slice},
};

int main(int argc, char **argv)
{
    return bench_main(argc, argv, ours, sizeof ours / sizeof ours[0]);
}
