/* A forked child may not use its parent's handles, and does no harm by trying. */
#include "check.h"

static void touch_channel(const tn_channel *channel) {
    char buffer[16];
    tn_slice slice = {"x", 1};
    tn_message message;
    tn_loan loan;
    tn_peer peer;
    tn_stats stats;
    size_t len = 0;
    uint32_t id = 0;
    int fd = -1;
    memset(&message, 0, sizeof message);
    message.id = 1;
    message.flags = TN_MESSAGE_REQUEST;
    peer.struct_size = sizeof peer;
    stats.struct_size = sizeof stats;
    STATUS(tn_channel_send(channel, "child", 5, TN_FOREVER), TN_INVALID);
    CHECK(strstr(tn_last_error(), "fork") != NULL);
    STATUS(tn_channel_sendv(channel, 1, &slice, 1, TN_FOREVER), TN_INVALID);
    STATUS(tn_channel_send_many(channel, &slice, 1, TN_FOREVER, &len), TN_INVALID);
    STATUS(tn_channel_recv(channel, buffer, 16, TN_FOREVER, &len), TN_INVALID);
    STATUS(tn_channel_recv_message(channel, buffer, 16, TN_FOREVER, &message), TN_INVALID);
    STATUS(tn_channel_recv_view(channel, TN_FOREVER, &message), TN_INVALID);
    STATUS(tn_channel_recv_many(channel, buffer, 16, &message, 1, TN_FOREVER, &len), TN_INVALID);
    STATUS(tn_channel_loan(channel, 1, TN_FOREVER, &loan), TN_INVALID);
    STATUS(tn_channel_request(channel, 1, "x", 1, TN_FOREVER, &message), TN_INVALID);
    STATUS(tn_channel_request_start(channel, 1, "x", 1, TN_FOREVER, &id), TN_INVALID);
    STATUS(tn_channel_reply(channel, &message, "x", 1, TN_FOREVER), TN_INVALID);
    STATUS(tn_channel_flush(channel, TN_FOREVER), TN_INVALID);
    STATUS(tn_channel_fd(channel, &fd), TN_INVALID);
    STATUS(tn_channel_peer(channel, &peer), TN_INVALID);
    STATUS(tn_channel_stats(channel, &stats), TN_INVALID);
    tn_channel_close(channel);
}

static void touch_the_others(const tn_listener *listener, const tn_poller *poller) {
    tn_channel *channel = NULL;
    char buffer[300];
    uint64_t key = 0;
    size_t len = 0;
    int fd = -1;
    STATUS(tn_listener_accept(listener, TN_FOREVER, &channel), TN_INVALID);
    STATUS(tn_listener_fd(listener, &fd), TN_INVALID);
    struct tn_listener_stats counts = {.struct_size = sizeof counts};
    STATUS(tn_listener_stats(listener, &counts), TN_INVALID);
    STATUS(tn_listener_endpoint(listener, buffer, sizeof buffer, &len), TN_INVALID);
    tn_listener_close(listener);
    STATUS(tn_poller_wait(poller, TN_FOREVER, &key, 1, &len), TN_INVALID);
    STATUS(tn_poller_add_fd(poller, 0, 99), TN_INVALID);
    STATUS(tn_poller_remove(poller, 1), TN_INVALID);
    STATUS(tn_poller_wake(poller), TN_INVALID);
    STATUS(tn_poller_fd(poller, &fd), TN_INVALID);
}

static void a_child_is_refused_and_its_parent_goes_on(void) {
    pair ends = open_pair();
    tn_poller *poller = NULL;
    uint64_t key = 0;
    size_t count = 0;
    OK(tn_poller_new(&poller));
    OK(tn_poller_add_channel(poller, ends.server, 1));
    send_text(ends.client, "sent before");
    pid_t child = fork_child();
    if (child == 0) {
        touch_channel(ends.server);
        touch_channel(ends.client);
        touch_the_others(ends.listener, poller);
        tn_poller_free(poller);
        free_pair(&ends);
        _exit(0);
    }
    reap(child);
    OK(tn_poller_wait(poller, SOON, &key, 1, &count));
    CHECK(count == 1 && key == 1);
    expect_text(ends.server, "sent before");
    send_text(ends.server, "and after");
    expect_text(ends.client, "and after");
    expect_nothing(ends.server);
    STATUS(tn_poller_wait(poller, TN_NOWAIT, &key, 1, &count), TN_AGAIN);
    tn_poller_free(poller);
    free_pair(&ends);
}

static void a_child_may_open_its_own(void) {
    endpoint where = fresh_endpoint();
    tn_listener *listener = NULL;
    tn_channel *channel = NULL;
    OK(tn_listener_open(where.text, &listener));
    pid_t child = fork_child();
    if (child == 0) {
        OK(tn_channel_connect(where.text, SOON, &channel));
        send_text(channel, "I am new here");
        expect_text(channel, "welcome");
        tn_channel_free(channel);
        tn_listener_free(listener);
        _exit(0);
    }
    OK(tn_listener_accept(listener, SOON, &channel));
    expect_text(channel, "I am new here");
    send_text(channel, "welcome");
    reap(child);
    STATUS(tn_channel_recv(channel, NULL, 0, SOON, &(size_t){0}), TN_CLOSED);
    tn_channel_free(channel);
    tn_listener_free(listener);
}

/* The child frees its copy of a listener; the name must still be its parent's. */
static void a_child_s_free_leaves_the_name_to_its_parent(void) {
    endpoint where = fresh_endpoint();
    tn_listener *listener = NULL, *second = NULL;
    OK(tn_listener_open(where.text, &listener));
    pid_t child = fork_child();
    if (child == 0) {
        tn_listener_close(listener);
        tn_listener_free(listener);
        STATUS(tn_listener_open(where.text, &second), TN_EXISTS);
        _exit(0);
    }
    reap(child);
    STATUS(tn_listener_open(where.text, &second), TN_EXISTS);
    tn_listener_free(listener);
}

/* A child that lives on keeps nothing open: its parent's end is noticed. */
static void an_end_is_noticed_though_a_child_lives_on(void) {
    endpoint where = fresh_endpoint();
    int held[2], status = 0;
    CHECK(pipe(held) == 0);
    pid_t peer = fork_child();
    if (peer == 0) {
        tn_channel *channel = NULL;
        OK(tn_channel_connect(with_options(where, "retry=1").text, SOON, &channel));
        if (fork_child() == 0) { /* lives until the test closes its pipe */
            char byte;
            close(held[1]);
            _exit(read(held[0], &byte, 1) == 0 ? 0 : 1);
        }
        send_text(channel, "forked");
        kill(getpid(), SIGKILL);
    }
    tn_listener *listener = NULL;
    tn_channel *channel = NULL;
    OK(tn_listener_open(where.text, &listener));
    OK(tn_listener_accept(listener, SOON, &channel));
    expect_text(channel, "forked");
    STATUS(tn_channel_recv(channel, NULL, 0, SOON, &(size_t){0}), TN_PEER_LOST);
    CHECK(waitpid(peer, &status, 0) == peer && WIFSIGNALED(status));
    close(held[0]);
    close(held[1]);
    tn_channel_free(channel);
    tn_listener_free(listener);
}

static const test_case cases[] = {
    CASE(a_child_is_refused_and_its_parent_goes_on),
    CASE(a_child_may_open_its_own),
    CASE(a_child_s_free_leaves_the_name_to_its_parent),
    CASE(an_end_is_noticed_though_a_child_lives_on),
};
MAIN(cases)
