/* Both ends of a channel at once, and sockets that a program was given. */
#include "check.h"

#include <fcntl.h>
#include <sys/socket.h>

static tn_channel *one = NULL, *other = NULL;

/* The number as an endpoint. */
static endpoint adopting(int number) {
    endpoint where;
    snprintf(where.text, sizeof where.text, "fd:%d", number);
    return where;
}

static void make(const char *options) { OK(tn_channel_pair(options, &one, &other)); }

static void end(void) {
    tn_channel_free(one);
    tn_channel_free(other);
    one = other = NULL;
}

static void assert_joined(void) {
    send_text(one, "there");
    expect_text(other, "there");
    send_text(other, "and back");
    expect_text(one, "and back");
}

static void a_pair_is_joined_by_rings_unless_told_otherwise(void) {
    const char *options[] = {NULL, "", "ring=64KiB&spin=0", "shm=off"};
    size_t i;
    for (i = 0; i < sizeof options / sizeof *options; i++) {
        tn_peer peer = {.struct_size = sizeof peer};
        make(options[i]);
        OK(tn_channel_peer(one, &peer));
        CHECK(peer.transport == (i == 3 ? TN_TRANSPORT_LOCAL : TN_TRANSPORT_SHM));
        CHECK(peer.pid == getpid() && strcmp(peer.address, "pair") == 0);
        assert_joined();
        end();
    }
}

static void options_reach_both_ends(void) {
    char text[20] = "more than ten bytes";
    make("max_message=10");
    STATUS(tn_channel_send(one, text, sizeof text, SOON), TN_TOO_LARGE);
    STATUS(tn_channel_send(other, text, sizeof text, SOON), TN_TOO_LARGE);
    end();
}

static void a_pair_that_is_refused_stores_nothing(void) {
    tn_channel *sentinel = (tn_channel *)&one, *a = sentinel, *b = sentinel;
    STATUS(tn_channel_pair(NULL, NULL, &b), TN_INVALID);
    STATUS(tn_channel_pair(NULL, &a, NULL), TN_INVALID);
    STATUS(tn_channel_pair("nonsense=1", &a, &b), TN_INVALID);
    CHECK(strstr(tn_last_error(), "nonsense") != NULL);
    STATUS(tn_channel_pair("raw=1&shm=required", &a, &b), TN_INVALID);
    STATUS(tn_channel_pair("peer_uid=4294967294", &a, &b), TN_DENIED);
    CHECK(a == sentinel && b == sentinel);
}

static void the_end_of_one_is_the_end_of_the_other(void) {
    char buffer[16];
    size_t len;
    make(NULL);
    send_text(one, "last");
    tn_channel_free(one);
    one = NULL;
    expect_text(other, "last");
    STATUS(tn_channel_recv(other, buffer, sizeof buffer, SOON, &len), TN_CLOSED);
    end();
}

static void a_socketpair_is_adopted(void) {
    int ends[2];
    CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
    OK(tn_channel_connect(adopting(ends[0]).text, SOON, &one));
    OK(tn_channel_create(adopting(ends[1]).text, SOON, &other));
    assert_joined();
    /* A program that is run later inherits neither. */
    CHECK(fcntl(ends[0], F_GETFD) & FD_CLOEXEC && fcntl(ends[1], F_GETFD) & FD_CLOEXEC);
    STATUS(tn_channel_connect(adopting(ends[0]).text, SOON, &one), TN_INVALID);
    end();
    CHECK(fcntl(ends[0], F_GETFD) == -1 && fcntl(ends[1], F_GETFD) == -1);
}

static void what_is_refused_stays_open(void) {
    tn_listener *listener = NULL;
    int ends[2];
    CHECK(pipe(ends) == 0);
    STATUS(tn_channel_connect(adopting(ends[0]).text, SOON, &one), TN_INVALID);
    STATUS(tn_channel_create(adopting(ends[1]).text, SOON, &one), TN_INVALID);
    STATUS(tn_listener_open(adopting(ends[1]).text, &listener), TN_INVALID);
    CHECK(strstr(tn_last_error(), "is no socket") != NULL);
    CHECK(write(ends[1], "x", 1) == 1);
    close(ends[0]);
    close(ends[1]);
    STATUS(tn_channel_connect(adopting(ends[0]).text, SOON, &one), TN_INVALID);
    STATUS(tn_listener_open("fd:systemd", &listener), TN_NOT_FOUND);
    CHECK(one == NULL && listener == NULL);
}

static void a_listener_tells_the_name_that_it_has_chosen(void) {
    tn_listener *listener = NULL;
    char text[256];
    size_t len;
    OK(tn_listener_open("local:*", &listener));
    OK(tn_listener_endpoint(listener, text, sizeof text, &len));
    CHECK(strncmp(text, "local:", 6) == 0 && strchr(text, '*') == NULL && strlen(text) == len);
    OK(tn_channel_connect(text, SOON, &one));
    OK(tn_listener_accept(listener, SOON, &other));
    assert_joined();
    end();
    STATUS(tn_channel_connect("local:*", SOON, &one), TN_INVALID);
    tn_listener_free(listener);
}

static const test_case cases[] = {
    CASE(a_pair_is_joined_by_rings_unless_told_otherwise),
    CASE(options_reach_both_ends),
    CASE(a_pair_that_is_refused_stores_nothing),
    CASE(the_end_of_one_is_the_end_of_the_other),
    CASE(a_socketpair_is_adopted),
    CASE(what_is_refused_stays_open),
    CASE(a_listener_tells_the_name_that_it_has_chosen),
};
MAIN(cases)
