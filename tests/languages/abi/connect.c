/* Ways to a channel: connect, connect_start, create, create_start; refusals. */
#include "check.h"

#include <sys/stat.h>

static void nobody_there_is_not_found(void) {
    tn_channel *channel = NULL;
    STATUS(tn_channel_connect(fresh_endpoint().text, TN_NOWAIT, &channel), TN_NOT_FOUND);
    STATUS(tn_channel_connect(fresh_endpoint().text, SOON, &channel), TN_NOT_FOUND);
    STATUS(tn_channel_connect(fresh_endpoint().text, TN_FOREVER, &channel), TN_NOT_FOUND);
    CHECK(channel == NULL);
}

static void with_retry_it_waits_for_a_listener_until_the_timeout(void) {
    endpoint where = with_options(fresh_endpoint(), "retry=1");
    tn_channel *channel = NULL;
    int64_t before = now_ms();
    tn_status status = tn_channel_connect(where.text, BRIEFLY, &channel);
    CHECK(status == TN_TIMED_OUT || status == TN_NOT_FOUND);
    CHECK(tn_last_error()[0] != '\0');
    CHECK(now_ms() - before >= BRIEFLY - 1);
    CHECK(channel == NULL);
}

static void with_retry_it_finds_a_listener_that_comes_later(void) {
    endpoint where = fresh_endpoint();
    connecting task = {with_options(where, "retry=1"), NULL, TN_INTERNAL};
    tn_listener *listener = NULL;
    tn_channel *server = NULL;
    pthread_t thread = start(connect_thread, &task);
    OK(tn_listener_open(where.text, &listener));
    OK(tn_listener_accept(listener, SOON, &server));
    join(thread);
    OK(task.status);
    send_text(task.channel, "found you");
    expect_text(server, "found you");
    tn_channel_free(task.channel);
    tn_channel_free(server);
    tn_listener_free(listener);
}

static void whoever_waits_for_the_handshake_waits_for_accept(void) {
    endpoint where = fresh_endpoint();
    endpoint waiting = with_options(where, "early=0");
    tn_listener *listener = NULL;
    tn_channel *channel = NULL;
    OK(tn_listener_open(where.text, &listener));
    STATUS(tn_channel_connect(waiting.text, TN_NOWAIT, &channel), TN_AGAIN);
    STATUS(tn_channel_connect(waiting.text, BRIEFLY, &channel), TN_TIMED_OUT);
    CHECK(channel == NULL);
    tn_listener_free(listener);
}

static void one_thread_does_it_all(void) {
    endpoint where = fresh_endpoint();
    tn_listener *listener = NULL;
    tn_channel *client = NULL, *server = NULL;
    tn_peer peer = {.struct_size = sizeof peer};
    OK(tn_listener_open(where.text, &listener));
    OK(tn_channel_connect(where.text, TN_NOWAIT, &client));
    OK(tn_channel_peer(client, &peer));
    CHECK(peer.pid == getpid() && peer.transport == TN_TRANSPORT_LOCAL);
    send_text(client, "hi");
    send_text(client, "and more");
    OK(tn_listener_accept(listener, TN_NOWAIT, &server));
    expect_text(server, "hi");
    expect_text(server, "and more");
    send_text(server, "welcome");
    expect_text(client, "welcome");
    /* Both go on until messages cross by the rings. */
    for (int i = 0; i < 4; i++) {
        send_text(client, "ask");
        expect_text(server, "ask");
        send_text(server, "answer");
        expect_text(client, "answer");
    }
    for (const tn_channel *one = client; one; one = one == client ? server : NULL) {
        OK(tn_channel_peer(one, &peer));
        CHECK(peer.transport == (over_shm() ? TN_TRANSPORT_SHM : TN_TRANSPORT_LOCAL));
    }
    tn_channel_free(client);
    STATUS(tn_channel_recv(server, NULL, 0, SOON, &(size_t){0}), TN_CLOSED);
    tn_channel_free(server);
    tn_listener_free(listener);
}

static void what_a_client_left_is_there_when_it_has_gone(void) {
    endpoint where = fresh_endpoint();
    tn_listener *listener = NULL;
    tn_channel *client = NULL, *server = NULL;
    OK(tn_listener_open(where.text, &listener));
    OK(tn_channel_connect(where.text, TN_NOWAIT, &client));
    send_text(client, "file.txt");
    tn_channel_free(client);
    OK(tn_listener_accept(listener, SOON, &server));
    expect_text(server, "file.txt");
    STATUS(tn_channel_recv(server, NULL, 0, SOON, &(size_t){0}), TN_CLOSED);
    STATUS(tn_channel_send(server, "x", 1, SOON), TN_CLOSED);
    tn_channel_free(server);
    tn_listener_free(listener);
}

static void what_is_too_long_without_a_hello_waits_for_it(void) {
    static char large[100000];
    endpoint where = fresh_endpoint();
    tn_listener *listener = NULL;
    tn_channel *client = NULL, *server = NULL;
    int fd = -1;
    size_t len = 0;
    OK(tn_listener_open(with_options(where, "max_message=90000").text, &listener));
    OK(tn_channel_connect(where.text, TN_NOWAIT, &client));
    OK(tn_channel_send_fd(client, &fd));
    STATUS(tn_channel_send(client, large, 80000, TN_NOWAIT), TN_AGAIN);
    STATUS(tn_channel_send(client, large, 80000, BRIEFLY), TN_TIMED_OUT);
    STATUS(tn_channel_send(client, large, 80000, TN_NOWAIT), TN_AGAIN);
    CHECK(!readable(fd));
    OK(tn_listener_accept(listener, SOON, &server));
    CHECK(readable_within(fd, SOON));
    OK(tn_channel_send(client, large, 80000, SOON));
    OK(tn_channel_recv(server, large, sizeof large, SOON, &len));
    CHECK(len == 80000);
    STATUS(tn_channel_send(client, large, 90001, SOON), TN_TOO_LARGE);
    tn_channel_free(client);
    tn_channel_free(server);
    tn_listener_free(listener);
}

/* Services both ends by their descriptors until the listener has its channel. */
static tn_channel *accept_by_events(const tn_listener *listener, const tn_channel *starting) {
    tn_channel *server = NULL;
    struct pollfd fds[2] = {{-1, POLLIN, 0}, {-1, POLLIN, 0}};
    OK(tn_listener_fd(listener, &fds[0].fd));
    OK(tn_channel_fd(starting, &fds[1].fd));
    for (;;) {
        CHECK(poll(fds, 2, SOON) > 0);
        if (fds[1].revents) expect_nothing(starting);
        if (!fds[0].revents) continue;
        tn_status status = tn_listener_accept(listener, TN_NOWAIT, &server);
        if (status == TN_OK) return server;
        STATUS(status, TN_AGAIN);
    }
}

static void connect_start_comes_back_at_once_and_connects_by_events(void) {
    endpoint where = fresh_endpoint();
    tn_listener *listener = NULL;
    tn_channel *client = NULL;
    OK(tn_listener_open(where.text, &listener));
    OK(tn_channel_connect_start(where.text, &client));
    expect_nothing(client);
    OK(tn_channel_send(client, "x", 1, TN_NOWAIT));
    STATUS(tn_channel_recv(client, NULL, 0, BRIEFLY, &(size_t){0}), TN_TIMED_OUT);
    tn_channel *server = accept_by_events(listener, client);
    expect_text(server, "x");
    send_text(client, "by events");
    expect_text(server, "by events");
    tn_channel_free(client);
    tn_channel_free(server);
    tn_listener_free(listener);
}

static void connect_start_with_retry_waits_for_a_listener(void) {
    endpoint where = fresh_endpoint();
    tn_listener *listener = NULL;
    tn_channel *client = NULL;
    OK(tn_channel_connect_start(with_options(where, "retry=1").text, &client));
    expect_nothing(client);
    OK(tn_listener_open(where.text, &listener));
    tn_channel *server = accept_by_events(listener, client);
    send_text(server, "at last");
    expect_text(client, "at last");
    tn_channel_free(client);
    tn_channel_free(server);
    tn_listener_free(listener);
}

static void connect_start_to_nobody_says_so_at_the_latest_at_the_first_call(void) {
    tn_channel *channel = NULL;
    tn_status status = tn_channel_connect_start(fresh_endpoint().text, &channel);
    if (status != TN_OK) {
        STATUS(status, TN_NOT_FOUND);
        CHECK(channel == NULL);
        return;
    }
    int fd = -1;
    OK(tn_channel_fd(channel, &fd));
    CHECK(readable_within(fd, SOON));
    STATUS(tn_channel_recv(channel, NULL, 0, SOON, &(size_t){0}), TN_NOT_FOUND);
    STATUS(tn_channel_send(channel, "x", 1, SOON), TN_NOT_FOUND);
    CHECK(readable(fd));
    tn_channel_free(channel);
}

static void close_cancels_a_connecting_channel(void) {
    endpoint where = with_options(fresh_endpoint(), "retry=1");
    tn_channel *channel = NULL;
    OK(tn_channel_connect_start(where.text, &channel));
    tn_channel_close(channel);
    STATUS(tn_channel_recv(channel, NULL, 0, TN_FOREVER, &(size_t){0}), TN_CLOSED);
    STATUS(tn_channel_send(channel, "x", 1, TN_FOREVER), TN_CLOSED);
    tn_channel_free(channel);
}

static void create_takes_the_first_and_stops_listening(void) {
    endpoint where = fresh_endpoint();
    connecting task = {with_options(where, "retry=1"), NULL, TN_INTERNAL};
    tn_channel *created = NULL, *late = NULL;
    pthread_t thread = start(connect_thread, &task);
    OK(tn_channel_create(where.text, SOON, &created));
    join(thread);
    OK(task.status);
    STATUS(tn_channel_connect(where.text, TN_NOWAIT, &late), TN_NOT_FOUND);
    send_text(task.channel, "just us");
    expect_text(created, "just us");
    send_text(created, "two");
    expect_text(task.channel, "two");
    CHECK(late == NULL);
    tn_channel_free(task.channel);
    tn_channel_free(created);
}

static void create_without_a_client_waits_as_told_and_leaves_the_name(void) {
    endpoint where = fresh_endpoint();
    tn_channel *channel = NULL;
    tn_listener *listener = NULL;
    STATUS(tn_channel_create(where.text, TN_NOWAIT, &channel), TN_AGAIN);
    STATUS(tn_channel_create(where.text, BRIEFLY, &channel), TN_TIMED_OUT);
    CHECK(channel == NULL);
    OK(tn_listener_open(where.text, &listener));
    tn_listener_free(listener);
}

static void create_start_comes_back_at_once(void) {
    endpoint where = fresh_endpoint();
    connecting task = {where, NULL, TN_INTERNAL};
    tn_channel *created = NULL;
    OK(tn_channel_create_start(where.text, &created));
    expect_nothing(created);
    pthread_t thread = start(connect_thread, &task);
    send_text(created, "first word");
    join(thread);
    OK(task.status);
    expect_text(task.channel, "first word");
    STATUS(tn_channel_connect(where.text, TN_NOWAIT, &(tn_channel *){NULL}), TN_NOT_FOUND);
    tn_channel_free(task.channel);
    tn_channel_free(created);
}

static void closing_a_creating_channel_frees_the_name(void) {
    endpoint where = fresh_endpoint();
    tn_channel *created = NULL;
    tn_listener *listener = NULL;
    OK(tn_channel_create_start(where.text, &created));
    STATUS(tn_listener_open(where.text, &listener), TN_EXISTS);
    tn_channel_close(created);
    STATUS(tn_channel_recv(created, NULL, 0, TN_NOWAIT, &(size_t){0}), TN_CLOSED);
    OK(tn_listener_open(where.text, &listener));
    tn_channel_free(created);
    tn_listener_free(listener);
}

static void a_listener_of_another_user_is_denied_when_told_so(void) {
    endpoint where = fresh_endpoint();
    tn_listener *listener = NULL;
    tn_channel *channel = NULL;
    OK(tn_listener_open(where.text, &listener));
    STATUS(tn_channel_connect(with_options(where, "peer_uid=54321").text, SOON, &channel),
           TN_DENIED);
    CHECK(channel == NULL);
    tn_listener_free(listener);
}

static void a_directory_that_others_may_write_is_denied(void) {
    char bad[400], good[300];
    tn_listener *listener = NULL;
    snprintf(good, sizeof good, "%s", getenv("TREENAIL_DIR"));
    snprintf(bad, sizeof bad, "%s/open-%s-%ld", good, scheme, (long)getpid());
    CHECK(mkdir(bad, 0777) == 0 && chmod(bad, 0777) == 0);
    CHECK(setenv("TREENAIL_DIR", bad, 1) == 0);
    STATUS(tn_listener_open(fresh_endpoint().text, &listener), TN_DENIED);
    CHECK(strstr(tn_last_error(), bad) != NULL);
    CHECK(setenv("TREENAIL_DIR", good, 1) == 0);
    CHECK(rmdir(bad) == 0 && listener == NULL);
}

static const test_case cases[] = {
    CASE(nobody_there_is_not_found),
    CASE(with_retry_it_waits_for_a_listener_until_the_timeout),
    CASE(with_retry_it_finds_a_listener_that_comes_later),
    CASE(whoever_waits_for_the_handshake_waits_for_accept),
    CASE(one_thread_does_it_all),
    CASE(what_a_client_left_is_there_when_it_has_gone),
    CASE(what_is_too_long_without_a_hello_waits_for_it),
    CASE(connect_start_comes_back_at_once_and_connects_by_events),
    CASE(connect_start_with_retry_waits_for_a_listener),
    CASE(connect_start_to_nobody_says_so_at_the_latest_at_the_first_call),
    CASE(close_cancels_a_connecting_channel),
    CASE(create_takes_the_first_and_stops_listening),
    CASE(create_without_a_client_waits_as_told_and_leaves_the_name),
    CASE(create_start_comes_back_at_once),
    CASE(closing_a_creating_channel_frees_the_name),
    CASE(a_listener_of_another_user_is_denied_when_told_so),
    CASE(a_directory_that_others_may_write_is_denied),
};
MAIN(cases)
