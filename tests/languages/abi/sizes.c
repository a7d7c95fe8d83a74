/* Every size that a size_t can say: it works, or is refused with a text that says the limit. What is
 * large here is never touched, and takes no memory. */
#include "check.h"

#include <fcntl.h>
#include <sys/mman.h>

#define MESSAGE_MAX 4294967295u
#define LARGE ((size_t)5 << 30)

static void *untouched(size_t size) {
    int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
    void *memory = mmap(NULL, size, PROT_READ, flags, -1, 0);
    CHECK(memory != MAP_FAILED);
    return memory;
}

static void says(const char *what) {
    if (strstr(tn_last_error(), what) == NULL) fail(__FILE__, __LINE__, tn_last_error());
}

#define REFUSED(call, status, what) \
    do {                            \
        STATUS(call, status);       \
        says(what);                 \
    } while (0)

static void one_byte_more_than_the_largest_message_is_refused(void) {
    const size_t over = (size_t)MESSAGE_MAX + 1, quarter = (size_t)1 << 30;
    pair ends = open_pair_with("max_message=4294967295", "");
    char *data = (char *)untouched(over);
    tn_slice whole = {data, over}, quarters[5];
    tn_message reply;
    tn_loan loan;
    uint32_t id = 0;
    size_t sent = 1;
    for (size_t i = 0; i < 5; i++) quarters[i].data = data, quarters[i].len = quarter;
    REFUSED(tn_channel_send(ends.client, data, over, SOON), TN_TOO_LARGE, "4294967295");
    REFUSED(tn_channel_send_tagged(ends.client, 1, data, over, SOON), TN_TOO_LARGE, "4294967295");
    REFUSED(tn_channel_sendv(ends.client, 1, quarters, 4, SOON), TN_TOO_LARGE, "4294967296");
    REFUSED(tn_channel_sendv(ends.client, 1, quarters, 5, SOON), TN_TOO_LARGE, "5368709120");
    REFUSED(tn_channel_send_many(ends.client, &whole, 1, SOON, &sent), TN_TOO_LARGE, "4294967295");
    CHECK(sent == 0);
    REFUSED(tn_channel_loan(ends.client, over, SOON, &loan), TN_TOO_LARGE, "4294967295");
    REFUSED(tn_channel_request(ends.client, 1, data, over, SOON, &reply), TN_TOO_LARGE,
            "4294967295");
    REFUSED(tn_channel_request_begin(ends.client, 1, data, over, SOON, &id), TN_TOO_LARGE,
            "4294967295");
    REFUSED(tn_channel_request_start(ends.client, 1, data, over, SOON, &id), TN_TOO_LARGE,
            "4294967295");
    send_text(ends.client, "unharmed");
    expect_text(ends.server, "unharmed");
    munmap(data, over);
    free_pair(&ends);
}

static void buffers_and_counts_that_cannot_be_are_invalid(void) {
    pair ends = open_pair();
    tn_slice slice = {"x", 1};
    tn_message message;
    char byte;
    size_t count = 77;
    send_text(ends.client, "waits");
    REFUSED(tn_channel_recv(ends.server, &byte, SIZE_MAX, TN_NOWAIT, &count), TN_INVALID,
            "18446744073709551615");
    REFUSED(tn_channel_recv_message(ends.server, &byte, SIZE_MAX, TN_NOWAIT, &message), TN_INVALID,
            "18446744073709551615");
    REFUSED(tn_channel_recv_many(ends.server, &byte, SIZE_MAX, &message, 1, TN_NOWAIT, &count),
            TN_INVALID, "18446744073709551615");
    CHECK(count == 77);
    REFUSED(tn_channel_sendv(ends.client, 0, &slice, SIZE_MAX, SOON), TN_INVALID,
            "18446744073709551615");
    REFUSED(tn_channel_send_many(ends.client, &slice, SIZE_MAX / 8, SOON, &count), TN_INVALID,
            "2305843009213693951");
    CHECK(count == 0);
    STATUS(tn_channel_recv(ends.server, NULL, 0, SOON, &count), TN_TOO_LARGE);
    CHECK(count == 5);
    expect_text(ends.server, "waits");
    free_pair(&ends);
}

static tn_segment *open_large(void) {
    char object[64], name[80];
    tn_segment *segment = NULL;
    snprintf(object, sizeof object, "/large-%s-%ld", scheme, (long)getpid());
    snprintf(name, sizeof name, "native:%s", object);
    int fd = shm_open(object, O_RDWR | O_CREAT | O_EXCL, 0600);
    CHECK(fd >= 0 && ftruncate(fd, (off_t)LARGE) == 0);
    close(fd);
    tn_status opened = tn_segment_open(name, &segment);
    shm_unlink(object);
    OK(opened);
    return segment;
}

static void a_large_segment_is_written_and_read_to_its_end(void) {
    static const size_t offsets[] = {((size_t)1 << 31) - 2, ((size_t)1 << 32) - 2, LARGE - 5};
    tn_segment *segment = open_large();
    char *data = (char *)tn_segment_data(segment);
    CHECK(tn_segment_size(segment) == LARGE);
    for (size_t i = 0; i < 3; i++) {
        char bytes[5] = "";
        OK(tn_segment_write(segment, offsets[i], "hello", 5, SOON));
        CHECK(memcmp(data + offsets[i], "hello", 5) == 0);
        OK(tn_segment_read(segment, offsets[i], bytes, 5, SOON));
        CHECK(memcmp(bytes, "hello", 5) == 0);
    }
    CHECK(data[0] == 0 && data[5] == 0);  /* where a cut-off offset would have gone */
    tn_segment_free(segment);
}

static void what_is_not_within_a_segment_is_invalid(void) {
    static const size_t places[][2] = {{LARGE - 4, 5},     {LARGE, 1},        {LARGE + 1, 0},
                                       {SIZE_MAX, 1},      {SIZE_MAX, 5},     {SIZE_MAX - 3, 4},
                                       {0, LARGE + 1},     {0, SIZE_MAX},     {5, SIZE_MAX},
                                       {5, SIZE_MAX / 2},  {5, SIZE_MAX - 4}, {SIZE_MAX, SIZE_MAX},
                                       {SIZE_MAX / 2, SIZE_MAX / 2 + 1}};
    tn_segment *segment = open_large();
    char bytes[5] = "";
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        REFUSED(tn_segment_write(segment, places[i][0], "hello", places[i][1], SOON), TN_INVALID,
                "5368709120");
        REFUSED(tn_segment_read(segment, places[i][0], bytes, places[i][1], SOON), TN_INVALID,
                "5368709120");
    }
    CHECK(tn_segment_version(segment) == 0);
    tn_segment_close(segment);
    STATUS(tn_segment_write(segment, 0, "hello", SIZE_MAX, SOON), TN_CLOSED);
    STATUS(tn_segment_read(segment, 0, bytes, SIZE_MAX, SOON), TN_CLOSED);
    tn_segment_free(segment);
}

static void the_longest_times_are_taken(void) {
    tn_semaphore *semaphore = NULL;
    char name[64];
    pair ends = open_pair();
    size_t len;
    char byte;
    snprintf(name, sizeof name, "long-%s-%ld", scheme, (long)getpid());
    OK(tn_semaphore_create(name, INT32_MAX, &semaphore));
    OK(tn_semaphore_acquire(semaphore, INT32_MAX, INT32_MAX));
    OK(tn_channel_send(ends.client, "x", 1, INT32_MAX));
    OK(tn_channel_recv(ends.server, &byte, 1, INT32_MAX, &len));
    STATUS(tn_channel_recv(ends.server, &byte, 1, INT32_MIN, &len), TN_INVALID);
    STATUS(tn_semaphore_acquire(semaphore, 1, INT32_MIN), TN_INVALID);
    tn_semaphore_free(semaphore);
    free_pair(&ends);
}

static const test_case cases[] = {
    CASE(one_byte_more_than_the_largest_message_is_refused),
    CASE(buffers_and_counts_that_cannot_be_are_invalid),
    CASE(a_large_segment_is_written_and_read_to_its_end),
    CASE(what_is_not_within_a_segment_is_invalid),
    CASE(the_longest_times_are_taken),
};
MAIN(cases)
