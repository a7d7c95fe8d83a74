/* The floor under shared memory: two spinning rings of fixed slots, one a direction, the payload
 * copied in and copied out. One producer and one consumer each; every index has one writer and its
 * own cache line, and each side remembers the other's index until it has to look again (as rigtorp's
 * SPSCQueue does). It never sleeps, checks nothing, and carries one size: nothing that does more can
 * be expected to be faster. */
#ifndef FLOORS_RING_H
#define FLOORS_RING_H

#include <stdatomic.h>

#include "../common/slices.h"

/* Memory a direction: 256 KiB for small messages, the default of treenail's rings; 16 slots of
 * 64 KiB and 8 of 1 MiB, as many bytes as the benchmark gives to treenail's rings there. */
static size_t ring_slots(void)
{
    if (bench_size <= 1024)
        return 256 * 1024 / bench_size;
    return bench_size <= 65536 ? 16 : 8;
}

typedef struct ring {
    _Alignas(64) _Atomic uint64_t tail; /* written by the producer */
    _Alignas(64) _Atomic uint64_t head; /* written by the consumer */
    _Alignas(64) unsigned char slots[];
} ring;

/* What one side of a ring knows by itself. */
typedef struct ring_end {
    ring *shared;
    uint64_t own, other; /* own index; the other side's, as last seen */
} ring_end;

static ring *ring_near_to_far, *ring_far_to_near;
static ring_end ring_out, ring_in;
static uint64_t ring_count;

static ring *ring_map(void)
{
    size_t bytes = sizeof(ring) + ring_slots() * bench_size;
    int fd = memfd_create("bench-floor", MFD_CLOEXEC);
    BENCH_CHECK((ring_slots() & (ring_slots() - 1)) == 0);
    BENCH_CHECK(fd >= 0 && ftruncate(fd, (off_t)bytes) == 0);
    void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, 0);
    BENCH_CHECK(p != MAP_FAILED);
    close(fd);
    return p;
}

static void ring_prepare(void)
{
    ring_count = ring_slots();
    ring_near_to_far = ring_map();
    ring_far_to_near = ring_map();
}

static void ring_near_open(void)
{
    ring_out.shared = ring_near_to_far;
    ring_in.shared = ring_far_to_near;
}

static void ring_far_open(void)
{
    ring_out.shared = ring_far_to_near;
    ring_in.shared = ring_near_to_far;
}

/* Counts are powers of two, so that finding a slot is a mask and not a division. */
BENCH_INLINE unsigned char *ring_slot(ring *r, uint64_t index, size_t size, uint64_t count)
{
    return r->slots + (index & (count - 1)) * size;
}

BENCH_INLINE void ring_push(const unsigned char *data, size_t size, uint64_t count)
{
    ring_end *e = &ring_out;
    while (e->own - e->other == count)
        e->other = atomic_load_explicit(&e->shared->head, memory_order_acquire);
    memcpy(ring_slot(e->shared, e->own, size, count), data, size);
    atomic_store_explicit(&e->shared->tail, ++e->own, memory_order_release);
}

BENCH_INLINE void ring_pop(unsigned char *data, size_t size, uint64_t count)
{
    ring_end *e = &ring_in;
    while (e->own == e->other)
        e->other = atomic_load_explicit(&e->shared->tail, memory_order_acquire);
    memcpy(data, ring_slot(e->shared, e->own, size, count), size);
    atomic_store_explicit(&e->shared->head, ++e->own, memory_order_release);
}

/* With the size known, as in a ring whose type is known: the copies become a few vector moves. */
BENCH_INLINE void ring_send_64(const unsigned char *data, size_t size)
{
    (void)size;
    ring_push(data, 64, 256 * 1024 / 64);
}

BENCH_INLINE void ring_recv_64(unsigned char *data, size_t size)
{
    (void)size;
    ring_pop(data, 64, 256 * 1024 / 64);
}

BENCH_INLINE void ring_send(const unsigned char *data, size_t size) { ring_push(data, size, ring_count); }
BENCH_INLINE void ring_recv(unsigned char *data, size_t size) { ring_pop(data, size, ring_count); }

static const bench_way ring_way_64 = {ring_send_64, ring_recv_64};
static const bench_way ring_way = {ring_send, ring_recv};
BENCH_SLICES(ring_64, ring_way_64, 64)
BENCH_SLICES(ring_any, ring_way, bench_size)

#endif
