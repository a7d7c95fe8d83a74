/* files.c: a folder that takes files, and a client that sends them, checked by hash.
 *
 *     make -C examples/c
 *     target/examples-c/files server shm:files inbox
 *     target/examples-c/files client shm:files picture.jpg notes.txt
 *
 * The programs of the same name in other languages take the same arguments, and any client may
 * send to any server. Each file is
 *   OFFER   a request: its size as a little-endian 64-bit number, then its name
 *   CHUNK   its next bytes, at most CHUNK_LEN of them; as many as it takes
 *   END     a request: the SHA-256 of all its bytes
 * An empty reply says yes, any other says why not. Nothing is sent after an OFFER that was refused.
 */
#define _POSIX_C_SOURCE 200809L
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/evp.h>

#include "treenail.h"

enum { OFFER = 1, CHUNK = 2, END = 3 };
enum { CHUNK_LEN = 65536, SIZE_LEN = 8, NAME_LEN_MAX = 255, HASH_LEN = 32, BAR_LEN = 40 };

static const char BAD_NAME[] =
    "a name has 1 to 255 bytes, begins with no dot, and has no slash or control character in it";

static int failed(const char *what) {
    fprintf(stderr, "%s: %s\n", what, tn_last_error());
    return 1;
}

/* The line for a file that is where it belongs; the lines of several threads don't mix. */
static void report(const char *what, const char *name, uint64_t size, const unsigned char *hash) {
    flockfile(stdout);
    printf("%s %s: %llu bytes, SHA-256 ", what, name, (unsigned long long)size);
    for (int i = 0; i < HASH_LEN; i++) {
        printf("%02x", hash[i]);
    }
    putchar('\n');
    funlockfile(stdout);
}

/* ---- the server ---- */

/* A client, and the file that comes from it. */
typedef struct client {
    tn_channel *channel;
    int folder;
    FILE *file; /* NULL: none is coming */
    char name[NAME_LEN_MAX + 1];
    char temporary[32];
    uint64_t size, received;
    int write_error; /* errno of the first write that failed, or 0 */
    EVP_MD_CTX *hash;
} client;

static void discard(client *client) {
    fclose(client->file);
    unlinkat(client->folder, client->temporary, 0);
    client->file = NULL;
}

/* Gives up a file whose END has not come. */
static void drop(client *client) {
    if (client->file != NULL) {
        discard(client);
        printf("dropped %s: %llu of %llu bytes came\n", client->name,
               (unsigned long long)client->received, (unsigned long long)client->size);
    }
}

static tn_status refuse(const client *client, const tn_message *request, const char *format, ...) {
    char why[NAME_LEN_MAX + 128];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(why, sizeof why, format, arguments);
    va_end(arguments);
    printf("refused: %s\n", why);
    return tn_channel_reply(client->channel, request, why, strlen(why), TN_FOREVER);
}

/* A name must lead nowhere but into the folder, and not upset a terminal. */
static int is_good_name(const char *name, size_t len) {
    if (len == 0 || len > NAME_LEN_MAX || name[0] == '.') {
        return 0;
    }
    for (size_t i = 0; i < len; i++) {
        if (name[i] == '/' || (unsigned char)name[i] < 32 || name[i] == 127) {
            return 0;
        }
    }
    return 1;
}

static uint64_t read_u64(const unsigned char *bytes) {
    uint64_t value = 0;
    for (int i = 7; i >= 0; i--) {
        value = value << 8 | bytes[i];
    }
    return value;
}

/* What is not whole yet has a name that no client can choose, as it begins with a dot. */
static FILE *open_temporary(client *client) {
    static atomic_uint count;
    snprintf(client->temporary, sizeof client->temporary, ".%d-%u.part", (int)getpid(),
             atomic_fetch_add(&count, 1));
    int fd = openat(client->folder, client->temporary, O_WRONLY | O_CREAT | O_EXCL, 0666);
    return fd < 0 ? NULL : fdopen(fd, "wb");
}

static tn_status take_offer(client *client, const tn_message *offer) {
    drop(client);
    const char *name = (const char *)offer->data + SIZE_LEN;
    size_t len = offer->len - SIZE_LEN;
    if (offer->len < SIZE_LEN || !is_good_name(name, len)) {
        return refuse(client, offer, BAD_NAME);
    }
    memcpy(client->name, name, len);
    client->name[len] = '\0';
    if (faccessat(client->folder, client->name, F_OK, AT_SYMLINK_NOFOLLOW) == 0) {
        return refuse(client, offer, "%s is there already", client->name);
    }
    client->file = open_temporary(client);
    if (client->file == NULL) {
        return refuse(client, offer, "%s can't be written: %s", client->name, strerror(errno));
    }
    client->size = read_u64(offer->data);
    client->received = 0;
    client->write_error = 0;
    EVP_DigestInit_ex(client->hash, EVP_sha256(), NULL);
    return tn_channel_reply(client->channel, offer, NULL, 0, TN_FOREVER);
}

static void take_chunk(client *client, const tn_message *chunk) {
    if (client->file == NULL) {
        return;
    }
    client->received += chunk->len;
    if (client->received > client->size || client->write_error != 0) {
        return; /* the answer to END says so */
    }
    EVP_DigestUpdate(client->hash, chunk->data, chunk->len);
    if (fwrite(chunk->data, 1, chunk->len, client->file) != chunk->len) {
        client->write_error = errno;
    }
}

/* Gives it its name, besides the temporary one: a link, unlike a rename, replaces nothing. */
static tn_status keep(client *client, const tn_message *end) {
    int folder = client->folder;
    int kept = fflush(client->file) == 0 &&
               linkat(folder, client->temporary, folder, client->name, 0) == 0;
    int error = errno;
    discard(client);
    if (!kept) {
        return refuse(client, end, "%s can't be written: %s", client->name, strerror(error));
    }
    report("kept", client->name, client->size, end->data);
    return tn_channel_reply(client->channel, end, NULL, 0, TN_FOREVER);
}

static tn_status take_end(client *client, const tn_message *end) {
    unsigned char hash[HASH_LEN];
    if (client->file == NULL) {
        return refuse(client, end, "no file was offered");
    }
    EVP_DigestFinal_ex(client->hash, hash, NULL);
    if (client->write_error == 0 && client->received == client->size && end->len == HASH_LEN &&
        memcmp(end->data, hash, HASH_LEN) == 0) {
        return keep(client, end);
    }
    discard(client);
    if (client->write_error != 0) {
        const char *why = strerror(client->write_error);
        return refuse(client, end, "%s can't be written: %s", client->name, why);
    }
    if (client->received != client->size) {
        return refuse(client, end, "%s: %llu of %llu bytes came", client->name,
                      (unsigned long long)client->received, (unsigned long long)client->size);
    }
    return refuse(client, end, "%s came with another hash", client->name);
}

static tn_status take(client *client, const tn_message *message) {
    switch (message->tag) {
    case OFFER:
        return take_offer(client, message);
    case CHUNK:
        take_chunk(client, message);
        return TN_OK;
    case END:
        return take_end(client, message);
    }
    int is_request = message->flags & TN_MESSAGE_REQUEST;
    return is_request ? refuse(client, message, "there is no such request") : TN_OK;
}

/* Serves one client until it goes. Messages are copied out of the channel: what a view shows the
 * peer could still change, between the hash and the file. */
static void *serve(void *argument) {
    client *client = argument;
    char buffer[CHUNK_LEN];
    tn_message message;
    tn_status status;
    do {
        status = tn_channel_recv_message(client->channel, buffer, sizeof buffer, TN_FOREVER,
                                         &message);
        if (status >= 0) {
            status = take(client, &message);
        }
    } while (status >= 0);
    if (status != TN_CLOSED) {
        failed("files: a client ended");
    }
    drop(client);
    tn_channel_free(client->channel);
    EVP_MD_CTX_free(client->hash);
    free(client);
    return NULL;
}

/* A thread for each client; chat.c serves many on one thread. */
static void start_serving(tn_channel *channel, int folder) {
    client *client = calloc(1, sizeof *client);
    EVP_MD_CTX *hash = EVP_MD_CTX_new();
    pthread_t thread;
    if (client != NULL && hash != NULL) {
        client->channel = channel;
        client->folder = folder;
        client->hash = hash;
        if (pthread_create(&thread, NULL, serve, client) == 0) {
            pthread_detach(thread);
            return;
        }
    }
    fputs("files: no memory for another client\n", stderr);
    exit(1);
}

static int run_server(const char *endpoint, const char *path) {
    tn_listener *listener;
    int folder = open(path, O_RDONLY | O_DIRECTORY);
    if (folder < 0) {
        fprintf(stderr, "files: %s: %s\n", path, strerror(errno));
        return 1;
    }
    if (tn_listener_open(endpoint, &listener) < 0) {
        return failed("files");
    }
    printf("listening at %s\n", endpoint);
    tn_channel *channel;
    while (tn_listener_accept(listener, TN_FOREVER, &channel) >= 0) {
        start_serving(channel, folder);
    }
    return failed("files");
}

/* ---- the client ---- */

/* A bar for who watches, drawn anew when the percentage changes; taken away when all is sent. */
static void show_progress(const char *name, uint64_t done, uint64_t size, int *shown) {
    int percent = (int)(100.0 * (double)done / (double)size);
    if (percent == *shown || !isatty(STDERR_FILENO)) {
        return;
    }
    *shown = percent;
    char bar[BAR_LEN + 1] = {0};
    memset(bar, '-', BAR_LEN);
    memset(bar, '#', (size_t)(percent * BAR_LEN / 100));
    fprintf(stderr, "\r[%s] %3d %%  %s", bar, percent, name);
    if (done == size) {
        fputs("\r\033[K", stderr);
    }
}

/* Reads the file into loans: on shm its bytes go straight from the system into the ring. */
static tn_status send_chunks(const tn_channel *channel, FILE *file, const char *name,
                             uint64_t size, EVP_MD_CTX *hash) {
    uint64_t sent = 0;
    int shown = -1;
    while (sent < size) {
        tn_loan loan;
        uint64_t rest = size - sent;
        size_t len = rest < CHUNK_LEN ? (size_t)rest : CHUNK_LEN;
        tn_status status = tn_channel_loan(channel, len, TN_FOREVER, &loan);
        if (status < 0) {
            return status;
        }
        len = fread(loan.data, 1, len, file);
        if (len == 0) {
            return tn_channel_discard(channel, &loan); /* it has shrunk: the server will say so */
        }
        EVP_DigestUpdate(hash, loan.data, len);
        status = tn_channel_commit(channel, &loan, CHUNK, len, TN_FOREVER);
        if (status < 0) {
            return status;
        }
        sent += len;
        show_progress(name, sent, size, &shown);
    }
    return TN_OK;
}

/* Asks, and says why where the answer is no; then the status is TN_OK, and `*agreed` 0. */
static tn_status ask(const tn_channel *channel, uint32_t tag, const void *data, size_t len,
                     const char *path, int *agreed) {
    tn_message reply;
    tn_status status = tn_channel_request(channel, tag, data, len, TN_FOREVER, &reply);
    if (status < 0) {
        return status;
    }
    *agreed = reply.len == 0;
    if (!*agreed) {
        fprintf(stderr, "files: %s was refused: %.*s\n", path, (int)reply.len,
                (const char *)reply.data);
    }
    return tn_channel_release(channel, &reply);
}

static tn_status send_file(const tn_channel *channel, FILE *file, const char *path,
                           uint64_t size, EVP_MD_CTX *hash, int *kept) {
    unsigned char offer[SIZE_LEN + NAME_LEN_MAX], sum[HASH_LEN];
    const char *slash = strrchr(path, '/'), *name = slash == NULL ? path : slash + 1;
    size_t len = strnlen(name, NAME_LEN_MAX);
    for (int i = 0; i < SIZE_LEN; i++) {
        offer[i] = (unsigned char)(size >> (8 * i));
    }
    memcpy(offer + SIZE_LEN, name, len);
    tn_status status = ask(channel, OFFER, offer, SIZE_LEN + len, path, kept);
    if (status < 0 || !*kept) {
        return status;
    }
    EVP_DigestInit_ex(hash, EVP_sha256(), NULL);
    status = send_chunks(channel, file, name, size, hash);
    EVP_DigestFinal_ex(hash, sum, NULL);
    if (status >= 0) {
        status = ask(channel, END, sum, sizeof sum, path, kept);
    }
    if (status >= 0 && *kept) {
        report("sent", name, size, sum);
    }
    return status;
}

/* Sends one file after the other; one that is refused doesn't hold up the next. */
static int run_client(const char *endpoint, char **paths, int count) {
    tn_channel *channel;
    EVP_MD_CTX *hash = EVP_MD_CTX_new();
    if (hash == NULL || tn_channel_connect(endpoint, 5000, &channel) < 0) {
        return failed("files");
    }
    int code = 0;
    tn_status status = TN_OK;
    for (int i = 0; i < count && status >= 0; i++) {
        struct stat facts;
        int kept = 0;
        FILE *file = fopen(paths[i], "rb");
        if (file == NULL || fstat(fileno(file), &facts) < 0 || !S_ISREG(facts.st_mode)) {
            const char *why = file == NULL ? strerror(errno) : "not a regular file";
            fprintf(stderr, "files: %s: %s\n", paths[i], why);
        } else {
            status = send_file(channel, file, paths[i], (uint64_t)facts.st_size, hash, &kept);
        }
        if (file != NULL) {
            fclose(file);
        }
        code |= !kept;
    }
    if (status < 0) {
        code = failed("files");
    }
    tn_channel_free(channel);
    EVP_MD_CTX_free(hash);
    return code;
}

int main(int argc, char **argv) {
    setvbuf(stdout, NULL, _IOLBF, BUFSIZ); /* who reads our lines sees each at once */
    if (argc == 4 && strcmp(argv[1], "server") == 0) {
        return run_server(argv[2], argv[3]);
    }
    if (argc >= 4 && strcmp(argv[1], "client") == 0) {
        return run_client(argv[2], argv + 3, argc - 3);
    }
    fputs("usage: files server ENDPOINT FOLDER\n       files client ENDPOINT FILE...\n", stderr);
    return 2;
}
