/* NNG over ipc: pair0, its leanest pattern, with its own waiting. */
#include "../common/slices.h" /* first: it asks for all of the system's headers */

#include <nng/nng.h>
#include <nng/protocol/pair0/pair.h>

static char nng_address[96];
static nng_socket nng_peer;

static void open_socket(void)
{
    BENCH_CHECK(nng_pair0_open(&nng_peer) == 0);
    snprintf(nng_address, sizeof nng_address, "ipc:///tmp/%s.nng", bench_unique_name());
}

static void near_open(void)
{
    open_socket();
    BENCH_CHECK(nng_listen(nng_peer, nng_address, NULL, 0) == 0);
}

static void far_open(void)
{
    open_socket();
    BENCH_CHECK(nng_dial(nng_peer, nng_address, NULL, 0) == 0);
}

static void near_close(void) { unlink(nng_address + strlen("ipc://")); }

/* The calls don't change what they send, though they take it as not const. */
BENCH_INLINE void way_send(const unsigned char *data, size_t size)
{
    BENCH_CHECK(nng_send(nng_peer, (void *)(uintptr_t)data, size, 0) == 0);
}

BENCH_INLINE void way_recv(unsigned char *data, size_t size)
{
    size_t length = size;
    BENCH_CHECK(nng_recv(nng_peer, data, &length, 0) == 0 && length == size);
}

static const bench_way nng_way = {way_send, way_recv};
BENCH_SLICES(nng, nng_way, bench_size)

static const bench_contestant ways[] = {
    {.name = "ping", .near_open = near_open, .far_open = far_open, .near_slice = nng_ping,
     .far_slice = nng_echo, .near_close = near_close},
    {.name = "flood", .near_open = near_open, .far_open = far_open, .near_slice = nng_drain,
     .far_slice = nng_flood, .near_close = near_close},
};

int main(int argc, char **argv)
{
    return bench_main(argc, argv, ways, sizeof ways / sizeof ways[0]);
}
