/* The floors: what the machine can do with plain system calls, plain memory and nothing else.
 *
 *     floors WAY [BYTES]
 *
 * See benches/common/harness.h for how a contestant is run. */
#include "ring.h"
#include "segments.h"

#include <sys/eventfd.h>
#include <sys/un.h>

/* ---- bytes through two descriptors: pipes, a Unix stream socket ---- */

static int fd_in, fd_out;         /* this side's */
static int fds_near[2], fds_far[2]; /* in, out */

static void fd_near_open(void) { fd_in = fds_near[0]; fd_out = fds_near[1]; }
static void fd_far_open(void) { fd_in = fds_far[0]; fd_out = fds_far[1]; }

static void pipe_prepare(void)
{
    int to_far[2], to_near[2];
    BENCH_CHECK(pipe(to_far) == 0 && pipe(to_near) == 0);
    fds_near[0] = to_near[0]; fds_near[1] = to_far[1];
    fds_far[0] = to_far[0];   fds_far[1] = to_near[1];
}

static void socket_prepare(void)
{
    int pair[2];
    BENCH_CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
    fds_near[0] = fds_near[1] = pair[0];
    fds_far[0] = fds_far[1] = pair[1];
}

BENCH_INLINE void pipe_send(const unsigned char *data, size_t size)
{
    BENCH_CHECK(write(fd_out, data, size) == (ssize_t)size);
}

BENCH_INLINE void pipe_recv(unsigned char *data, size_t size)
{
    BENCH_CHECK(read(fd_in, data, size) == (ssize_t)size);
}

BENCH_INLINE void socket_send(const unsigned char *data, size_t size)
{
    BENCH_CHECK(send(fd_out, data, size, MSG_NOSIGNAL) == (ssize_t)size);
}

/* Blocks in the receive call itself. */
BENCH_INLINE void socket_recv(unsigned char *data, size_t size)
{
    BENCH_CHECK(recv(fd_in, data, size, MSG_WAITALL) == (ssize_t)size);
}

static const bench_way pipe_way = {pipe_send, pipe_recv};
static const bench_way socket_way = {socket_send, socket_recv};
BENCH_SLICES(pipe, pipe_way, bench_size)
BENCH_SLICES(socket, socket_way, bench_size)

/* ---- a read of a pipe that is empty ---- */

static void empty_prepare(void)
{
    pipe_prepare();
    BENCH_CHECK(fcntl(fds_near[0], F_SETFL, O_NONBLOCK) == 0);
}

BENCH_INLINE void empty_read(uint64_t number)
{
    unsigned char byte;
    (void)number;
    BENCH_CHECK(read(fd_in, &byte, 1) == -1 && errno == EAGAIN);
}

static void empty_slice(uint64_t ns, bench_result *out)
{
    bench_repeat(empty_read, BENCH_CHUNK_SMALL, ns, out);
}

/* ---- eventfd: carries a number and no bytes, so the number is what is checked ---- */

static void eventfd_prepare(void)
{
    int to_far = eventfd(0, EFD_CLOEXEC), to_near = eventfd(0, EFD_CLOEXEC);
    BENCH_CHECK(to_far >= 0 && to_near >= 0);
    fds_near[0] = to_near; fds_near[1] = to_far;
    fds_far[0] = to_far;   fds_far[1] = to_near;
}

/* 0 would not wake the reader and the two highest values are not allowed: numbers go up by one, and
 * STOP with its count becomes the count with the highest bit set. */
#define EVENTFD_STOP (UINT64_C(1) << 63)

BENCH_INLINE void eventfd_send(const unsigned char *data, size_t size)
{
    uint64_t number = bench_load(data), word = number + 1;
    (void)size;
    if (number == BENCH_STOP)
        word = EVENTFD_STOP | bench_load(data + 8);
    BENCH_CHECK(write(fd_out, &word, 8) == 8);
}

BENCH_INLINE void eventfd_recv(unsigned char *data, size_t size)
{
    uint64_t word;
    BENCH_CHECK(read(fd_in, &word, 8) == 8);
    if (word & EVENTFD_STOP)
        bench_stamp_stop(data, size, word & ~EVENTFD_STOP);
    else
        bench_stamp(data, size, word - 1);
}

static const bench_way eventfd_way = {eventfd_send, eventfd_recv};
BENCH_SLICES(eventfd, eventfd_way, bench_size)

/* ---- a Unix socket with 64 KiB blocks of frames: a 16-byte header each, written where they lie ---- */

#define FRAME_HEADER 16
#define BLOCK_MAX 65536

static size_t frame_size(void) { return FRAME_HEADER + bench_size; }

static void blocks_flood(uint64_t ns)
{
    static unsigned char block[BLOCK_MAX];
    const size_t frame = frame_size(), frames = BLOCK_MAX / frame;
    const uint64_t end = bench_now() + ns;
    uint64_t number = 0;
    do {
        for (size_t i = 0; i < frames; i++) {
            bench_store(block + i * frame, bench_size);
            bench_stamp(block + i * frame + FRAME_HEADER, bench_size, number++);
        }
        socket_send(block, frames * frame);
    } while (bench_now() < end);
    bench_stamp_stop(block + FRAME_HEADER, bench_size, number);
    socket_send(block, frames * frame);
}

static void blocks_drain(uint64_t ns, bench_result *result)
{
    static unsigned char block[BLOCK_MAX];
    const size_t frame = frame_size(), frames = BLOCK_MAX / frame;
    uint64_t number = 0, start = 0, before = 0, now;
    (void)ns;
    for (;;) {
        socket_recv(block, frames * frame);
        if (bench_load(block + FRAME_HEADER) == BENCH_STOP)
            break;
        for (size_t i = 0; i < frames; i++) {
            BENCH_CHECK(bench_load(block + i * frame) == bench_size);
            bench_verify(block + i * frame + FRAME_HEADER, bench_size, number++);
        }
        now = bench_now();
        if (start == 0)
            start = now;
        else
            bench_sample(now - before);
        before = now;
    }
    BENCH_CHECK(bench_load(block + FRAME_HEADER + 8) == number);
    result->count = number - frames;
    result->ns = bench_now() - start;
    bench_percentiles(result, frames);
}

/* ---- memcpy: one copy, one processor, as much memory as a ring has ---- */

static void memcpy_slice(uint64_t ns, bench_result *result)
{
    static unsigned char *from, *to;
    const size_t slots = ring_slots();
    uint64_t number = 0, start, now;
    if (!from) {
        from = bench_buffer(bench_size);
        to = bench_buffer(bench_size * slots);
    }
    start = now = bench_now();
    while (now < start + ns) {
        unsigned char *slot = to + number % slots * bench_size;
        uint64_t before = now;
        bench_stamp(from, bench_size, number);
        memcpy(slot, from, bench_size);
        bench_verify(slot, bench_size, number++);
        now = bench_now();
        bench_sample(now - before);
    }
    result->count = number;
    result->ns = now - start;
    bench_percentiles(result, 1);
}

/* ---- connect, ask, be answered, over a Unix socket in the file system ---- */

static struct sockaddr_un connect_address;
static int connect_listener;

static void connect_prepare(void)
{
    connect_address.sun_family = AF_UNIX;
    snprintf(connect_address.sun_path, sizeof connect_address.sun_path, "/tmp/%s.sock",
             bench_unique_name());
}

static void connect_far_open(void)
{
    connect_listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    BENCH_CHECK(connect_listener >= 0);
    BENCH_CHECK(bind(connect_listener, (struct sockaddr *)&connect_address,
                     sizeof connect_address) == 0);
    BENCH_CHECK(listen(connect_listener, 64) == 0);
}

static void connect_near_close(void) { unlink(connect_address.sun_path); }

/* Answers with what was asked; an ask that says STOP is answered too, and ends the slice. */
static void connect_far_slice(uint64_t ns)
{
    unsigned char *buffer = bench_buffer(bench_size);
    (void)ns;
    do {
        fd_in = fd_out = accept4(connect_listener, NULL, NULL, SOCK_CLOEXEC);
        BENCH_CHECK(fd_in >= 0);
        socket_recv(buffer, bench_size);
        socket_send(buffer, bench_size);
        close(fd_in);
    } while (bench_load(buffer) != BENCH_STOP);
    free(buffer);
}

static void connect_once(unsigned char *buffer, uint64_t number)
{
    fd_in = fd_out = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    BENCH_CHECK(fd_in >= 0);
    BENCH_CHECK(connect(fd_in, (struct sockaddr *)&connect_address, sizeof connect_address) == 0);
    bench_stamp(buffer, bench_size, number);
    socket_send(buffer, bench_size);
    memset(buffer, 0, bench_size);
    socket_recv(buffer, bench_size);
    bench_verify(buffer, bench_size, number);
    close(fd_in);
}

static void connect_near_slice(uint64_t ns, bench_result *result)
{
    unsigned char *buffer = bench_buffer(bench_size);
    uint64_t start = bench_now(), now = start, before;
    while (now < start + ns) {
        before = now;
        connect_once(buffer, result->count++);
        now = bench_now();
        bench_sample(now - before);
    }
    result->ns = now - start;
    bench_percentiles(result, 1);
    connect_once(buffer, BENCH_STOP);
    free(buffer);
}

/* ---- connect, send and close, while nobody accepts ---- */

static void early_near_slice(uint64_t ns, bench_result *result)
{
    unsigned char *buffer = bench_buffer(bench_size);
    while (result->ns < ns) {
        connect_far_open();
        const uint64_t start = bench_now();
        for (int i = 0; i < BENCH_EARLY_CLIENTS; i++) {
            const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
            BENCH_CHECK(connect(fd, (struct sockaddr *)&connect_address,
                                sizeof connect_address) == 0);
            BENCH_CHECK(send(fd, buffer, bench_size, MSG_NOSIGNAL) == (ssize_t)bench_size);
            close(fd);
        }
        bench_sample(bench_now() - start);
        result->ns += bench_now() - start;
        result->count += BENCH_EARLY_CLIENTS;
        close(connect_listener);
        unlink(connect_address.sun_path);
    }
    bench_percentiles(result, BENCH_EARLY_CLIENTS);
    free(buffer);
}

/* ---- kill -9 until the end of the stream is seen; far is the victims' parent ---- */

#include "../common/kill.h"

static void kill_victim(void)
{
    unsigned char hello = 1;
    BENCH_CHECK(write(fds_far[1], &hello, 1) == 1);
    for (;;)
        pause();
}

/* Each victim needs a socket of its own: near connects to far's listener, far hands it to the child. */
static void kill_before_fork(void)
{
    fds_far[0] = fds_far[1] = accept4(connect_listener, NULL, NULL, SOCK_CLOEXEC);
    BENCH_CHECK(fds_far[0] >= 0);
}

static void kill_after_fork(void) { close(fds_far[0]); }

static void kill_meet(void)
{
    unsigned char hello = 0;
    fd_in = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    BENCH_CHECK(connect(fd_in, (struct sockaddr *)&connect_address, sizeof connect_address) == 0);
    BENCH_CHECK(read(fd_in, &hello, 1) == 1 && hello == 1);
}

static void kill_wait(void)
{
    unsigned char byte;
    BENCH_CHECK(read(fd_in, &byte, 1) == 0);
}

static void kill_part(void) { close(fd_in); }

static const kill_story kill_floor = {kill_before_fork, kill_victim, kill_after_fork,
                                      kill_meet, kill_wait, kill_part};
static void kill_near_slice(uint64_t ns, bench_result *out) { kill_near(&kill_floor, ns, out); }
static void kill_far_slice(uint64_t ns) { kill_far(&kill_floor, ns); }
static void kill_floor_prepare(void) { connect_prepare(); kill_prepare(); }

/* ---- the table ---- */

static const bench_contestant floors[] = {
    {.name = "ring-ping-64", .prepare = ring_prepare, .near_open = ring_near_open,
     .far_open = ring_far_open, .near_slice = ring_64_ping, .far_slice = ring_64_echo},
    {.name = "ring-flood-64", .prepare = ring_prepare, .near_open = ring_near_open,
     .far_open = ring_far_open, .near_slice = ring_64_drain, .far_slice = ring_64_flood},
    {.name = "ring-flood", .prepare = ring_prepare, .near_open = ring_near_open,
     .far_open = ring_far_open, .near_slice = ring_any_drain, .far_slice = ring_any_flood},
    {.name = "pipe-ping", .prepare = pipe_prepare, .near_open = fd_near_open,
     .far_open = fd_far_open, .near_slice = pipe_ping, .far_slice = pipe_echo},
    {.name = "pipe-empty", .prepare = empty_prepare, .near_open = fd_near_open,
     .far_open = fd_far_open, .near_slice = empty_slice},
    {.name = "eventfd-ping", .prepare = eventfd_prepare, .near_open = fd_near_open,
     .far_open = fd_far_open, .near_slice = eventfd_ping, .far_slice = eventfd_echo},
    {.name = "socket-ping", .prepare = socket_prepare, .near_open = fd_near_open,
     .far_open = fd_far_open, .near_slice = socket_ping, .far_slice = socket_echo},
    {.name = "socket-flood", .prepare = socket_prepare, .near_open = fd_near_open,
     .far_open = fd_far_open, .near_slice = socket_drain, .far_slice = socket_flood},
    {.name = "socket-blocks", .prepare = socket_prepare, .near_open = fd_near_open,
     .far_open = fd_far_open, .near_slice = blocks_drain, .far_slice = blocks_flood},
    {.name = "memcpy", .near_slice = memcpy_slice},
    {.name = "connect", .prepare = connect_prepare, .far_open = connect_far_open,
     .near_slice = connect_near_slice, .far_slice = connect_far_slice,
     .near_close = connect_near_close},
    {.name = "early", .prepare = connect_prepare, .near_slice = early_near_slice},
    {.name = "futex-ping", .prepare = wake_prepare, .near_slice = wake_ping,
     .far_slice = wake_echo},
    {.name = "shm-once", .near_slice = memory_once_slice},
    {.name = "shm-twice", .near_slice = memory_twice_slice},
    {.name = "kill", .prepare = kill_floor_prepare, .far_open = connect_far_open,
     .near_slice = kill_near_slice, .far_slice = kill_far_slice, .near_close = connect_near_close},
};

int main(int argc, char **argv)
{
    return bench_main(argc, argv, floors, sizeof floors / sizeof floors[0]);
}
