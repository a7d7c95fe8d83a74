/* How channels end: by a close on either side, by a death; and what close wakes. */
#include "check.h"

static void expect_all_closed(const tn_channel *channel, int32_t timeout_ms) {
    _Alignas(16) char buffer[16];
    tn_message message;
    tn_slice slice = {"x", 1};
    tn_loan loan;
    size_t len = 0;
    uint32_t id = 0;
    memset(&message, 0, sizeof message);
    message.id = 1;
    message.flags = TN_MESSAGE_REQUEST;
    STATUS(tn_channel_send(channel, "x", 1, timeout_ms), TN_CLOSED);
    STATUS(tn_channel_sendv(channel, 1, &slice, 1, timeout_ms), TN_CLOSED);
    len = 99;
    STATUS(tn_channel_send_many(channel, &slice, 1, timeout_ms, &len), TN_CLOSED);
    CHECK(len == 0);
    STATUS(tn_channel_reply(channel, &message, "x", 1, timeout_ms), TN_CLOSED);
    STATUS(tn_channel_recv(channel, buffer, 16, timeout_ms, &len), TN_CLOSED);
    STATUS(tn_channel_recv_message(channel, buffer, 16, timeout_ms, &message), TN_CLOSED);
    STATUS(tn_channel_recv_view(channel, timeout_ms, &message), TN_CLOSED);
    STATUS(tn_channel_recv_many(channel, buffer, 16, &message, 1, timeout_ms, &len), TN_CLOSED);
    tn_status status = tn_channel_loan(channel, 1, timeout_ms, &loan);
    if (status == TN_OK) status = tn_channel_commit(channel, &loan, 0, 1, timeout_ms);
    STATUS(status, TN_CLOSED);
    STATUS(tn_channel_request(channel, 1, "x", 1, timeout_ms, &message), TN_CLOSED);
    STATUS(tn_channel_request_start(channel, 1, "x", 1, timeout_ms, &id), TN_CLOSED);
}

static void after_the_own_close_every_call_is_closed_and_unread_messages_are_gone(void) {
    pair ends = open_pair();
    send_text(ends.client, "unread");
    tn_channel_close(ends.server);
    tn_channel_close(ends.server);
    expect_all_closed(ends.server, TN_NOWAIT);
    expect_all_closed(ends.server, TN_FOREVER);
    STATUS(tn_channel_flush(ends.server, TN_FOREVER), TN_CLOSED);
    CHECK(tn_last_error()[0] != '\0');
    free_pair(&ends);
}

static void after_the_peer_s_close_send_ends_at_once_and_recv_drains_first(void) {
    pair ends = open_pair();
    send_text(ends.client, "one");
    send_text(ends.client, "two");
    tn_channel_close(ends.client);
    STATUS(tn_channel_send(ends.server, "x", 1, SOON), TN_CLOSED);
    expect_text(ends.server, "one");
    STATUS(tn_channel_send(ends.server, "x", 1, TN_NOWAIT), TN_CLOSED);
    expect_text(ends.server, "two");
    expect_all_closed(ends.server, TN_NOWAIT);
    expect_all_closed(ends.server, TN_FOREVER);
    free_pair(&ends);
}

static void free_closes(void) {
    pair ends = open_pair();
    send_text(ends.client, "bye");
    tn_channel_free(ends.client);
    ends.client = NULL;
    expect_text(ends.server, "bye");
    STATUS(tn_channel_recv(ends.server, NULL, 0, SOON, &(size_t){0}), TN_CLOSED);
    free_pair(&ends);
}

static void an_open_view_stays_readable_after_close(void) {
    pair ends = open_pair();
    tn_message view;
    send_text(ends.client, "keep me");
    OK(tn_channel_recv_view(ends.server, SOON, &view));
    tn_channel_close(ends.client);
    tn_channel_close(ends.server);
    CHECK(memcmp(view.data, "keep me", 7) == 0);
    tn_status status = tn_channel_release(ends.server, &view);
    CHECK(status == TN_OK || status == TN_CLOSED);
    free_pair(&ends);
}

/* A child that connects, sends three messages and is killed. */
static pid_t child_that_dies(endpoint where) {
    pid_t child = fork_child();
    if (child > 0) return child;
    tn_channel *channel = NULL;
    OK(tn_channel_connect(with_options(where, "retry=1").text, SOON, &channel));
    send_text(channel, "one");
    send_text(channel, "two");
    send_text(channel, "three");
    kill(getpid(), SIGKILL);
    _exit(1);
}

static void a_killed_peer_is_lost_after_all_it_sent(void) {
    endpoint where = fresh_endpoint();
    pid_t child = child_that_dies(where);
    tn_listener *listener = NULL;
    tn_channel *channel = NULL;
    size_t len = 0;
    int fd = -1, status = 0;
    OK(tn_listener_open(where.text, &listener));
    OK(tn_listener_accept(listener, SOON, &channel));
    OK(tn_channel_fd(channel, &fd));
    expect_text(channel, "one");
    expect_text(channel, "two");
    expect_text(channel, "three");
    STATUS(tn_channel_recv(channel, NULL, 0, SOON, &len), TN_PEER_LOST);
    STATUS(tn_channel_recv(channel, NULL, 0, TN_FOREVER, &len), TN_PEER_LOST);
    STATUS(tn_channel_send(channel, "x", 1, TN_NOWAIT), TN_PEER_LOST);
    STATUS(tn_channel_send(channel, "x", 1, TN_FOREVER), TN_PEER_LOST);
    STATUS(tn_channel_request(channel, 1, "x", 1, TN_FOREVER, &(tn_message){0}), TN_PEER_LOST);
    CHECK(readable(fd));
    CHECK(waitpid(child, &status, 0) == child && WIFSIGNALED(status));
    tn_channel_close(channel);
    STATUS(tn_channel_recv(channel, NULL, 0, TN_FOREVER, &len), TN_CLOSED);
    tn_channel_free(channel);
    tn_listener_free(listener);
}

static volatile sig_atomic_t pipe_signals;
static void count_pipe_signal(int number) {
    (void)number;
    pipe_signals++;
}

static void sending_to_a_dead_peer_raises_no_signal(void) {
    endpoint where = fresh_endpoint();
    tn_listener *listener = NULL;
    tn_channel *channel = NULL;
    int status = 0;
    signal(SIGPIPE, SIG_DFL);
    pid_t child = child_that_dies(where);
    OK(tn_listener_open(where.text, &listener));
    OK(tn_listener_accept(listener, SOON, &channel));
    CHECK(waitpid(child, &status, 0) == child);
    tn_status sent = TN_OK; /* never received from: the send itself meets the end */
    int64_t deadline = now_ms() + SOON;
    while (sent == TN_OK && now_ms() < deadline) sent = tn_channel_send(channel, "x", 1, SOON);
    STATUS(sent, TN_PEER_LOST);
    for (int i = 0; i < 100; i++) STATUS(tn_channel_send(channel, "x", 1, SOON), TN_PEER_LOST);
    signal(SIGPIPE, count_pipe_signal);
    STATUS(tn_channel_send(channel, "x", 1, SOON), TN_PEER_LOST);
    tn_channel_free(channel);
    tn_listener_free(listener);
    CHECK(pipe_signals == 0);
    signal(SIGPIPE, SIG_DFL);
}

static void closing_both_ends_raises_no_signal(void) {
    signal(SIGPIPE, SIG_DFL);
    for (int i = 0; i < 20; i++) {
        pair ends = open_pair();
        send_text(ends.client, "unread");
        tn_channel_close(ends.server);
        STATUS(tn_channel_send(ends.client, "x", 1, TN_NOWAIT), TN_CLOSED);
        tn_channel_close(ends.client);
        free_pair(&ends);
    }
}

static void no_descriptor_stays_behind(void) {
    int before = dup(0);
    CHECK(before >= 0 && close(before) == 0);
    for (int i = 0; i < 20; i++) {
        pair ends = open_pair();
        int fd = -1;
        OK(tn_channel_fd(ends.server, &fd));
        send_text(ends.client, "x");
        expect_text(ends.server, "x");
        free_pair(&ends);
    }
    int after = dup(0);
    CHECK(after == before && close(after) == 0);
}

static const test_case cases[] = {
    CASE(after_the_own_close_every_call_is_closed_and_unread_messages_are_gone),
    CASE(after_the_peer_s_close_send_ends_at_once_and_recv_drains_first),
    CASE(free_closes),
    CASE(an_open_view_stays_readable_after_close),
    CASE(a_killed_peer_is_lost_after_all_it_sent),
    CASE(sending_to_a_dead_peer_raises_no_signal),
    CASE(closing_both_ends_raises_no_signal),
    CASE(no_descriptor_stays_behind),
};
MAIN(cases)
