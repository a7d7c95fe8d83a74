/* echo.c: a server that sends every message back, and a client for it.
 *
 *     make -C examples/c
 *     target/examples-c/echo server shm:echo
 *     target/examples-c/echo client shm:echo hello world
 *
 * Without words the client sends the lines it reads. The programs of the same
 * name in other languages take the same arguments, and any client may talk to any server.
 */
#define _POSIX_C_SOURCE 200809L /* getline */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "treenail.h"

/* Says what went wrong: the library's text names what was tried and what to do. */
static int failed(const char *what) {
    fprintf(stderr, "%s: %s\n", what, tn_last_error());
    return 1;
}

/* Sends one message back as it came: a request is answered, so tn_channel_request works too. */
static tn_status send_back(const tn_channel *channel, const tn_message *message) {
    if (message->flags & TN_MESSAGE_REQUEST) {
        return tn_channel_reply(channel, message, message->data, message->len, TN_FOREVER);
    }
    tn_slice whole = {message->data, message->len};
    return tn_channel_sendv(channel, message->tag, &whole, 1, TN_FOREVER);
}

/* Echoes until the client goes, and returns how it went. */
static tn_status serve_one(const tn_channel *channel) {
    for (;;) {
        tn_message message;
        tn_status status = tn_channel_recv_view(channel, TN_FOREVER, &message);
        if (status < 0) {
            return status;
        }
        status = send_back(channel, &message);
        tn_channel_release(channel, &message);
        if (status < 0) {
            return status;
        }
    }
}

/* One client after the other; chat.c shows many at a time. */
static int run_server(const char *endpoint) {
    tn_listener *listener;
    if (tn_listener_open(endpoint, &listener) < 0) {
        return failed("echo");
    }
    printf("listening at %s\n", endpoint);
    fflush(stdout);
    for (;;) {
        tn_channel *channel;
        if (tn_listener_accept(listener, TN_FOREVER, &channel) < 0) {
            tn_listener_free(listener);
            return failed("echo");
        }
        tn_status status = serve_one(channel);
        if (status != TN_CLOSED) {
            failed("echo: a client ended");
        }
        tn_channel_free(channel);
    }
}

/* Sends one message and prints what comes back. */
static tn_status ask(const tn_channel *channel, const char *text, size_t len) {
    tn_status status = tn_channel_send(channel, text, len, TN_FOREVER);
    if (status < 0) {
        return status;
    }
    tn_message reply;
    status = tn_channel_recv_view(channel, TN_FOREVER, &reply);
    if (status < 0) {
        return status;
    }
    fwrite(reply.data, 1, reply.len, stdout);
    putchar('\n');
    fflush(stdout);
    return tn_channel_release(channel, &reply);
}

static tn_status ask_lines(const tn_channel *channel) {
    char *line = NULL;
    size_t cap = 0;
    ssize_t len;
    tn_status status = TN_OK;
    while (status >= 0 && (len = getline(&line, &cap, stdin)) >= 0) {
        size_t text_len = (size_t)len;
        if (text_len > 0 && line[text_len - 1] == '\n') {
            text_len--;
        }
        status = ask(channel, line, text_len);
    }
    free(line);
    return status;
}

static int run_client(const char *endpoint, char **words, int count) {
    tn_channel *channel;
    if (tn_channel_connect(endpoint, 5000, &channel) < 0) {
        return failed("echo");
    }
    tn_status status = TN_OK;
    for (int i = 0; i < count && status >= 0; i++) {
        status = ask(channel, words[i], strlen(words[i]));
    }
    if (count == 0) {
        status = ask_lines(channel);
    }
    int code = status < 0 ? failed("echo") : 0;
    tn_channel_free(channel); /* closes first: the server sees TN_CLOSED */
    return code;
}

int main(int argc, char **argv) {
    if (argc == 3 && strcmp(argv[1], "server") == 0) {
        return run_server(argv[2]);
    }
    if (argc >= 3 && strcmp(argv[1], "client") == 0) {
        return run_client(argv[2], argv + 3, argc - 3);
    }
    fputs("usage: echo server ENDPOINT\n       echo client ENDPOINT [WORD ...]\n", stderr);
    return 2;
}
