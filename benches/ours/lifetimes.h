/* What a channel costs besides its messages: to be made, to be killed, to be there. */
#ifndef OURS_LIFETIMES_H
#define OURS_LIFETIMES_H

#include "channel.h"
#include "../common/kill.h"

#include <sys/resource.h>

/* ---- connect, ask, be answered; far listens ---- */

static void connect_far_slice(uint64_t ns)
{
    unsigned char *buffer = bench_buffer(bench_size);
    size_t length;
    (void)ns;
    do {
        tn_channel *channel;
        OURS_OK(tn_listener_accept(ours_listener, OURS_WAIT_MS, &channel));
        OURS_OK(tn_channel_recv(channel, buffer, bench_size, OURS_WAIT_MS, &length));
        OURS_OK(tn_channel_send(channel, buffer, length, OURS_WAIT_MS));
        tn_channel_free(channel);
    } while (bench_load(buffer) != BENCH_STOP);
    free(buffer);
}

static void connect_once(unsigned char *buffer, uint64_t number)
{
    tn_channel *channel;
    size_t length;
    OURS_OK(tn_channel_connect(ours_endpoint(), OURS_WAIT_MS, &channel));
    bench_stamp(buffer, bench_size, number);
    OURS_OK(tn_channel_send(channel, buffer, bench_size, OURS_WAIT_MS));
    memset(buffer, 0, bench_size);
    OURS_OK(tn_channel_recv(channel, buffer, bench_size, OURS_WAIT_MS, &length));
    BENCH_CHECK(length == bench_size);
    bench_verify(buffer, bench_size, number);
    tn_channel_free(channel);
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
    tn_channel *channel;
    while (result->ns < ns) {
        ours_listen();
        const uint64_t start = bench_now();
        for (int i = 0; i < BENCH_EARLY_CLIENTS; i++) {
            OURS_OK(tn_channel_connect(ours_endpoint(), OURS_WAIT_MS, &channel));
            OURS_OK(tn_channel_send(channel, buffer, bench_size, OURS_WAIT_MS));
            tn_channel_free(channel);
        }
        bench_sample(bench_now() - start);
        result->ns += bench_now() - start;
        result->count += BENCH_EARLY_CLIENTS;
        tn_listener_free(ours_listener);
    }
    bench_percentiles(result, BENCH_EARLY_CLIENTS);
    free(buffer);
}

/* ---- kill -9 of a peer that waits, and of one in the middle of sending ---- */

static void victim_meet(void)
{
    unsigned char hello[64] = {0};
    ours_connect();
    OURS_OK(tn_channel_send(ours_channel, hello, sizeof hello, OURS_WAIT_MS));
}

static void victim_idle(void)
{
    unsigned char buffer[64];
    size_t length;
    victim_meet();
    tn_channel_recv(ours_channel, buffer, sizeof buffer, TN_FOREVER, &length);
}

static void victim_busy(void)
{
    unsigned char message[64] = {0};
    victim_meet();
    while (tn_channel_send(ours_channel, message, sizeof message, TN_FOREVER) == TN_OK) {
    }
}

static void survivor_meet(void)
{
    unsigned char hello[64];
    size_t length;
    ours_accept();
    OURS_OK(tn_channel_recv(ours_channel, hello, sizeof hello, OURS_WAIT_MS, &length));
}

/* Receives what still comes; then it must be the loss that is reported, not a close. */
static void survivor_wait(void)
{
    unsigned char message[64];
    size_t length;
    tn_status status;
    do
        status = tn_channel_recv(ours_channel, message, sizeof message, TN_FOREVER, &length);
    while (status == TN_OK);
    BENCH_CHECK(status == TN_PEER_LOST);
}

static void survivor_part(void)
{
    tn_channel_free(ours_channel);
    ours_channel = NULL;
}

static const kill_story kill_idle = {NULL, victim_idle, NULL, survivor_meet, survivor_wait,
                                     survivor_part};
static const kill_story kill_busy = {NULL, victim_busy, NULL, survivor_meet, survivor_wait,
                                     survivor_part};
static void kill_near_slice(uint64_t ns, bench_result *out) { kill_near(&kill_idle, ns, out); }
static void kill_idle_far_slice(uint64_t ns) { kill_far(&kill_idle, ns); }
static void kill_busy_far_slice(uint64_t ns) { kill_far(&kill_busy, ns); }

/* ---- the memory of channels that are never used: `ns` is bytes here, of both ends together ---- */

#define MEMORY_CHANNELS 1000

static tn_channel *memory_channels[MEMORY_CHANNELS];

static void memory_prepare(void)
{
    struct rlimit limit;
    BENCH_CHECK(getrlimit(RLIMIT_NOFILE, &limit) == 0);
    limit.rlim_cur = limit.rlim_max;
    BENCH_CHECK(setrlimit(RLIMIT_NOFILE, &limit) == 0);
    memset(memory_channels, 0xff, sizeof memory_channels); /* touched before it is counted */
}

/* The proportional set size: a page that two processes map counts half for each. */
static uint64_t memory_pss(pid_t pid)
{
    char path[64], line[256];
    uint64_t kib = 0;
    FILE *file;
    snprintf(path, sizeof path, "/proc/%d/smaps_rollup", (int)pid);
    file = fopen(path, "r");
    BENCH_CHECK(file != NULL);
    while (fgets(line, sizeof line, file))
        if (sscanf(line, "Pss: %" SCNu64, &kib) == 1)
            break;
    fclose(file);
    BENCH_CHECK(kib > 0);
    return kib * 1024;
}

static uint64_t memory_both(void) { return memory_pss(getpid()) + memory_pss(bench_far_pid); }

static void memory_free(void)
{
    for (size_t i = 0; i < MEMORY_CHANNELS; i++)
        tn_channel_free(memory_channels[i]);
}

static void memory_near_slice(uint64_t ns, bench_result *result)
{
    uint64_t before = memory_both(), after, word;
    (void)ns;
    bench_tell(0);
    for (size_t i = 0; i < MEMORY_CHANNELS; i++)
        OURS_OK(tn_listener_accept(ours_listener, OURS_WAIT_MS, &memory_channels[i]));
    BENCH_CHECK(bench_hear(&word));
    after = memory_both();
    result->count = MEMORY_CHANNELS;
    result->ns = after - before;
    bench_tell(0);
    memory_free();
}

static void memory_far_slice(uint64_t ns)
{
    uint64_t word;
    (void)ns;
    BENCH_CHECK(bench_hear(&word));
    for (size_t i = 0; i < MEMORY_CHANNELS; i++)
        OURS_OK(tn_channel_connect(ours_endpoint(), OURS_WAIT_MS, &memory_channels[i]));
    bench_tell(0);
    BENCH_CHECK(bench_hear(&word));
    memory_free();
}

#endif
