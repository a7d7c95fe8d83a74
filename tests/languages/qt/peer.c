/* The other end of the tests of Channel: a C program that knows nothing of Qt.
 *
 *     peer echo ENDPOINT       sends every message back with its tag, answers every request with it
 *     peer mute ENDPOINT       connects, says "ready", and never reads or answers anything
 *     peer flood ENDPOINT      sends 64-byte messages as fast as it can
 *     peer slow ENDPOINT       reads a message only every millisecond, and answers the last, which
 *                              is empty, with the number of bytes that it has got
 *     peer ask ENDPOINT        sends the request "question", and then what it was answered
 */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <treenail.h>

static int done(tn_status status) {
    return status == TN_CLOSED ? 0 : (fprintf(stderr, "peer: %s\n", tn_last_error()), 1);
}

static tn_status echo(tn_channel *channel) {
    for (;;) {
        tn_message message;
        tn_status status = tn_channel_recv_view(channel, TN_FOREVER, &message);
        if (status < 0) {
            return status;
        }
        status = message.flags & TN_MESSAGE_REQUEST
                     ? tn_channel_reply(channel, &message, message.data, message.len, TN_FOREVER)
                     : tn_channel_send_tagged(channel, message.tag, message.data, message.len,
                                              TN_FOREVER);
        tn_channel_release(channel, &message);
        if (status < 0) {
            return status;
        }
    }
}

static tn_status mute(tn_channel *channel) {
    tn_status status = tn_channel_send(channel, "ready", 5, TN_FOREVER);
    for (;;) { /* until it is killed */
        pause();
    }
    return status;
}

static tn_status flood(tn_channel *channel) {
    char message[64] = {0};
    for (;;) {
        tn_status status = tn_channel_send(channel, message, sizeof message, TN_FOREVER);
        if (status < 0) {
            return status;
        }
    }
}

static tn_status slow(tn_channel *channel) {
    for (unsigned long long bytes = 0;;) {
        tn_message message;
        tn_status status = tn_channel_recv_view(channel, TN_FOREVER, &message);
        if (status < 0) {
            return status;
        }
        size_t len = message.len;
        bytes += len;
        tn_channel_release(channel, &message);
        if (len == 0) {
            char text[32];
            int digits = snprintf(text, sizeof text, "%llu", bytes);
            status = tn_channel_send(channel, text, (size_t)digits, TN_FOREVER);
        }
        if (status < 0) {
            return status;
        }
        (void)poll(NULL, 0, 1); /* that is what makes it slow */
    }
}

static tn_status ask(tn_channel *channel) {
    tn_message reply;
    tn_status status = tn_channel_request(channel, 7, "question", 8, TN_FOREVER, &reply);
    if (status >= 0) {
        status = tn_channel_send(channel, reply.data, reply.len, TN_FOREVER);
        tn_channel_release(channel, &reply);
    }
    return status < 0 ? status : echo(channel);
}

int main(int argc, char **argv) {
    static const struct {
        const char *name;
        tn_status (*run)(tn_channel *);
    } roles[] = {{"echo", echo}, {"mute", mute}, {"flood", flood}, {"slow", slow}, {"ask", ask}};
    tn_channel *channel;
    for (size_t i = 0; argc == 3 && i < sizeof roles / sizeof *roles; i++) {
        if (strcmp(argv[1], roles[i].name) == 0) {
            tn_status status = tn_channel_connect(argv[2], 10000, &channel);
            if (status >= 0) {
                status = roles[i].run(channel);
            }
            return done(status);
        }
    }
    return fputs("usage: peer echo|mute|flood|slow|ask ENDPOINT\n", stderr), 2;
}
