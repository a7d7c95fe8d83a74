/* raw=1: no HELLO, no frames; for programs that already exist, which speak plain sockets. */
#include "check.h"

#include <sys/socket.h>
#include <sys/un.h>

static struct sockaddr_un fresh_path(endpoint *where) {
    static unsigned counter;
    struct sockaddr_un address;
    memset(&address, 0, sizeof address);
    address.sun_family = AF_UNIX;
    int len = snprintf(address.sun_path, sizeof address.sun_path, "%s/raw-%ld-%u",
                       getenv("TREENAIL_DIR"), (long)getpid(), counter++);
    CHECK(len > 0 && (size_t)len < sizeof address.sun_path);
    snprintf(where->text, sizeof where->text, "local:%s?raw=1", address.sun_path);
    return address;
}

typedef struct raw_pair { tn_listener *listener; tn_channel *channel; int plain; } raw_pair;

static raw_pair accept_a_plain_client(void) {
    raw_pair made = {NULL, NULL, -1};
    endpoint where;
    struct sockaddr_un address = fresh_path(&where);
    OK(tn_listener_open(where.text, &made.listener));
    made.plain = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK(made.plain >= 0);
    CHECK(connect(made.plain, (struct sockaddr *)&address, sizeof address) == 0);
    OK(tn_listener_accept(made.listener, SOON, &made.channel));
    return made;
}

static raw_pair connect_to_a_plain_server(void) {
    raw_pair made = {NULL, NULL, -1};
    endpoint where;
    struct sockaddr_un address = fresh_path(&where);
    int server = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK(server >= 0 && bind(server, (struct sockaddr *)&address, sizeof address) == 0);
    CHECK(listen(server, 1) == 0);
    OK(tn_channel_connect(where.text, SOON, &made.channel));
    made.plain = accept(server, NULL, NULL);
    CHECK(made.plain >= 0);
    close(server);
    unlink(address.sun_path);
    return made;
}

static void free_raw(raw_pair *used) {
    tn_channel_free(used->channel);
    tn_listener_free(used->listener);
    if (used->plain >= 0) close(used->plain);
}

static void expect_bytes(int plain, const char *text) {
    char buffer[64];
    CHECK(readable_within(plain, SOON));
    CHECK(read(plain, buffer, sizeof buffer) == (ssize_t)strlen(text));
    CHECK(memcmp(buffer, text, strlen(text)) == 0);
}

static void exchange(raw_pair *ends) {
    tn_message view;
    int fd = -1;
    OK(tn_channel_fd(ends->channel, &fd));
    send_text(ends->channel, "no frame");
    expect_bytes(ends->plain, "no frame");
    expect_nothing(ends->channel);
    CHECK(!readable(fd));
    CHECK(write(ends->plain, "bytes", 5) == 5);
    CHECK(readable_within(fd, SOON));
    expect_text(ends->channel, "bytes");
    CHECK(write(ends->plain, "seen", 4) == 4);
    OK(tn_channel_recv_view(ends->channel, SOON, &view));
    CHECK(view.len == 4 && memcmp(view.data, "seen", 4) == 0 && aligned_to_16(view.data));
    CHECK(view.tag == 0 && view.id == 0 && view.flags == 0);
    OK(tn_channel_release(ends->channel, &view));
}

static void a_plain_client_is_understood(void) {
    raw_pair ends = accept_a_plain_client();
    exchange(&ends);
    free_raw(&ends);
}

static void a_plain_server_is_understood(void) {
    raw_pair ends = connect_to_a_plain_server();
    exchange(&ends);
    free_raw(&ends);
}

static void a_plain_end_comes_after_what_was_sent_and_raises_no_signal(void) {
    raw_pair ends = accept_a_plain_client();
    signal(SIGPIPE, SIG_DFL);
    CHECK(write(ends.plain, "last", 4) == 4);
    close(ends.plain);
    ends.plain = -1;
    expect_text(ends.channel, "last");
    tn_status status = tn_channel_recv(ends.channel, NULL, 0, SOON, &(size_t){0});
    CHECK(status == TN_CLOSED || status == TN_PEER_LOST);
    STATUS(tn_channel_send(ends.channel, "x", 1, SOON), status);
    free_raw(&ends);
}

static void the_own_close_ends_the_plain_side(void) {
    raw_pair ends = accept_a_plain_client();
    char byte;
    send_text(ends.channel, "bye");
    tn_channel_close(ends.channel);
    expect_bytes(ends.plain, "bye");
    CHECK(readable_within(ends.plain, SOON) && read(ends.plain, &byte, 1) == 0);
    free_raw(&ends);
}

static void what_a_plain_socket_cannot_carry_is_refused(void) {
    raw_pair ends = accept_a_plain_client();
    uint32_t id = 77;
    tn_status status = tn_channel_request_start(ends.channel, 1, "x", 1, SOON, &id);
    CHECK(status == TN_UNSUPPORTED || status == TN_INVALID);
    CHECK(id == 77 && tn_last_error()[0] != '\0');
    send_text(ends.channel, "only this");
    expect_bytes(ends.plain, "only this");
    free_raw(&ends);
}

static void rings_cannot_be_raw(void) {
    tn_listener *listener = NULL;
    tn_channel *channel = NULL;
    STATUS(tn_listener_open("shm:raw-ring?raw=1", &listener), TN_INVALID);
    STATUS(tn_channel_connect("shm:raw-ring?raw=1", TN_NOWAIT, &channel), TN_INVALID);
    CHECK(strstr(tn_last_error(), "raw") != NULL);
}

static const test_case cases[] = {
    CASE(a_plain_client_is_understood),
    CASE(a_plain_server_is_understood),
    CASE(a_plain_end_comes_after_what_was_sent_and_raises_no_signal),
    CASE(the_own_close_ends_the_plain_side),
    CASE(what_a_plain_socket_cannot_carry_is_refused),
    CASE(rings_cannot_be_raw),
};
MAIN(cases)
