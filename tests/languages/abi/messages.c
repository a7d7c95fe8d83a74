/* Whole messages, copied: send, sendv, send_many, recv, recv_message, recv_many. */
#include "check.h"

#define UNTOUCHED ((size_t)0xfeedbeef)

static void a_message_arrives_whole_and_in_order(void) {
    pair ends = open_pair();
    send_text(ends.client, "one");
    send_text(ends.client, "two");
    send_text(ends.server, "back");
    expect_text(ends.server, "one");
    expect_text(ends.server, "two");
    expect_text(ends.client, "back");
    free_pair(&ends);
}

static void an_empty_message_is_a_message_too(void) {
    pair ends = open_pair();
    size_t len = UNTOUCHED;
    OK(tn_channel_send(ends.client, NULL, 0, SOON));
    OK(tn_channel_send(ends.client, "x", 0, SOON));
    OK(tn_channel_sendv(ends.client, 9, NULL, 0, SOON));
    for (int i = 0; i < 3; i++) {
        len = UNTOUCHED;
        OK(tn_channel_recv(ends.server, NULL, 0, SOON, &len));
        CHECK(len == 0);
    }
    STATUS(tn_channel_recv(ends.server, NULL, 0, TN_NOWAIT, &len), TN_AGAIN);
    free_pair(&ends);
}

static void nothing_there_is_again_or_timed_out_and_leaves_the_outputs(void) {
    pair ends = open_pair();
    char buffer[8] = "before";
    size_t len = UNTOUCHED;
    STATUS(tn_channel_recv(ends.server, buffer, sizeof buffer, TN_NOWAIT, &len), TN_AGAIN);
    int64_t before = now_ms();
    STATUS(tn_channel_recv(ends.server, buffer, sizeof buffer, BRIEFLY, &len), TN_TIMED_OUT);
    CHECK(now_ms() - before >= BRIEFLY - 1);
    CHECK(len == UNTOUCHED && strcmp(buffer, "before") == 0);
    tn_message message, poison;
    memset(&poison, 0x5a, sizeof poison);
    message = poison;
    STATUS(tn_channel_recv_message(ends.server, buffer, 8, TN_NOWAIT, &message), TN_AGAIN);
    STATUS(tn_channel_recv_message(ends.server, buffer, 8, BRIEFLY, &message), TN_TIMED_OUT);
    STATUS(tn_channel_recv_view(ends.server, TN_NOWAIT, &message), TN_AGAIN);
    STATUS(tn_channel_recv_view(ends.server, BRIEFLY, &message), TN_TIMED_OUT);
    STATUS(tn_channel_recv_many(ends.server, buffer, 8, &message, 1, TN_NOWAIT, &len), TN_AGAIN);
    STATUS(tn_channel_recv_many(ends.server, buffer, 8, &message, 1, BRIEFLY, &len), TN_TIMED_OUT);
    CHECK(len == UNTOUCHED && memcmp(&message, &poison, sizeof poison) == 0);
    free_pair(&ends);
}

static void too_small_a_buffer_says_how_much_and_the_message_stays(void) {
    pair ends = open_pair();
    char buffer[16] = "before";
    size_t len = UNTOUCHED;
    tn_message message;
    memset(&message, 0x5a, sizeof message);
    send_text(ends.client, "0123456789");
    STATUS(tn_channel_recv(ends.server, buffer, 9, SOON, &len), TN_TOO_LARGE);
    CHECK(len == 10 && strcmp(buffer, "before") == 0);
    len = UNTOUCHED;
    STATUS(tn_channel_recv(ends.server, NULL, 0, TN_NOWAIT, &len), TN_TOO_LARGE);
    CHECK(len == 10);
    STATUS(tn_channel_recv_message(ends.server, buffer, 9, SOON, &message), TN_TOO_LARGE);
    CHECK(message.len == 10 && strcmp(buffer, "before") == 0);
    OK(tn_channel_recv(ends.server, buffer, 10, TN_NOWAIT, &len));
    CHECK(len == 10 && memcmp(buffer, "0123456789", 10) == 0);
    free_pair(&ends);
}

static void parts_become_one_message_with_a_tag(void) {
    pair ends = open_pair();
    tn_slice parts[4] = {{"ab", 2}, {NULL, 0}, {"cde", 3}, {"f", 1}};
    char buffer[16];
    tn_message message;
    memset(&message, 0x5a, sizeof message);
    OK(tn_channel_sendv(ends.client, 0xfffffffeu, parts, 4, SOON));
    OK(tn_channel_recv_message(ends.server, buffer, sizeof buffer, SOON, &message));
    CHECK(message.data == buffer && message.len == 6 && memcmp(buffer, "abcdef", 6) == 0);
    CHECK(message.tag == 0xfffffffeu && message.id == 0 && message.flags == 0);
    OK(tn_channel_send_tagged(ends.client, 5, "xy", 2, SOON));
    OK(tn_channel_recv_message(ends.server, buffer, sizeof buffer, SOON, &message));
    CHECK(message.tag == 5 && message.id == 0 && message.flags == 0 && message.len == 2);
    tn_slice many[9] = {{"a", 1}, {"b", 1}, {"c", 1}, {"d", 1}, {"e", 1},
                        {"f", 1}, {"g", 1}, {"h", 1}, {"i", 1}};
    for (size_t count = 7; count <= 9; count++) {
        OK(tn_channel_sendv(ends.client, 1, many, count, SOON));
        OK(tn_channel_recv_message(ends.server, buffer, sizeof buffer, SOON, &message));
        CHECK(message.len == count && memcmp(buffer, "abcdefghi", count) == 0);
    }
    OK(tn_channel_send(ends.client, "x", 1, SOON));
    OK(tn_channel_recv_message(ends.server, buffer, sizeof buffer, SOON, &message));
    CHECK(message.tag == 0 && message.flags == 0 && message.len == 1);
    free_pair(&ends);
}

static void a_copied_message_has_nothing_to_release(void) {
    pair ends = open_pair();
    char buffer[16];
    tn_message message;
    send_text(ends.client, "copy");
    OK(tn_channel_recv_message(ends.server, buffer, sizeof buffer, SOON, &message));
    STATUS(tn_channel_release(ends.server, &message), TN_INVALID);
    free_pair(&ends);
}

static void a_null_part_with_a_length_is_invalid(void) {
    pair ends = open_pair();
    tn_slice parts[2] = {{"ab", 2}, {NULL, 3}};
    size_t sent = UNTOUCHED;
    STATUS(tn_channel_sendv(ends.client, 0, parts, 2, SOON), TN_INVALID);
    STATUS(tn_channel_sendv(ends.client, 0, NULL, 1, SOON), TN_INVALID);
    STATUS(tn_channel_send(ends.client, NULL, 1, SOON), TN_INVALID);
    STATUS(tn_channel_send_many(ends.client, NULL, 1, SOON, &sent), TN_INVALID);
    CHECK(sent == 0);
    STATUS(tn_channel_recv(ends.server, NULL, 0, TN_NOWAIT, &sent), TN_AGAIN);
    free_pair(&ends);
}

static void lengths_that_cannot_be_are_refused(void) {
    pair ends = open_pair();
    tn_slice parts[2] = {{"ab", SIZE_MAX / 2 + 1}, {"cd", SIZE_MAX / 2 + 1}};
    tn_loan loan;
    STATUS(tn_channel_send(ends.client, "x", SIZE_MAX, SOON), TN_TOO_LARGE);
    STATUS(tn_channel_sendv(ends.client, 0, parts, 2, SOON), TN_TOO_LARGE);
    STATUS(tn_channel_loan(ends.client, SIZE_MAX, SOON, &loan), TN_TOO_LARGE);
    send_text(ends.client, "unharmed");
    expect_text(ends.server, "unharmed");
    free_pair(&ends);
}

static void the_receiver_s_largest_message_is_kept_to(void) {
    pair ends = open_pair_with("max_message=1000", "");
    char out[1001], in[1001];
    size_t len = 0, sent = UNTOUCHED;
    fill(out, sizeof out, 3);
    tn_slice whole = {out, 1001};
    STATUS(tn_channel_send(ends.client, out, 1001, SOON), TN_TOO_LARGE);
    CHECK(strstr(tn_last_error(), "1000") != NULL);
    STATUS(tn_channel_sendv(ends.client, 0, &whole, 1, SOON), TN_TOO_LARGE);
    STATUS(tn_channel_send_many(ends.client, &whole, 1, SOON, &sent), TN_TOO_LARGE);
    CHECK(sent == 0);
    OK(tn_channel_send(ends.client, out, 1000, SOON));
    OK(tn_channel_recv(ends.server, in, sizeof in, SOON, &len));
    CHECK(len == 1000 && filled(in, 1000, 3));
    OK(tn_channel_send(ends.server, out, 1001, SOON));
    OK(tn_channel_recv(ends.client, in, sizeof in, SOON, &len));
    CHECK(len == 1001 && filled(in, 1001, 3));
    free_pair(&ends);
}

static void many_go_out_and_come_in_together(void) {
    pair ends = open_pair();
    tn_slice out[5] = {{"a", 1}, {"", 0}, {"ccccccccccccccccc", 17}, {"dd", 2}, {NULL, 0}};
    tn_message in[8];
    _Alignas(16) char storage[513];
    size_t sent = UNTOUCHED, count = UNTOUCHED, seen = 0;
    OK(tn_channel_send_many(ends.client, out, 5, SOON, &sent));
    CHECK(sent == 5);
    while (seen < 5) { /* from an odd place: the data is aligned all the same */
        OK(tn_channel_recv_many(ends.server, storage + 1, 512, in, 8, SOON, &count));
        CHECK(count >= 1 && count <= 5 - seen);
        for (size_t i = 0; i < count; i++, seen++) {
            CHECK(in[i].len == out[seen].len && aligned_to_16(in[i].data));
            if (in[i].len == 0) continue;
            CHECK((const char *)in[i].data > storage);
            CHECK((const char *)in[i].data + in[i].len <= storage + 513);
            CHECK(memcmp(in[i].data, out[seen].data, in[i].len) == 0);
        }
    }
    STATUS(tn_channel_recv_many(ends.server, storage, 512, in, 8, TN_NOWAIT, &count), TN_AGAIN);
    OK(tn_channel_send_many(ends.client, NULL, 0, SOON, &sent));
    CHECK(sent == 0);
    free_pair(&ends);
}

static void a_batch_takes_no_more_than_asked_for_or_fits(void) {
    pair ends = open_pair();
    char message[40];
    tn_slice out[4] = {{message, 40}, {message, 40}, {message, 40}, {message, 40}};
    tn_message in[4];
    _Alignas(16) char storage[256];
    size_t sent = 0, count = 0, seen = 0;
    fill(message, sizeof message, 1);
    OK(tn_channel_send_many(ends.client, out, 4, SOON, &sent));
    OK(tn_channel_recv_many(ends.server, storage, 256, in, 1, SOON, &count));
    CHECK(count == 1 && in[0].len == 40 && filled(in[0].data, 40, 1));
    memset(in, 0x5a, sizeof in);
    STATUS(tn_channel_recv_many(ends.server, storage, 39, in, 4, SOON, &count), TN_TOO_LARGE);
    CHECK(count == 1 && in[0].len == 40 && in[0].data == NULL && in[0].flags == 0);
    while (seen < 2) { /* 100 bytes hold two of 40, aligned */
        OK(tn_channel_recv_many(ends.server, storage, 100, in, 4 - 1, SOON, &count));
        CHECK(count >= 1 && count <= 2);
        seen += count;
    }
    for (; seen < 3; seen++) OK(tn_channel_recv(ends.server, storage, 40, SOON, &count));
    STATUS(tn_channel_recv(ends.server, storage, 40, TN_NOWAIT, &count), TN_AGAIN);
    free_pair(&ends);
}

static void a_batch_says_of_each_message_what_it_is(void) {
    pair ends = open_pair();
    _Alignas(16) char storage[256];
    tn_message all[4], *request = &all[1];
    uint32_t id = 0;
    size_t count = 0, seen = 0;
    OK(tn_channel_send_tagged(ends.client, 7, "tagged", 6, SOON));
    OK(tn_channel_request_start(ends.client, 8, "question", 8, SOON, &id));
    OK(tn_channel_send(ends.client, "plain", 5, SOON));
    memset(all, 0x5a, sizeof all);
    for (; seen < 3; seen += count)
        OK(tn_channel_recv_many(ends.server, storage + 64 * seen, 256 - 64 * seen, all + seen,
                                4 - seen, SOON, &count));
    CHECK(all[0].tag == 7 && all[0].id == 0 && all[0].flags == 0 && all[0].len == 6);
    CHECK(request->tag == 8 && request->id == id && request->flags == TN_MESSAGE_REQUEST);
    CHECK(memcmp(request->data, "question", 8) == 0);
    CHECK(all[2].tag == 0 && all[2].id == 0 && all[2].flags == 0 && all[2].len == 5);
    for (size_t i = 0; i < 3; i++) {
        CHECK(all[i].missed == 0 && all[i].private_ == 0);
        for (size_t k = 0; k < 4; k++) CHECK(all[i].reserved[k] == 0);
    }
    STATUS(tn_channel_release(ends.server, &all[0]), TN_INVALID);
    OK(tn_channel_reply(ends.server, request, "answer", 6, SOON));
    OK(tn_channel_recv_many(ends.client, storage, 256, all, 4, SOON, &count));
    CHECK(count == 1 && all[0].flags == TN_MESSAGE_REPLY && all[0].id == id && all[0].tag == 8);
    free_pair(&ends);
}

typedef struct bulk { tn_channel *channel; void *data; size_t len; } bulk;
static void *send_bulk(void *argument) {
    bulk *task = (bulk *)argument;
    OK(tn_channel_send(task->channel, task->data, task->len, SOON));
    return NULL;
}

static void sizes_around_every_boundary_arrive_whole(void) {
    static const size_t sizes[] = {1, 15, 16, 17, 31, 32, 33, 2031, 2032, 2033, 4079, 4080, 4081,
                                   4095, 4096, 4097, 8192, 40960, 65535, 65536, 65537, 1 << 20};
    pair ends = open_pair_with("ring=4KiB", "ring=4KiB");
    char *out = (char *)malloc(1 << 20), *in = (char *)malloc(1 << 20);
    CHECK(out && in);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        bulk task = {ends.client, out, sizes[i]};
        size_t len = 0;
        fill(out, sizes[i], (unsigned)i);
        pthread_t thread = start(send_bulk, &task);
        OK(tn_channel_recv(ends.server, in, 1 << 20, SOON, &len));
        CHECK(len == sizes[i] && filled(in, len, (unsigned)i));
        join(thread);
    }
    free(out);
    free(in);
    free_pair(&ends);
}

static const test_case cases[] = {
    CASE(a_message_arrives_whole_and_in_order),
    CASE(an_empty_message_is_a_message_too),
    CASE(nothing_there_is_again_or_timed_out_and_leaves_the_outputs),
    CASE(too_small_a_buffer_says_how_much_and_the_message_stays),
    CASE(parts_become_one_message_with_a_tag),
    CASE(a_copied_message_has_nothing_to_release),
    CASE(a_null_part_with_a_length_is_invalid),
    CASE(lengths_that_cannot_be_are_refused),
    CASE(the_receiver_s_largest_message_is_kept_to),
    CASE(many_go_out_and_come_in_together),
    CASE(a_batch_takes_no_more_than_asked_for_or_fits),
    CASE(a_batch_says_of_each_message_what_it_is),
    CASE(sizes_around_every_boundary_arrive_whole),
};
MAIN(cases)
