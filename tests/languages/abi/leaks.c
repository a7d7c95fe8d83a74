/* Many channels, messages, views, loans and requests: afterwards no memory, no descriptor and no
 * mapping is left. TREENAIL_LEAKS says how many of each. */
#include "check.h"

#include <dirent.h>
#include <malloc.h>

/* Rounds before the count, which fill what is kept for good; and what caches may grow by. */
#define WARM_UP 200
#define SLACK 16384

static long count(void) {
    const char *text = getenv("TREENAIL_LEAKS");
    return text ? atol(text) : 2000;
}

static int descriptors(void) {
    int found = 0;
    DIR *directory = opendir("/proc/self/fd");
    CHECK(directory != NULL);
    while (readdir(directory) != NULL) found++;
    closedir(directory);
    return found;
}

static int mappings(void) {
    char line[512];
    int found = 0;
    FILE *maps = fopen("/proc/self/maps", "r");
    CHECK(maps != NULL);
    while (fgets(line, sizeof line, maps)) found += strstr(line, "memfd:") != NULL;
    fclose(maps);
    return found;
}

static void leaves_nothing(void (*round)(void)) {
    alarm(CASE_SECONDS + (unsigned)(count() / 100));
    for (int i = 0; i < WARM_UP; i++) round();
    int descriptors_before = descriptors(), mappings_before = mappings();
    struct mallinfo2 before = mallinfo2();
    for (long i = 0; i < count(); i++) round();
    struct mallinfo2 after = mallinfo2();
    CHECK(descriptors() == descriptors_before);
    CHECK(mappings() == mappings_before);
    CHECK(after.uordblks + after.hblkhd <= before.uordblks + before.hblkhd + SLACK);
}

static tn_listener *listener;
static endpoint where;
static pair ends;

static void open_and_close(void) {
    tn_channel *server = NULL, *client = NULL;
    tn_poller *poller = NULL;
    int fd;
    OK(tn_channel_connect_start(where.text, &client));
    while (server == NULL) {
        /* Either end's handshake goes on in its own calls. */
        tn_channel_flush(client, TN_NOWAIT);
        tn_listener_accept(listener, TN_NOWAIT, &server);
    }
    OK(tn_channel_fd(client, &fd));
    OK(tn_poller_new(&poller));
    OK(tn_poller_add_channel(poller, server, 1));
    OK(tn_channel_send(client, "unread", 6, SOON));
    tn_channel_free(client);
    tn_channel_free(server);
    tn_poller_free(poller);
}

static void channels_leave_nothing(void) {
    where = with_options(fresh_endpoint(), "ring=4KiB");
    OK(tn_listener_open(where.text, &listener));
    leaves_nothing(open_and_close);
    tn_listener_free(listener);
}

static void exchange(void) {
    static char large[10000]; /* more than half a ring: it goes in fragments */
    char buffer[16];
    size_t len;
    tn_message view, request;
    tn_loan loan;
    uint32_t id, given_up;
    OK(tn_channel_send(ends.client, "copied", 6, SOON));
    OK(tn_channel_recv(ends.server, buffer, sizeof buffer, SOON, &len));
    OK(tn_channel_send(ends.client, large, sizeof large, SOON));
    OK(tn_channel_recv_view(ends.server, SOON, &view));
    OK(tn_channel_release(ends.server, &view));
    OK(tn_channel_loan(ends.client, 100, SOON, &loan));
    OK(tn_channel_commit(ends.client, &loan, 0, 50, SOON));
    OK(tn_channel_loan(ends.client, 100, SOON, &loan));
    OK(tn_channel_discard(ends.client, &loan));
    OK(tn_channel_recv_view(ends.server, SOON, &view));
    OK(tn_channel_release(ends.server, &view));
    OK(tn_channel_request_begin(ends.client, 1, "?", 1, SOON, &id));
    OK(tn_channel_request_begin(ends.client, 1, "?", 1, SOON, &given_up));
    for (int i = 0; i < 2; i++) {
        OK(tn_channel_recv_view(ends.server, SOON, &request));
        OK(tn_channel_release(ends.server, &request));
        OK(tn_channel_reply(ends.server, &request, "!", 1, SOON));
    }
    OK(tn_channel_request_cancel(ends.client, given_up));
    OK(tn_channel_request_end(ends.client, id, SOON, &view));
    OK(tn_channel_release(ends.client, &view));
    STATUS(tn_channel_recv(ends.client, buffer, sizeof buffer, TN_NOWAIT, &len), TN_AGAIN);
}

static void messages_leave_nothing(void) {
    ends = open_pair_with("ring=16KiB", "ring=16KiB");
    leaves_nothing(exchange);
    free_pair(&ends);
}

static const test_case cases[] = {
    CASE(channels_leave_nothing),
    CASE(messages_leave_nothing),
};
MAIN(cases)
