/* ZeroMQ over ipc: PAIR to PAIR, its leanest pattern, with its own waiting and its own batching. */
#include "../common/slices.h" /* first: it asks for all of the system's headers */

#include <zmq.h>

static char zmq_address[96];
static void *zmq_context, *zmq_peer;

static void open_socket(void)
{
    int none = 0;
    zmq_context = zmq_ctx_new();
    zmq_peer = zmq_socket(zmq_context, ZMQ_PAIR);
    BENCH_CHECK(zmq_peer != NULL);
    BENCH_CHECK(zmq_setsockopt(zmq_peer, ZMQ_LINGER, &none, sizeof none) == 0);
    snprintf(zmq_address, sizeof zmq_address, "ipc:///tmp/%s.zmq", bench_unique_name());
}

static void near_open(void)
{
    open_socket();
    BENCH_CHECK(zmq_bind(zmq_peer, zmq_address) == 0);
}

static void far_open(void)
{
    open_socket();
    BENCH_CHECK(zmq_connect(zmq_peer, zmq_address) == 0);
}

static void near_close(void) { unlink(zmq_address + strlen("ipc://")); }

BENCH_INLINE void way_send(const unsigned char *data, size_t size)
{
    BENCH_CHECK(zmq_send(zmq_peer, data, size, 0) == (int)size);
}

BENCH_INLINE void way_recv(unsigned char *data, size_t size)
{
    BENCH_CHECK(zmq_recv(zmq_peer, data, size, 0) == (int)size);
}

static const bench_way zeromq_way = {way_send, way_recv};
BENCH_SLICES(zeromq, zeromq_way, bench_size)

static const bench_contestant ways[] = {
    {.name = "ping", .near_open = near_open, .far_open = far_open, .near_slice = zeromq_ping,
     .far_slice = zeromq_echo, .near_close = near_close},
    {.name = "flood", .near_open = near_open, .far_open = far_open, .near_slice = zeromq_drain,
     .far_slice = zeromq_flood, .near_close = near_close},
};

int main(int argc, char **argv)
{
    return bench_main(argc, argv, ways, sizeof ways / sizeof ways[0]);
}
