/* The floors under segments: waking another process by a futex, and shared memory as POSIX has it. */
#ifndef FLOORS_SEGMENTS_H
#define FLOORS_SEGMENTS_H

#include "../common/slices.h"

#include <fcntl.h>
#include <linux/futex.h>
#include <stdatomic.h>
#include <sys/syscall.h>

/* ---- a message in shared memory, and a counter of changes that wakes whoever waits for one ---- */

typedef struct wake_page {
    _Atomic uint32_t version;
    _Alignas(64) unsigned char data[];
} wake_page;

static wake_page *wake_shared;
static uint32_t wake_seen;

static void wake_prepare(void)
{
    wake_shared = mmap(NULL, sizeof(wake_page) + bench_size, PROT_READ | PROT_WRITE,
                       MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    BENCH_CHECK(wake_shared != MAP_FAILED);
}

BENCH_INLINE void wake_send(const unsigned char *data, size_t size)
{
    memcpy(wake_shared->data, data, size);
    atomic_fetch_add_explicit(&wake_shared->version, 1, memory_order_release);
    BENCH_CHECK(syscall(SYS_futex, &wake_shared->version, FUTEX_WAKE, INT32_MAX) >= 0);
    wake_seen++;
}

BENCH_INLINE void wake_recv(unsigned char *data, size_t size)
{
    while (atomic_load_explicit(&wake_shared->version, memory_order_acquire) == wake_seen)
        syscall(SYS_futex, &wake_shared->version, FUTEX_WAIT, wake_seen, NULL);
    wake_seen++;
    memcpy(data, wake_shared->data, size);
}

static const bench_way wake_way = {wake_send, wake_recv};
BENCH_SLICES(wake, wake_way, bench_size)

/* ---- shared memory made, mapped and removed ---- */

static unsigned char *memory_map(int flags)
{
    const int fd = shm_open(bench_unique_name(), O_RDWR | flags, 0600);
    unsigned char *data;
    BENCH_CHECK(fd >= 0);
    if (flags & O_CREAT)
        BENCH_CHECK(ftruncate(fd, (off_t)bench_size) == 0);
    data = mmap(NULL, bench_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    BENCH_CHECK(data != MAP_FAILED && close(fd) == 0);
    return data;
}

static void memory_remove(void) { BENCH_CHECK(shm_unlink(bench_unique_name()) == 0); }
static void memory_unmap(unsigned char *data) { BENCH_CHECK(munmap(data, bench_size) == 0); }

static void memory_once(uint64_t number)
{
    unsigned char *data = memory_map(O_CREAT | O_EXCL);
    bench_stamp(data, bench_size, number);
    memory_remove();
    memory_unmap(data);
}

/* Opened a second time too, as if by somebody else. */
static void memory_twice(uint64_t number)
{
    unsigned char *made = memory_map(O_CREAT | O_EXCL), *opened = memory_map(0);
    bench_stamp(made, bench_size, number);
    bench_verify(opened, bench_size, number);
    memory_remove();
    memory_unmap(opened);
    memory_unmap(made);
}

static void memory_once_slice(uint64_t ns, bench_result *out)
{
    bench_repeat(memory_once, 1, ns, out);
}

static void memory_twice_slice(uint64_t ns, bench_result *out)
{
    bench_repeat(memory_twice, 1, ns, out);
}

#endif
