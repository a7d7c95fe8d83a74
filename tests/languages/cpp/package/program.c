/* A message to itself: all that a C program needs of the installed files. */
#include <stdio.h>
#include <string.h>
#include <treenail.h>

static int failed(void) {
    fprintf(stderr, "%s\n", tn_last_error());
    return 1;
}

int main(int argc, char **argv) {
    tn_listener *listener;
    tn_channel *client, *server = NULL;
    char text[16];
    size_t len;
    tn_status status;
    if (argc < 2 || tn_listener_open(argv[1], &listener) < 0 ||
        tn_channel_connect_start(argv[1], &client) < 0) {
        return failed();
    }
    do { /* both ends' handshakes go on in their calls */
        (void)tn_channel_flush(client, TN_NOWAIT);
        status = tn_listener_accept(listener, 10, &server);
    } while (status == TN_TIMED_OUT);
    if (status < 0 || tn_channel_send(client, "peg", 3, 10000) < 0 ||
        tn_channel_recv(server, text, sizeof text, 10000, &len) < 0) {
        return failed();
    }
    printf("%.*s %s\n", (int)len, text, tn_version_text());
    tn_channel_free(client);
    tn_channel_free(server);
    tn_listener_free(listener);
    return tn_version() == TN_VERSION ? 0 : 1;
}
