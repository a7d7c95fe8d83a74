/* What a channel tells of itself: peer and statistics, in structs that may grow. */
#include "check.h"

#include <stddef.h>

static void the_peer_is_who_the_kernel_says(void) {
    pair ends = open_pair();
    const tn_channel *both[2] = {ends.server, ends.client};
    for (int i = 0; i < 2; i++) {
        tn_peer peer;
        memset(&peer, 0x5a, sizeof peer);
        peer.struct_size = sizeof peer;
        OK(tn_channel_peer(both[i], &peer));
        CHECK(peer.transport == (over_shm() ? TN_TRANSPORT_SHM : TN_TRANSPORT_LOCAL));
        CHECK(peer.pid == getpid() && peer.uid == getuid() && peer.gid == getgid());
        CHECK(memchr(peer.address, '\0', sizeof peer.address) != NULL);
        CHECK(peer.fallback[0] == '\0');
    }
    free_pair(&ends);
}

static void another_process_is_told_by_its_number(void) {
    endpoint where = fresh_endpoint();
    tn_listener *listener = NULL;
    tn_channel *channel = NULL;
    pid_t parent = getpid(), child = fork_child();
    tn_peer peer;
    memset(&peer, 0, sizeof peer);
    peer.struct_size = sizeof peer;
    if (child == 0) {
        OK(tn_channel_connect(with_options(where, "retry=1").text, SOON, &channel));
        OK(tn_channel_peer(channel, &peer));
        CHECK(peer.pid == parent);
        expect_text(channel, "bye");
        _exit(0);
    }
    OK(tn_listener_open(where.text, &listener));
    OK(tn_listener_accept(listener, SOON, &channel));
    OK(tn_channel_peer(channel, &peer));
    CHECK(peer.pid == child);
    send_text(channel, "bye");
    reap(child);
    tn_channel_free(channel);
    tn_listener_free(listener);
}

static tn_stats stats_of(const tn_channel *channel) {
    tn_stats stats;
    memset(&stats, 0x5a, sizeof stats);
    stats.struct_size = sizeof stats;
    OK(tn_channel_stats(channel, &stats));
    return stats;
}

static void messages_and_bytes_are_counted_each_way(void) {
    pair ends = open_pair();
    char buffer[64];
    size_t len = 0;
    for (int i = 0; i < 5; i++) send_text(ends.client, "0123456789");
    OK(tn_channel_send(ends.client, NULL, 0, SOON));
    for (int i = 0; i < 3; i++) OK(tn_channel_recv(ends.server, buffer, 64, SOON, &len));
    tn_stats sender = stats_of(ends.client), receiver = stats_of(ends.server);
    CHECK(sender.messages_sent == 6 && sender.messages_received == 0);
    CHECK(receiver.messages_received == 3 && receiver.messages_sent == 0);
    CHECK(sender.bytes_sent >= 50 && sender.bytes_received == 0);
    CHECK(receiver.bytes_received >= 30 && receiver.bytes_sent == 0);
    CHECK(sender.pending_bytes == 0 && receiver.pending_bytes == 0);
    STATUS(tn_channel_recv(ends.client, buffer, 64, BRIEFLY, &len), TN_TIMED_OUT);
    CHECK(stats_of(ends.client).recv_waits > sender.recv_waits);
    free_pair(&ends);
}

static void the_ring_s_fill_is_told_on_shared_memory(void) {
    pair ends = open_pair_with("ring=16KiB", "ring=16KiB");
    char data[1000] = {0};
    for (int i = 0; i < 8; i++) OK(tn_channel_send(ends.client, data, sizeof data, SOON));
    tn_stats stats = stats_of(ends.client);
    if (over_shm()) {
        CHECK(stats.ring_bytes == 16384);
        CHECK(stats.ring_used >= 8000 && stats.ring_used <= 16384);
        CHECK(stats.ring_used_max >= stats.ring_used);
        for (int i = 0; i < 8; i++) {
            size_t len = 0;
            OK(tn_channel_recv(ends.server, data, sizeof data, SOON, &len));
        }
        tn_stats after = stats_of(ends.client);
        CHECK(after.ring_used < stats.ring_used && after.ring_used_max >= stats.ring_used_max);
    } else {
        CHECK(stats.ring_bytes == 0 && stats.ring_used == 0 && stats.ring_used_max == 0);
    }
    free_pair(&ends);
}

static void a_send_that_waited_is_counted(void) {
    pair ends = open_pair_with("ring=4KiB", "ring=4KiB");
    char data[1000] = {0};
    while (tn_channel_send(ends.client, data, sizeof data, TN_NOWAIT) == TN_OK) continue;
    uint64_t before = stats_of(ends.client).send_waits;
    STATUS(tn_channel_send(ends.client, data, sizeof data, BRIEFLY), TN_TIMED_OUT);
    CHECK(stats_of(ends.client).send_waits > before);
    free_pair(&ends);
}

/* A caller of an older header: its struct ends earlier. */
static void a_smaller_struct_is_filled_as_far_as_it_goes(void) {
    pair ends = open_pair();
    union { tn_stats stats; tn_peer peer; unsigned char bytes[sizeof(tn_peer)]; } space;
    size_t size = offsetof(tn_stats, bytes_sent);
    send_text(ends.client, "x");
    memset(&space, 0x5a, sizeof space);
    space.stats.struct_size = (uint32_t)size;
    OK(tn_channel_stats(ends.client, &space.stats));
    CHECK(space.stats.messages_sent == 1 && space.stats.messages_received == 0);
    for (size_t i = size; i < sizeof space; i++) CHECK(space.bytes[i] == 0x5a);
    size = offsetof(tn_peer, address);
    memset(&space, 0x5a, sizeof space);
    space.peer.struct_size = (uint32_t)size;
    OK(tn_channel_peer(ends.client, &space.peer));
    CHECK(space.peer.pid == getpid() && space.peer.gid == getgid());
    for (size_t i = size; i < sizeof space; i++) CHECK(space.bytes[i] == 0x5a);
    /* As it was before it had `fallback`. */
    size = offsetof(tn_peer, fallback);
    memset(&space, 0x5a, sizeof space);
    space.peer.struct_size = (uint32_t)size;
    OK(tn_channel_peer(ends.client, &space.peer));
    CHECK(space.peer.struct_size == size && strchr(space.peer.address, ':') != NULL);
    for (size_t i = size; i < sizeof space; i++) CHECK(space.bytes[i] == 0x5a);
    struct tn_listener_stats counts;
    size = offsetof(struct tn_listener_stats, refused_user);
    memset(&counts, 0x5a, sizeof counts);
    counts.struct_size = (uint32_t)size;
    OK(tn_listener_stats(ends.listener, &counts));
    CHECK(counts.accepted == 1 && counts.refused_user == 0x5a5a5a5a5a5a5a5a);
    free_pair(&ends);
}

static void a_listener_counts_what_became_of_its_clients(void) {
    pair ends = open_pair();
    struct tn_listener_stats counts;
    memset(&counts, 0x5a, sizeof counts);
    counts.struct_size = sizeof counts;
    OK(tn_listener_stats(ends.listener, &counts));
    CHECK(counts.struct_size == sizeof counts && counts.reserved == 0);
    CHECK(counts.accepted == 1 && counts.channels == 1 && counts.pending == 0);
    CHECK(counts.refused_user + counts.refused_full + counts.refused_protocol == 0);
    CHECK(counts.timed_out == 0 && counts.lost == 0);
    counts.struct_size = 4;
    STATUS(tn_listener_stats(ends.listener, &counts), TN_INVALID);
    free_pair(&ends);
}

/* A shm: channel whose peer has no rings says why it goes through its socket. */
static void a_fallback_has_its_reason(void) {
    endpoint where = fresh_endpoint(), local = where;
    tn_listener *listener = NULL;
    tn_channel *client = NULL, *server = NULL;
    tn_peer peer = {.struct_size = sizeof peer};
    if (!over_shm()) return;
    snprintf(local.text, sizeof local.text, "local%s", strchr(where.text, ':'));
    OK(tn_listener_open(where.text, &listener));
    OK(tn_channel_connect(local.text, SOON, &client));
    OK(tn_listener_accept(listener, SOON, &server));
    OK(tn_channel_peer(server, &peer));
    CHECK(peer.transport == TN_TRANSPORT_LOCAL);
    CHECK(strstr(peer.fallback, "the peer offers no shared memory") != NULL);
    OK(tn_channel_peer(client, &peer));
    CHECK(peer.fallback[0] == '\0');
    tn_channel_free(client);
    tn_channel_free(server);
    tn_listener_free(listener);
}

/* A caller of a newer header: its struct goes on after what this library knows. */
static void a_larger_struct_is_fine(void) {
    pair ends = open_pair();
    struct { tn_stats known; unsigned char more[64]; unsigned char beyond[16]; } stats;
    struct { tn_peer known; unsigned char more[64]; unsigned char beyond[16]; } peer;
    send_text(ends.client, "x");
    memset(&stats, 0x5a, sizeof stats);
    memset(&peer, 0x5a, sizeof peer);
    stats.known.struct_size = sizeof stats.known + sizeof stats.more;
    peer.known.struct_size = sizeof peer.known + sizeof peer.more;
    OK(tn_channel_stats(ends.client, &stats.known));
    OK(tn_channel_peer(ends.client, &peer.known));
    CHECK(stats.known.messages_sent == 1 && peer.known.pid == getpid());
    for (size_t i = 0; i < 16; i++) CHECK(stats.beyond[i] == 0x5a && peer.beyond[i] == 0x5a);
    free_pair(&ends);
}

static void a_struct_without_its_size_is_invalid(void) {
    pair ends = open_pair();
    tn_stats stats;
    tn_peer peer;
    for (uint32_t size = 0; size < 4; size++) {
        memset(&stats, 0, sizeof stats);
        memset(&peer, 0, sizeof peer);
        stats.struct_size = peer.struct_size = size;
        STATUS(tn_channel_stats(ends.client, &stats), TN_INVALID);
        STATUS(tn_channel_peer(ends.client, &peer), TN_INVALID);
    }
    free_pair(&ends);
}

static const test_case cases[] = {
    CASE(the_peer_is_who_the_kernel_says),
    CASE(another_process_is_told_by_its_number),
    CASE(messages_and_bytes_are_counted_each_way),
    CASE(the_ring_s_fill_is_told_on_shared_memory),
    CASE(a_send_that_waited_is_counted),
    CASE(a_smaller_struct_is_filled_as_far_as_it_goes),
    CASE(a_listener_counts_what_became_of_its_clients),
    CASE(a_fallback_has_its_reason),
    CASE(a_larger_struct_is_fine),
    CASE(a_struct_without_its_size_is_invalid),
};
MAIN(cases)
