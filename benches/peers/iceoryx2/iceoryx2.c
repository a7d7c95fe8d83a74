/* iceoryx2, publish-subscribe: polling, or waiting with its own events. The calls into it are in
 * iceoryx2.rs; messages are read in place, as its users read them. */
#include "../../common/in_place.h"

typedef struct iox_side iox_side;
iox_side *iox_open(const char *name, size_t size, size_t slots, bool near, bool waiting);
void iox_close(iox_side *side);
void *iox_loan(iox_side *side, size_t size);
void iox_commit(iox_side *side);
void iox_send(iox_side *side, const void *data, size_t size);
const void *iox_view(iox_side *side, size_t size);
void iox_release(iox_side *side);

static iox_side *side;

/* As many bytes as the floor's ring has, up to the number of samples that iceoryx2 handles well. */
static size_t slots(void)
{
    if (bench_size <= 4096)
        return 1024;
    return bench_size <= 65536 ? 16 : 8;
}

static iox_side *open_side(bool near)
{
    return iox_open(bench_unique_name(), bench_size, slots(), near,
                    strcmp(bench_options, "waiting") == 0);
}

static void near_open(void) { side = open_side(true); }
static void far_open(void) { side = open_side(false); }
static void close_side(void) { iox_close(side); }

static unsigned char *way_loan(size_t size) { return iox_loan(side, size); }
static void way_commit(size_t size) { (void)size; iox_commit(side); }
static const unsigned char *way_view(size_t size) { return iox_view(side, size); }
static void way_release(void) { iox_release(side); }
static void way_send(const unsigned char *data, size_t size) { iox_send(side, data, size); }

static void way_recv(unsigned char *data, size_t size)
{
    memcpy(data, iox_view(side, size), size);
    iox_release(side);
}

static const bench_way copying = {way_send, way_recv};
static const bench_in_place_way in_place = {way_loan, way_commit, way_view, way_release};
BENCH_SLICES(copying, copying, bench_size)
BENCH_IN_PLACE_SLICES(in_place, in_place, bench_size)

static const bench_contestant ways[] = {
    {.name = "ping", .near_open = near_open, .far_open = far_open, .near_slice = copying_ping,
     .far_slice = copying_echo,
     .near_close = close_side, .far_close = close_side},
    {.name = "flood", .near_open = near_open, .far_open = far_open, .near_slice = in_place_drain,
     .far_slice = copying_flood,
     .near_close = close_side, .far_close = close_side},
    {.name = "flood-in-place", .near_open = near_open, .far_open = far_open,
     .near_slice = in_place_drain, .far_slice = in_place_flood,
     .near_close = close_side, .far_close = close_side},
};

int main(int argc, char **argv)
{
    return bench_main(argc, argv, ways, sizeof ways / sizeof ways[0]);
}
