/* When there is no room: TN_AGAIN, TN_TIMED_OUT, remainders, flush. */
#include "check.h"

#define LONG_MESSAGE ((size_t)8 << 20)
#define UNTOUCHED ((size_t)0xfeedbeef)

static uint64_t pending(const tn_channel *channel) {
    tn_stats stats;
    memset(&stats, 0, sizeof stats);
    stats.struct_size = sizeof stats;
    OK(tn_channel_stats(channel, &stats));
    return stats.pending_bytes;
}

/* Sends numbered messages until there is no room; gives how many went. */
static unsigned send_until_full(const tn_channel *channel) {
    char message[1000];
    unsigned count = 0;
    for (;; count++) {
        fill(message, sizeof message, count);
        tn_status status = tn_channel_send(channel, message, sizeof message, TN_NOWAIT);
        if (status == TN_AGAIN) return count;
        OK(status);
        CHECK(count < 1000000);
    }
}

/* Receives messages first to last - 1; what the sender still holds is helped along. */
static void expect_numbered(const pair *ends, unsigned first, unsigned last) {
    char message[1000];
    size_t len = 0;
    for (unsigned i = first; i < last; i++) {
        int64_t deadline = now_ms() + SOON;
        tn_status status = TN_AGAIN;
        while (status == TN_AGAIN) {
            CHECK(now_ms() < deadline);
            (void)tn_channel_flush(ends->client, TN_NOWAIT);
            status = tn_channel_recv(ends->server, message, sizeof message, TN_NOWAIT, &len);
        }
        OK(status);
        CHECK(len == sizeof message && filled(message, len, i));
    }
}

static void what_was_taken_arrives_and_nothing_else(void) {
    pair ends = open_pair_with("ring=4KiB", "ring=4KiB");
    unsigned count = send_until_full(ends.client);
    size_t len = 0;
    CHECK(count >= 1);
    int64_t before = now_ms();
    STATUS(tn_channel_send(ends.client, "late", 4, BRIEFLY), TN_TIMED_OUT);
    CHECK(now_ms() - before >= BRIEFLY - 1);
    tn_slice late = {"late", 4};
    STATUS(tn_channel_sendv(ends.client, 1, &late, 1, TN_NOWAIT), TN_AGAIN);
    len = UNTOUCHED;
    STATUS(tn_channel_send_many(ends.client, &late, 1, TN_NOWAIT, &len), TN_AGAIN);
    CHECK(len == 0);
    len = UNTOUCHED;
    STATUS(tn_channel_send_many(ends.client, &late, 1, BRIEFLY, &len), TN_TIMED_OUT);
    CHECK(len == 0);
    uint32_t id = 77;
    STATUS(tn_channel_request_start(ends.client, 1, "late", 4, TN_NOWAIT, &id), TN_AGAIN);
    STATUS(tn_channel_request_start(ends.client, 1, "late", 4, BRIEFLY, &id), TN_TIMED_OUT);
    CHECK(id == 77);
    expect_numbered(&ends, 0, count);
    CHECK(pending(ends.client) == 0);
    STATUS(tn_channel_recv(ends.server, NULL, 0, TN_NOWAIT, &len), TN_AGAIN);
    free_pair(&ends);
}

static void there_is_room_again_after_the_peer_has_read(void) {
    pair ends = open_pair_with("ring=4KiB", "ring=4KiB");
    unsigned count = send_until_full(ends.client);
    unsigned read = over_shm() ? 2 : count; /* a socket makes room when it likes */
    CHECK(count >= read);
    expect_numbered(&ends, 0, read);
    OK(tn_channel_send(ends.client, "more", 4, SOON));
    expect_numbered(&ends, read, count);
    expect_text(ends.server, "more");
    free_pair(&ends);
}

static void a_batch_that_fits_in_part_says_how_many(void) {
    pair ends = open_pair_with("ring=4KiB", "ring=4KiB");
    static char data[4000][1000];
    static tn_slice all[4000];
    size_t sent = UNTOUCHED, len = 0;
    for (unsigned i = 0; i < 4000; i++) {
        fill(data[i], sizeof data[i], i);
        all[i] = (tn_slice){data[i], sizeof data[i]};
    }
    OK(tn_channel_send_many(ends.client, all, 4000, TN_NOWAIT, &sent));
    CHECK(sent >= 1 && sent < 4000);
    expect_numbered(&ends, 0, (unsigned)sent);
    STATUS(tn_channel_recv(ends.server, NULL, 0, TN_NOWAIT, &len), TN_AGAIN);
    free_pair(&ends);
}

static void *receive_long(void *argument) {
    char *in = (char *)malloc(LONG_MESSAGE);
    size_t len = 0;
    CHECK(in);
    OK(tn_channel_recv((const tn_channel *)argument, in, LONG_MESSAGE, SOON, &len));
    CHECK(len == LONG_MESSAGE && filled(in, len, 5));
    free(in);
    return NULL;
}

static void a_remainder_stays_in_the_handle_until_it_is_flushed(void) {
    pair ends = open_pair_with("ring=64KiB", "ring=64KiB");
    char *out = (char *)malloc(LONG_MESSAGE);
    CHECK(out);
    fill(out, LONG_MESSAGE, 5);
    OK(tn_channel_flush(ends.client, TN_NOWAIT));
    OK(tn_channel_send(ends.client, out, LONG_MESSAGE, TN_NOWAIT));
    memset(out, 0, LONG_MESSAGE); /* it was taken: the caller's buffer is the caller's again */
    free(out);
    CHECK(pending(ends.client) > 0);
    STATUS(tn_channel_flush(ends.client, TN_NOWAIT), TN_AGAIN);
    STATUS(tn_channel_flush(ends.client, BRIEFLY), TN_TIMED_OUT);
    STATUS(tn_channel_send(ends.client, "next", 4, TN_NOWAIT), TN_AGAIN);
    pthread_t thread = start(receive_long, ends.server);
    OK(tn_channel_flush(ends.client, SOON));
    CHECK(pending(ends.client) == 0);
    join(thread);
    send_text(ends.client, "next");
    expect_text(ends.server, "next");
    free_pair(&ends);
}

static void a_remainder_goes_out_when_the_descriptor_is_serviced(void) {
    pair ends = open_pair_with("ring=64KiB", "ring=64KiB");
    char *out = (char *)malloc(LONG_MESSAGE);
    int fd = -1;
    CHECK(out);
    fill(out, LONG_MESSAGE, 5);
    OK(tn_channel_send_fd(ends.client, &fd));
    OK(tn_channel_send(ends.client, out, LONG_MESSAGE, TN_NOWAIT));
    free(out);
    pthread_t thread = start(receive_long, ends.server);
    tn_status status = TN_AGAIN;
    while (status == TN_AGAIN) {
        CHECK(readable_within(fd, SOON));
        status = tn_channel_flush(ends.client, TN_NOWAIT);
    }
    OK(status);
    join(thread);
    free_pair(&ends);
}

static void a_message_cut_off_by_close_is_dropped(void) {
    pair ends = open_pair_with("ring=64KiB", "ring=64KiB");
    char *out = (char *)calloc(1, LONG_MESSAGE);
    size_t len = UNTOUCHED;
    CHECK(out);
    OK(tn_channel_send(ends.client, out, LONG_MESSAGE, TN_NOWAIT));
    CHECK(pending(ends.client) > 0);
    tn_channel_close(ends.client);
    tn_status status = tn_channel_recv(ends.server, out, LONG_MESSAGE, SOON, &len);
    STATUS(status, TN_PEER_LOST); /* part of what was taken is lost */
    CHECK(len == UNTOUCHED);
    free(out);
    free_pair(&ends);
}

static const test_case cases[] = {
    CASE(what_was_taken_arrives_and_nothing_else),
    CASE(there_is_room_again_after_the_peer_has_read),
    CASE(a_batch_that_fits_in_part_says_how_many),
    CASE(a_remainder_stays_in_the_handle_until_it_is_flushed),
    CASE(a_remainder_goes_out_when_the_descriptor_is_serviced),
    CASE(a_message_cut_off_by_close_is_dropped),
};
MAIN(cases)
