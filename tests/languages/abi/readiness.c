/* The contract of a channel's descriptor: level-triggered, one number for life. */
#include "check.h"

static int fd_of(const tn_channel *channel) {
    int fd = -1, again = -1;
    OK(tn_channel_fd(channel, &fd));
    OK(tn_channel_fd(channel, &again));
    CHECK(fd >= 0 && fd == again);
    return fd;
}

static int send_fd_of(const tn_channel *channel) {
    int fd = -1, again = -1;
    OK(tn_channel_send_fd(channel, &fd));
    OK(tn_channel_send_fd(channel, &again));
    CHECK(fd >= 0 && fd == again && fd != fd_of(channel));
    return fd;
}

static void it_starts_readable_and_again_makes_it_unreadable(void) {
    pair ends = open_pair();
    int fd = fd_of(ends.server);
    CHECK(readable(fd));
    CHECK(readable(fd));
    expect_nothing(ends.server);
    CHECK(!readable(fd));
    CHECK(fd == fd_of(ends.server));
    CHECK(!readable(fd));
    free_pair(&ends);
}

static void it_starts_readable_also_when_asked_for_late(void) {
    pair ends = open_pair();
    send_text(ends.client, "early");
    send_text(ends.client, "late");
    expect_text(ends.server, "early");
    CHECK(readable(fd_of(ends.server)));
    expect_text(ends.server, "late");
    CHECK(readable(fd_of(ends.server)));
    expect_nothing(ends.server);
    CHECK(!readable(fd_of(ends.server)));
    free_pair(&ends);
}

static void a_message_makes_it_readable_until_again(void) {
    pair ends = open_pair();
    int fd = fd_of(ends.server);
    for (int round = 0; round < 200; round++) {
        expect_nothing(ends.server);
        CHECK(!readable(fd));
        send_text(ends.client, "one");
        send_text(ends.client, "two");
        CHECK(readable_within(fd, SOON));
        expect_text(ends.server, "one");
        CHECK(readable(fd));
        expect_text(ends.server, "two");
        CHECK(readable(fd)); /* not yet: no call has returned TN_AGAIN */
    }
    free_pair(&ends);
}

static void one_message_per_event_loses_none(void) {
    pair ends = open_pair();
    int fd = fd_of(ends.server);
    char text[16];
    for (int i = 0; i < 100; i++) {
        snprintf(text, sizeof text, "%d", i);
        send_text(ends.client, text);
    }
    for (int i = 0; i < 100; i++) {
        CHECK(readable(fd));
        snprintf(text, sizeof text, "%d", i);
        expect_text(ends.server, text);
    }
    CHECK(readable(fd));
    expect_nothing(ends.server);
    CHECK(!readable(fd));
    free_pair(&ends);
}

static void every_form_of_receiving_keeps_the_contract(void) {
    pair ends = open_pair();
    int fd = fd_of(ends.server);
    _Alignas(16) char buffer[64];
    tn_message message;
    size_t count = 0;
    for (int form = 0; form < 3; form++) {
        send_text(ends.client, "x");
        CHECK(readable_within(fd, SOON));
        tn_status status = TN_OK;
        for (int calls = 0; status == TN_OK; calls++) {
            CHECK(calls < 3 && readable(fd));
            if (form == 0) status = tn_channel_recv_message(ends.server, buffer, 64, 0, &message);
            if (form == 1) status = tn_channel_recv_view(ends.server, 0, &message);
            if (form == 1 && status == TN_OK) OK(tn_channel_release(ends.server, &message));
            if (form == 2)
                status = tn_channel_recv_many(ends.server, buffer, 64, &message, 1, 0, &count);
        }
        STATUS(status, TN_AGAIN);
        CHECK(!readable(fd));
    }
    free_pair(&ends);
}

static void a_message_too_large_for_the_buffer_keeps_it_readable(void) {
    pair ends = open_pair();
    int fd = fd_of(ends.server);
    size_t len = 0;
    expect_nothing(ends.server);
    send_text(ends.client, "long");
    CHECK(readable_within(fd, SOON));
    STATUS(tn_channel_recv(ends.server, NULL, 0, TN_NOWAIT, &len), TN_TOO_LARGE);
    CHECK(readable(fd));
    expect_text(ends.server, "long");
    free_pair(&ends);
}

static void only_a_refused_send_hides_room(void) {
    pair ends = open_pair_with("ring=4KiB", "ring=4KiB");
    int fd = fd_of(ends.client), send_fd = send_fd_of(ends.client);
    char message[1000] = {0};
    size_t len = 0, sent = 0, received = 0;
    expect_nothing(ends.client);
    CHECK(readable(send_fd)); /* it starts so, and receiving calls hide nothing of it */
    OK(tn_channel_send(ends.client, message, sizeof message, TN_NOWAIT));
    OK(tn_channel_recv(ends.server, message, sizeof message, SOON, &len));
    CHECK(!readable(fd) && readable(send_fd));
    tn_status status;
    while ((status = tn_channel_send(ends.client, message, sizeof message, 0)) == TN_OK) sent++;
    STATUS(status, TN_AGAIN);
    CHECK(!readable(send_fd));
    while (received < sent) {
        status = tn_channel_recv(ends.server, message, sizeof message, TN_NOWAIT, &len);
        if (status == TN_OK) received++;
        else STATUS(status, TN_AGAIN);
        if (readable(fd)) (void)tn_channel_recv(ends.client, NULL, 0, TN_NOWAIT, &len);
    }
    CHECK(readable_within(send_fd, SOON));
    OK(tn_channel_send(ends.client, message, sizeof message, TN_NOWAIT));
    CHECK(readable(send_fd));
    free_pair(&ends);
}

static void a_full_ring_wakes_the_sender_s_event_loop(void) {
    pair ends = open_pair_with("ring=4KiB", "ring=4KiB");
    int fd = send_fd_of(ends.client);
    char message[1000] = {0};
    size_t len = 0;
    for (int round = 0; round < 50; round++) {
        size_t sent = 0, received = 0;
        while (tn_channel_send(ends.client, message, sizeof message, TN_NOWAIT) == TN_OK) sent++;
        CHECK(sent > 0 && !readable(fd));
        while (received < sent) {
            tn_status status = tn_channel_recv(ends.server, message, 1000, TN_NOWAIT, &len);
            if (status == TN_OK) received++;
            if (status == TN_AGAIN) { /* the rest is in the sender's handle: it is told of room */
                CHECK(readable_within(fd, SOON));
                (void)tn_channel_flush(ends.client, TN_NOWAIT);
            }
        }
        CHECK(readable_within(fd, SOON));
    }
    free_pair(&ends);
}

static void a_send_that_finds_no_room_does_not_hide_a_message(void) {
    pair ends = open_pair_with("ring=4KiB", "ring=4KiB");
    int fd = fd_of(ends.client);
    char message[1000] = {0};
    expect_nothing(ends.client);
    send_text(ends.server, "look here");
    CHECK(readable_within(fd, SOON));
    while (tn_channel_send(ends.client, message, sizeof message, TN_NOWAIT) == TN_OK) continue;
    CHECK(readable(fd));
    expect_text(ends.client, "look here");
    free_pair(&ends);
}

static void the_peer_s_end_makes_it_readable_and_it_stays_so(void) {
    pair ends = open_pair();
    int fd = fd_of(ends.server);
    size_t len = 0;
    expect_nothing(ends.server);
    CHECK(!readable(fd));
    send_text(ends.client, "last");
    tn_channel_close(ends.client);
    CHECK(readable_within(fd, SOON));
    expect_text(ends.server, "last");
    for (int i = 0; i < 3; i++) {
        CHECK(readable(fd));
        STATUS(tn_channel_recv(ends.server, NULL, 0, TN_NOWAIT, &len), TN_CLOSED);
    }
    CHECK(readable(fd) && fd_of(ends.server) == fd);
    free_pair(&ends);
}

static void after_the_own_close_it_stays_open_and_readable_until_free(void) {
    pair ends = open_pair();
    int fd = fd_of(ends.server);
    expect_nothing(ends.server);
    CHECK(!readable(fd));
    tn_channel_close(ends.server);
    CHECK(readable_within(fd, SOON));
    CHECK(readable(fd));
    free_pair(&ends);
}

static void its_number_survives_the_handshake(void) {
    endpoint where = fresh_endpoint();
    connecting task = {where, NULL, TN_INTERNAL};
    tn_channel *created = NULL;
    OK(tn_channel_create_start(where.text, &created));
    int fd = send_fd_of(created);
    pthread_t thread = start(connect_thread, &task);
    size_t len = 0;
    while (tn_channel_send(created, "hello", 5, TN_NOWAIT) == TN_AGAIN)
        CHECK(readable_within(fd, SOON));
    join(thread);
    OK(task.status);
    CHECK(send_fd_of(created) == fd);
    fd = fd_of(created);
    expect_text(task.channel, "hello");
    STATUS(tn_channel_recv(created, NULL, 0, TN_NOWAIT, &len), TN_AGAIN);
    CHECK(!readable(fd));
    send_text(task.channel, "and back");
    CHECK(readable_within(fd, SOON));
    expect_text(created, "and back");
    tn_channel_free(task.channel);
    tn_channel_free(created);
}

static const test_case cases[] = {
    CASE(it_starts_readable_and_again_makes_it_unreadable),
    CASE(it_starts_readable_also_when_asked_for_late),
    CASE(a_message_makes_it_readable_until_again),
    CASE(one_message_per_event_loses_none),
    CASE(every_form_of_receiving_keeps_the_contract),
    CASE(a_message_too_large_for_the_buffer_keeps_it_readable),
    CASE(only_a_refused_send_hides_room),
    CASE(a_full_ring_wakes_the_sender_s_event_loop),
    CASE(a_send_that_finds_no_room_does_not_hide_a_message),
    CASE(the_peer_s_end_makes_it_readable_and_it_stays_so),
    CASE(after_the_own_close_it_stays_open_and_readable_until_free),
    CASE(its_number_survives_the_handshake),
};
MAIN(cases)
