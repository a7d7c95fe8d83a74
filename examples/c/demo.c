/* demo.c: what `cargo xtask demo` runs: a server that takes files and messages, and a client that
 * sends, checks and measures. Those in other languages do the same.
 *
 *     target/examples-c/demo server shm:demo KEPT           serves one client, then writes its file
 *     target/examples-c/demo client shm:demo SENT RECEIVED  sends a file, and fetches it back
 *
 * Tags say what a message is:
 *   ECHO      comes back as it is
 *   NUMBER    begins with its number, counted from 0; the server checks that none is missing
 *   NUMBERS   ends them; the answer is how many came in order
 *   CHUNK     a piece of a file
 *   FILE_END  ends the file; the answer says that the server has it all
 *   FETCH     asks for the file back: CHUNKs, then FILE_END
 */
#define _POSIX_C_SOURCE 200809L
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "treenail.h"

enum { ECHO = 1, NUMBER = 2, NUMBERS = 3, CHUNK = 4, FILE_END = 5, FETCH = 6 };
enum { SMALL = 64, CHUNK_LEN = 65536, WARM_UP = 500, ROUNDS = 2000, COUNT = 100000, REPEATS = 8 };

/* Ends the program with the library's words; a demo has nothing to save. */
static void check(tn_status status) {
    if (status < 0) {
        fprintf(stderr, "demo: %s\n", tn_last_error());
        exit(1);
    }
}

static void require(int good, const char *what) {
    if (!good) {
        fprintf(stderr, "demo: %s\n", what);
        exit(1);
    }
}

/* ---- a file in memory ---- */

typedef struct content {
    unsigned char *data;
    size_t len, cap;
    int whole; /* what comes next begins another one */
} content;

static void append(content *file, const void *data, size_t len) {
    if (file->whole) {
        file->len = 0;
        file->whole = 0;
    }
    if (file->len + len > file->cap) {
        file->cap = 2 * (file->len + len);
        file->data = realloc(file->data, file->cap);
        require(file->data != NULL, "no memory");
    }
    memcpy(file->data + file->len, data, len);
    file->len += len;
}

static void load(content *file, const char *path) {
    static unsigned char piece[CHUNK_LEN];
    FILE *in = fopen(path, "rb");
    require(in != NULL, "cannot open the file to send");
    size_t len;
    while ((len = fread(piece, 1, sizeof piece, in)) > 0) {
        append(file, piece, len);
    }
    fclose(in);
}

static void store(const content *file, const char *path) {
    FILE *out = fopen(path, "wb");
    require(out != NULL, "cannot open the file to write");
    require(fwrite(file->data, 1, file->len, out) == file->len, "cannot write the file");
    require(fclose(out) == 0, "cannot write the file");
}

static void send_tagged(const tn_channel *channel, uint32_t tag, const void *data, size_t len) {
    tn_slice whole = {data, len};
    check(tn_channel_sendv(channel, tag, &whole, 1, TN_FOREVER));
}

static void send_file(const tn_channel *channel, const content *file) {
    for (size_t at = 0; at < file->len; at += CHUNK_LEN) {
        size_t rest = file->len - at;
        send_tagged(channel, CHUNK, file->data + at, rest < CHUNK_LEN ? rest : CHUNK_LEN);
    }
    send_tagged(channel, FILE_END, NULL, 0);
}

static uint64_t read_u64(const unsigned char *bytes) {
    uint64_t value = 0;
    for (int i = 7; i >= 0; i--) {
        value = value << 8 | bytes[i];
    }
    return value;
}

static void write_u64(unsigned char *bytes, uint64_t value) {
    for (int i = 0; i < 8; i++) {
        bytes[i] = (unsigned char)(value >> (8 * i));
    }
}

/* ---- the server ---- */

typedef struct service {
    const tn_channel *channel;
    content file;
    uint64_t numbers;
} service;

static void serve_message(service *service, const tn_message *message) {
    unsigned char count[8];
    switch (message->tag) {
    case ECHO:
        send_tagged(service->channel, ECHO, message->data, message->len);
        break;
    case NUMBER:
        service->numbers += message->len >= 8 && read_u64(message->data) == service->numbers;
        break;
    case NUMBERS:
        write_u64(count, service->numbers);
        send_tagged(service->channel, NUMBERS, count, sizeof count);
        service->numbers = 0;
        break;
    case CHUNK:
        append(&service->file, message->data, message->len);
        break;
    case FILE_END:
        service->file.whole = 1;
        send_tagged(service->channel, FILE_END, NULL, 0);
        break;
    case FETCH:
        send_file(service->channel, &service->file);
        break;
    }
}

static int run_server(const char *endpoint, const char *kept) {
    tn_listener *listener;
    tn_channel *channel;
    check(tn_listener_open(endpoint, &listener));
    printf("listening at %s\n", endpoint);
    fflush(stdout);
    check(tn_listener_accept(listener, TN_FOREVER, &channel));

    service service = {.channel = channel};
    tn_message message;
    tn_status status;
    while ((status = tn_channel_recv_view(channel, TN_FOREVER, &message)) == TN_OK) {
        serve_message(&service, &message);
        check(tn_channel_release(channel, &message));
    }
    if (status != TN_CLOSED) {
        check(status);
    }
    store(&service.file, kept);
    free(service.file.data);
    tn_channel_free(channel);
    tn_listener_free(listener);
    return 0;
}

/* ---- the client ---- */

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static int compare(const void *left, const void *right) {
    double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

/* Round trips of small messages: the median and the 99th percentile, in microseconds. */
static void measure_latency(const tn_channel *channel, double *median, double *p99) {
    static double times[ROUNDS];
    unsigned char sent[SMALL], back[SMALL];
    for (int round = -WARM_UP; round < ROUNDS; round++) {
        memset(sent, round & 0xff, sizeof sent);
        double start = now();
        send_tagged(channel, ECHO, sent, sizeof sent);
        size_t len;
        check(tn_channel_recv(channel, back, sizeof back, TN_FOREVER, &len));
        if (round >= 0) {
            times[round] = (now() - start) * 1e6;
        }
        require(len == sizeof sent && memcmp(sent, back, len) == 0, "another echo came back");
    }
    qsort(times, ROUNDS, sizeof times[0], compare);
    *median = times[ROUNDS / 2];
    *p99 = times[ROUNDS * 99 / 100];
}

/* Small messages one way, a second. */
static double measure_messages(const tn_channel *channel) {
    unsigned char text[SMALL] = {0}, answer[8];
    size_t len;
    double start = now();
    for (uint64_t number = 0; number < COUNT; number++) {
        write_u64(text, number);
        send_tagged(channel, NUMBER, text, sizeof text);
    }
    send_tagged(channel, NUMBERS, NULL, 0);
    check(tn_channel_recv(channel, answer, sizeof answer, TN_FOREVER, &len));
    double seconds = now() - start;
    require(len == 8 && read_u64(answer) == COUNT, "messages are missing or out of order");
    return COUNT / seconds;
}

/* The file one way, several times: MiB a second. */
static double measure_file(const tn_channel *channel, const content *file) {
    unsigned char answer[1];
    size_t len;
    double start = now();
    for (int i = 0; i < REPEATS; i++) {
        send_file(channel, file);
        check(tn_channel_recv(channel, answer, sizeof answer, TN_FOREVER, &len));
    }
    return (double)file->len * REPEATS / (1 << 20) / (now() - start);
}

static void fetch(const tn_channel *channel, content *file) {
    tn_message message;
    send_tagged(channel, FETCH, NULL, 0);
    while (!file->whole) {
        check(tn_channel_recv_view(channel, TN_FOREVER, &message));
        if (message.tag == CHUNK) {
            append(file, message.data, message.len);
        }
        file->whole = message.tag == FILE_END;
        check(tn_channel_release(channel, &message));
    }
}

static int run_client(const char *endpoint, const char *sent, const char *received) {
    tn_channel *channel;
    tn_peer peer = {.struct_size = sizeof peer};
    content file = {0}, back = {0};
    double median, p99;
    load(&file, sent);
    check(tn_channel_connect(endpoint, 5000, &channel));
    check(tn_channel_peer(channel, &peer));
    measure_latency(channel, &median, &p99);
    double messages = measure_messages(channel);
    double mib = measure_file(channel, &file);
    fetch(channel, &back);
    store(&back, received);
    printf("transport=%s median_us=%.2f p99_us=%.2f messages_per_s=%.0f mib_per_s=%.0f\n",
           peer.transport == TN_TRANSPORT_SHM ? "shm" : "local", median, p99, messages, mib);
    tn_channel_free(channel);
    free(file.data);
    free(back.data);
    return 0;
}

int main(int argc, char **argv) {
    if (argc == 4 && strcmp(argv[1], "server") == 0) {
        return run_server(argv[2], argv[3]);
    }
    if (argc == 5 && strcmp(argv[1], "client") == 0) {
        return run_client(argv[2], argv[3], argv[4]);
    }
    fputs("usage: demo server ENDPOINT KEPT\n       demo client ENDPOINT SENT RECEIVED\n", stderr);
    return 2;
}
