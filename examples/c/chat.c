/* chat.c: a room with one host and many guests, in terminals.
 *
 *     make -C examples/c
 *     target/examples-c/chat server shm:chat
 *     target/examples-c/chat client shm:chat ann
 *
 * A line that one types goes to all others. The host ends the room with /quit; a guest leaves at
 * the end of its input. A guest's first message is its name (tag JOIN); all others are talk (tag
 * SAY). Programs of the same name in other languages take the same arguments and talk together.
 */
#define _POSIX_C_SOURCE 200809L
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "treenail.h"

enum { JOIN = 1, SAY = 2 };
enum { GUESTS_MAX = 64, TEXT_MAX = 4096, NAME_MAX_LEN = 32 };

/* What the poller's keys mean; guest i has FIRST_GUEST + i. */
enum { KEY_STDIN = 0, KEY_LISTENER = 1, KEY_CHANNEL = 1, FIRST_GUEST = 2 };

typedef struct guest {
    tn_channel *channel; /* NULL: a free place */
    char name[NAME_MAX_LEN + 1];
} guest;

typedef struct room {
    tn_listener *listener;
    tn_poller *poller;
    guest guests[GUESTS_MAX];
    int open;
} room;

/* Lines out of a descriptor that a poller watches: stdio's own buffer would hide lines from it. */
typedef struct line_reader {
    char text[TEXT_MAX];
    size_t len;
} line_reader;

static int failed(const char *what) {
    fprintf(stderr, "%s: %s\n", what, tn_last_error());
    return 1;
}

/* Reads what is there; 0 at the end of the input. */
static int fill(line_reader *reader) {
    ssize_t got = read(STDIN_FILENO, reader->text + reader->len, TEXT_MAX - reader->len);
    if (got <= 0) {
        return 0;
    }
    reader->len += (size_t)got;
    return 1;
}

/* Takes one line off the front, without its end; 0 when there is no whole line. A line that fills
 * the buffer counts as whole. */
static int next_line(line_reader *reader, char line[TEXT_MAX + 1]) {
    char *end = memchr(reader->text, '\n', reader->len);
    if (end == NULL && reader->len < TEXT_MAX) {
        return 0;
    }
    size_t len = end == NULL ? reader->len : (size_t)(end - reader->text);
    size_t used = end == NULL ? len : len + 1;
    memcpy(line, reader->text, len);
    line[len] = '\0';
    reader->len -= used;
    memmove(reader->text, reader->text + used, reader->len);
    return 1;
}

static tn_status say(const tn_channel *channel, uint32_t tag, const char *text, int32_t timeout_ms) {
    tn_slice whole = {text, strlen(text)};
    return tn_channel_sendv(channel, tag, &whole, 1, timeout_ms);
}

/* ---- the host ---- */

static void tell_all_but(room *room, const guest *speaker, const char *text);

/* Frees a guest's place; the others are told if it had a name. */
static void leave(room *room, guest *guest) {
    tn_poller_remove(room->poller, FIRST_GUEST + (uint64_t)(guest - room->guests));
    tn_channel_free(guest->channel);
    guest->channel = NULL;
    if (guest->name[0] != '\0') {
        char text[NAME_MAX_LEN + 16];
        snprintf(text, sizeof text, "* %s left", guest->name);
        tell_all_but(room, guest, text);
    }
}

/* Nobody is waited for: a guest that has not read for a whole ring of talk is shown out. */
static void tell_all_but(room *room, const guest *speaker, const char *text) {
    puts(text);
    fflush(stdout);
    for (int i = 0; i < GUESTS_MAX; i++) {
        guest *other = &room->guests[i];
        if (other == speaker || other->channel == NULL || other->name[0] == '\0') {
            continue;
        }
        if (say(other->channel, SAY, text, TN_NOWAIT) < 0) {
            leave(room, other);
        }
    }
}

static void welcome(room *room) {
    tn_channel *channel;
    if (tn_listener_accept(room->listener, TN_NOWAIT, &channel) < 0) {
        return; /* TN_AGAIN: a handshake got further, nobody is ready yet */
    }
    for (int i = 0; i < GUESTS_MAX; i++) {
        guest *place = &room->guests[i];
        if (place->channel == NULL) {
            place->channel = channel;
            place->name[0] = '\0';
            tn_poller_add_channel(room->poller, channel, FIRST_GUEST + (uint64_t)i);
            return;
        }
    }
    tn_channel_free(channel); /* the room is full */
}

/* One message for each time the poller speaks: it speaks again while there are more. */
static void hear(room *room, guest *speaker) {
    char text[TEXT_MAX + 1], line[TEXT_MAX + NAME_MAX_LEN + 16];
    tn_message message;
    tn_status status =
        tn_channel_recv_message(speaker->channel, text, TEXT_MAX, TN_NOWAIT, &message);
    if (status == TN_AGAIN) {
        return;
    }
    if (status < 0) {
        leave(room, speaker);
        return;
    }
    text[message.len] = '\0';
    if (message.tag == JOIN && speaker->name[0] == '\0') {
        snprintf(speaker->name, sizeof speaker->name, "%.*s", NAME_MAX_LEN, text);
        snprintf(line, sizeof line, "* %s joined", speaker->name);
        tell_all_but(room, speaker, line);
    } else if (message.tag == SAY && speaker->name[0] != '\0') {
        snprintf(line, sizeof line, "%s: %s", speaker->name, text);
        tell_all_but(room, speaker, line);
    }
}

static void host_speaks(room *room, line_reader *reader) {
    char text[TEXT_MAX + 1], line[TEXT_MAX + 16];
    if (!fill(reader)) {
        tn_poller_remove(room->poller, KEY_STDIN);
    }
    while (next_line(reader, text)) {
        if (strcmp(text, "/quit") == 0) {
            room->open = 0;
            return;
        }
        snprintf(line, sizeof line, "host: %s", text);
        tell_all_but(room, NULL, line);
    }
}

static int run_room(room *room) {
    line_reader reader = {.len = 0};
    while (room->open) {
        uint64_t keys[16];
        size_t count;
        if (tn_poller_wait(room->poller, TN_FOREVER, keys, 16, &count) < 0) {
            return failed("chat");
        }
        for (size_t i = 0; i < count; i++) {
            if (keys[i] == KEY_STDIN) {
                host_speaks(room, &reader);
            } else if (keys[i] == KEY_LISTENER) {
                welcome(room);
            } else if (room->guests[keys[i] - FIRST_GUEST].channel != NULL) {
                hear(room, &room->guests[keys[i] - FIRST_GUEST]);
            }
        }
    }
    return 0;
}

static int run_server(const char *endpoint) {
    static room room;
    if (tn_listener_open(endpoint, &room.listener) < 0 || tn_poller_new(&room.poller) < 0 ||
        tn_poller_add_listener(room.poller, room.listener, KEY_LISTENER) < 0) {
        return failed("chat");
    }
    /* A file or /dev/null cannot be waited for: then the host only listens. */
    (void)tn_poller_add_fd(room.poller, STDIN_FILENO, KEY_STDIN);
    printf("listening at %s\n", endpoint);
    fflush(stdout);
    room.open = 1;
    int code = run_room(&room);
    for (int i = 0; i < GUESTS_MAX; i++) {
        tn_channel_free(room.guests[i].channel);
    }
    tn_poller_free(room.poller);
    tn_listener_free(room.listener);
    return code;
}

/* ---- a guest ---- */

/* Prints what the room says; 0 when the room is over. */
static int listen_to_room(const tn_channel *channel) {
    char text[TEXT_MAX + NAME_MAX_LEN + 16];
    size_t len;
    tn_status status = tn_channel_recv(channel, text, sizeof text, TN_NOWAIT, &len);
    if (status == TN_OK) {
        printf("%.*s\n", (int)len, text);
    } else if (status == TN_CLOSED) {
        puts("* the host has closed the room");
    } else if (status < 0 && status != TN_AGAIN) {
        puts("* the host is gone");
    }
    fflush(stdout);
    return status == TN_OK || status == TN_AGAIN;
}

/* Sends what was typed; 0 at the end of the input. */
static int speak(const tn_channel *channel, line_reader *reader) {
    char text[TEXT_MAX + 1];
    int more = fill(reader);
    while (next_line(reader, text)) {
        if (say(channel, SAY, text, TN_FOREVER) < 0) {
            break; /* the channel's own event says why */
        }
    }
    return more;
}

static int run_client(const char *endpoint, const char *name) {
    tn_channel *channel;
    tn_poller *poller;
    if (tn_channel_connect(endpoint, 5000, &channel) < 0 || tn_poller_new(&poller) < 0 ||
        tn_poller_add_channel(poller, channel, KEY_CHANNEL) < 0 ||
        tn_poller_add_fd(poller, STDIN_FILENO, KEY_STDIN) < 0 ||
        say(channel, JOIN, name, TN_FOREVER) < 0) {
        return failed("chat");
    }
    line_reader reader = {.len = 0};
    int here = 1;
    while (here) {
        uint64_t key;
        size_t count;
        if (tn_poller_wait(poller, TN_FOREVER, &key, 1, &count) < 0) {
            return failed("chat");
        }
        if (count == 1) {
            here = key == KEY_STDIN ? speak(channel, &reader) : listen_to_room(channel);
        }
    }
    tn_channel_flush(channel, 1000);
    tn_poller_free(poller);
    tn_channel_free(channel);
    return 0;
}

int main(int argc, char **argv) {
    if (argc == 3 && strcmp(argv[1], "server") == 0) {
        return run_server(argv[2]);
    }
    if (argc == 4 && strcmp(argv[1], "client") == 0) {
        return run_client(argv[2], argv[3]);
    }
    fputs("usage: chat server ENDPOINT\n       chat client ENDPOINT NAME\n", stderr);
    return 2;
}
