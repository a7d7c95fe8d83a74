/* Requests and replies. */
#include "check.h"

typedef struct asking {
    const tn_channel *channel;
    const char *question;
    uint32_t tag;
    int32_t timeout_ms;
    tn_status status;
    tn_message reply;
} asking;

static void *ask(void *argument) {
    asking *task = (asking *)argument;
    task->status = tn_channel_request(task->channel, task->tag, task->question,
                                      strlen(task->question), task->timeout_ms, &task->reply);
    return NULL;
}

/* Takes one request and gives a copy of it; the view is released. */
static tn_message take_request(const tn_channel *channel, const char *question, uint32_t tag) {
    tn_message view;
    OK(tn_channel_recv_view(channel, SOON, &view));
    CHECK(view.flags == TN_MESSAGE_REQUEST && view.id != 0 && view.tag == tag);
    CHECK(view.len == strlen(question) && memcmp(view.data, question, view.len) == 0);
    OK(tn_channel_release(channel, &view));
    return view;
}

static void a_reply_comes_back_to_its_request_and_is_released_like_a_view(void) {
    pair ends = open_pair();
    asking task = {ends.client, "how many?", 7, SOON, TN_INTERNAL, {0}};
    pthread_t thread = start(ask, &task);
    tn_message request = take_request(ends.server, "how many?", 7);
    OK(tn_channel_reply(ends.server, &request, "seven", 5, SOON)); /* after its release */
    join(thread);
    OK(task.status);
    CHECK(task.reply.flags == TN_MESSAGE_REPLY && task.reply.tag == 7);
    CHECK(task.reply.id == request.id && aligned_to_16(task.reply.data));
    CHECK(task.reply.len == 5 && memcmp(task.reply.data, "seven", 5) == 0);
    OK(tn_channel_release(ends.client, &task.reply));
    STATUS(tn_channel_release(ends.client, &task.reply), TN_INVALID);
    free_pair(&ends);
}

static void an_empty_request_and_an_empty_reply_are_fine(void) {
    pair ends = open_pair();
    asking task = {ends.client, "", 0, SOON, TN_INTERNAL, {0}};
    pthread_t thread = start(ask, &task);
    tn_message request = take_request(ends.server, "", 0);
    OK(tn_channel_reply(ends.server, &request, NULL, 0, SOON));
    join(thread);
    OK(task.status);
    CHECK(task.reply.len == 0 && task.reply.flags == TN_MESSAGE_REPLY);
    OK(tn_channel_release(ends.client, &task.reply));
    free_pair(&ends);
}

static void an_unanswered_request_times_out_and_its_late_reply_is_dropped(void) {
    pair ends = open_pair();
    tn_message untouched, poison;
    memset(&poison, 0x5a, sizeof poison);
    untouched = poison;
    STATUS(tn_channel_request(ends.client, 3, "hello?", 6, BRIEFLY, &untouched), TN_TIMED_OUT);
    CHECK(memcmp(&untouched, &poison, sizeof poison) == 0);
    tn_message request = take_request(ends.server, "hello?", 3);
    OK(tn_channel_reply(ends.server, &request, "late", 4, SOON));
    send_text(ends.server, "a message");
    expect_text(ends.client, "a message");
    expect_nothing(ends.client);
    free_pair(&ends);
}

static void messages_that_come_before_the_reply_are_kept_for_recv(void) {
    pair ends = open_pair();
    asking task = {ends.client, "q", 1, SOON, TN_INTERNAL, {0}};
    pthread_t thread = start(ask, &task);
    tn_message request = take_request(ends.server, "q", 1);
    send_text(ends.server, "first");
    send_text(ends.server, "second");
    OK(tn_channel_reply(ends.server, &request, "a", 1, SOON));
    send_text(ends.server, "third");
    join(thread);
    OK(task.status);
    OK(tn_channel_release(ends.client, &task.reply));
    expect_text(ends.client, "first");
    expect_text(ends.client, "second");
    expect_text(ends.client, "third");
    free_pair(&ends);
}

static void replies_out_of_order_find_their_requests(void) {
    enum { COUNT = 8 };
    pair ends = open_pair();
    asking tasks[COUNT];
    pthread_t threads[COUNT];
    tn_message requests[COUNT];
    char answer[16];
    for (uint32_t i = 0; i < COUNT; i++) {
        tasks[i] = (asking){ends.client, "which?", i, SOON, TN_INTERNAL, {0}};
        threads[i] = start(ask, &tasks[i]);
    }
    for (int i = 0; i < COUNT; i++) {
        tn_message view;
        OK(tn_channel_recv_view(ends.server, SOON, &view));
        OK(tn_channel_release(ends.server, &view));
        requests[i] = view;
    }
    for (int i = COUNT; i-- > 0;) {
        int len = snprintf(answer, sizeof answer, "to %u", requests[i].tag);
        OK(tn_channel_reply(ends.server, &requests[i], answer, (size_t)len, SOON));
    }
    for (uint32_t i = 0; i < COUNT; i++) {
        join(threads[i]);
        OK(tasks[i].status);
        int len = snprintf(answer, sizeof answer, "to %u", i);
        CHECK(tasks[i].reply.tag == i && tasks[i].reply.len == (size_t)len);
        CHECK(memcmp(tasks[i].reply.data, answer, (size_t)len) == 0);
        OK(tn_channel_release(ends.client, &tasks[i].reply));
    }
    free_pair(&ends);
}

static void a_started_request_gets_its_reply_as_a_message(void) {
    pair ends = open_pair();
    uint32_t first = 0, second = 0;
    tn_message view;
    OK(tn_channel_request_start(ends.client, 11, "one", 3, SOON, &first));
    OK(tn_channel_request_start(ends.client, 12, "two", 3, SOON, &second));
    CHECK(first != 0 && second != 0 && first != second);
    tn_message one = take_request(ends.server, "one", 11);
    tn_message two = take_request(ends.server, "two", 12);
    CHECK(one.id == first && two.id == second);
    OK(tn_channel_reply(ends.server, &two, "2", 1, SOON));
    OK(tn_channel_reply(ends.server, &one, "1", 1, SOON));
    OK(tn_channel_recv_view(ends.client, SOON, &view));
    CHECK(view.flags == TN_MESSAGE_REPLY && view.id == second && view.tag == 12);
    CHECK(view.len == 1 && memcmp(view.data, "2", 1) == 0);
    OK(tn_channel_release(ends.client, &view));
    OK(tn_channel_recv_view(ends.client, SOON, &view));
    CHECK(view.flags == TN_MESSAGE_REPLY && view.id == first && view.tag == 11);
    OK(tn_channel_release(ends.client, &view));
    free_pair(&ends);
}

static void a_request_in_halves_is_ended_or_cancelled(void) {
    pair ends = open_pair();
    uint32_t first = 0, second = 0;
    tn_message reply;
    OK(tn_channel_request_begin(ends.client, 21, "one", 3, SOON, &first));
    OK(tn_channel_request_begin(ends.client, 22, "two", 3, SOON, &second));
    CHECK(first != 0 && second != 0 && first != second);
    STATUS(tn_channel_request_end(ends.client, first, TN_NOWAIT, &reply), TN_AGAIN);
    tn_message one = take_request(ends.server, "one", 21);
    tn_message two = take_request(ends.server, "two", 22);
    OK(tn_channel_reply(ends.server, &two, "2", 1, SOON));
    OK(tn_channel_reply(ends.server, &one, "1", 1, SOON));
    OK(tn_channel_request_end(ends.client, first, SOON, &reply));
    CHECK(reply.flags == TN_MESSAGE_REPLY && reply.id == first && reply.tag == 21);
    CHECK(reply.len == 1 && memcmp(reply.data, "1", 1) == 0);
    OK(tn_channel_release(ends.client, &reply));
    OK(tn_channel_request_cancel(ends.client, second));
    STATUS(tn_channel_request_cancel(ends.client, second), TN_INVALID);
    STATUS(tn_channel_request_end(ends.client, second, SOON, &reply), TN_INVALID);
    free_pair(&ends);
}

static void a_request_taken_by_copy_can_be_answered(void) {
    pair ends = open_pair();
    uint32_t id = 0;
    char buffer[16];
    tn_message request, reply;
    OK(tn_channel_request_start(ends.client, 2, "copy", 4, SOON, &id));
    OK(tn_channel_recv_message(ends.server, buffer, sizeof buffer, SOON, &request));
    CHECK(request.flags == TN_MESSAGE_REQUEST && request.id == id && request.data == buffer);
    OK(tn_channel_reply(ends.server, &request, "ok", 2, SOON));
    OK(tn_channel_recv_message(ends.client, buffer, sizeof buffer, SOON, &reply));
    CHECK(reply.flags == TN_MESSAGE_REPLY && reply.id == id && reply.tag == 2 && reply.len == 2);
    free_pair(&ends);
}

static void a_request_is_answered_once(void) {
    pair ends = open_pair();
    uint32_t id = 0;
    OK(tn_channel_request_start(ends.client, 3, "q", 1, SOON, &id));
    tn_message request = take_request(ends.server, "q", 3);
    STATUS(tn_channel_reply(ends.client, &request, "astray", 6, SOON), TN_INVALID);
    OK(tn_channel_reply(ends.server, &request, "a", 1, SOON));
    STATUS(tn_channel_reply(ends.server, &request, "again", 5, SOON), TN_INVALID);
    STATUS(tn_channel_reply(ends.server, &request, "again", 5, TN_NOWAIT), TN_INVALID);
    expect_text(ends.client, "a");
    expect_nothing(ends.client);
    tn_channel_close(ends.server);
    STATUS(tn_channel_reply(ends.server, &request, "again", 5, SOON), TN_CLOSED);
    free_pair(&ends);
}

static void only_a_request_can_be_answered(void) {
    pair ends = open_pair();
    tn_message view;
    send_text(ends.client, "no question");
    OK(tn_channel_recv_view(ends.server, SOON, &view));
    STATUS(tn_channel_reply(ends.server, &view, "x", 1, SOON), TN_INVALID);
    OK(tn_channel_release(ends.server, &view));
    memset(&view, 0, sizeof view);
    STATUS(tn_channel_reply(ends.server, &view, "x", 1, SOON), TN_INVALID);
    free_pair(&ends);
}

typedef struct answering { const tn_channel *channel; int count; } answering;
static void *answer(void *argument) {
    answering *task = (answering *)argument;
    for (int i = 0; i < task->count; i++) {
        tn_message view;
        OK(tn_channel_recv_view(task->channel, SOON, &view));
        CHECK(view.flags == TN_MESSAGE_REQUEST);
        OK(tn_channel_reply(task->channel, &view, view.data, view.len, SOON));
        OK(tn_channel_release(task->channel, &view));
    }
    return NULL;
}

static void *ask_often(void *argument) {
    answering *task = (answering *)argument;
    for (uint32_t i = 1; i <= (uint32_t)task->count; i++) {
        tn_message reply;
        OK(tn_channel_request(task->channel, i, &i, sizeof i, SOON, &reply));
        CHECK(reply.tag == i && reply.len == sizeof i && memcmp(reply.data, &i, sizeof i) == 0);
        OK(tn_channel_release(task->channel, &reply));
    }
    return NULL;
}

static void both_peers_may_request_at_once(void) {
    pair ends = open_pair();
    answering server = {ends.server, 300}, client = {ends.client, 300};
    pthread_t threads[4] = {start(answer, &server), start(answer, &client),
                            start(ask_often, &server), start(ask_often, &client)};
    for (int i = 0; i < 4; i++) join(threads[i]);
    free_pair(&ends);
}

static void a_request_ends_when_the_peer_closes(void) {
    pair ends = open_pair();
    asking task = {ends.client, "q", 1, SOON, TN_INTERNAL, {0}};
    pthread_t thread = start(ask, &task);
    (void)take_request(ends.server, "q", 1);
    tn_channel_close(ends.server);
    join(thread);
    STATUS(task.status, TN_CLOSED);
    free_pair(&ends);
}

static void a_full_inbox_ends_the_request_with_no_space(void) {
    pair ends = open_pair_with("", "inbox=4KiB");
    asking task = {ends.client, "q", 1, SOON, TN_INTERNAL, {0}};
    char data[1000];
    pthread_t thread = start(ask, &task);
    (void)take_request(ends.server, "q", 1);
    fill(data, sizeof data, 1);
    for (int i = 0; i < 20; i++) OK(tn_channel_send(ends.server, data, sizeof data, SOON));
    join(thread);
    STATUS(task.status, TN_NO_SPACE);
    for (int i = 0; i < 20; i++) { /* and nothing was lost by it */
        size_t len = 0;
        OK(tn_channel_recv(ends.client, data, sizeof data, SOON, &len));
        CHECK(len == sizeof data && filled(data, len, 1));
    }
    free_pair(&ends);
}

static const test_case cases[] = {
    CASE(a_reply_comes_back_to_its_request_and_is_released_like_a_view),
    CASE(an_empty_request_and_an_empty_reply_are_fine),
    CASE(an_unanswered_request_times_out_and_its_late_reply_is_dropped),
    CASE(messages_that_come_before_the_reply_are_kept_for_recv),
    CASE(replies_out_of_order_find_their_requests),
    CASE(a_started_request_gets_its_reply_as_a_message),
    CASE(a_request_in_halves_is_ended_or_cancelled),
    CASE(a_request_taken_by_copy_can_be_answered),
    CASE(a_request_is_answered_once),
    CASE(only_a_request_can_be_answered),
    CASE(both_peers_may_request_at_once),
    CASE(a_request_ends_when_the_peer_closes),
    CASE(a_full_inbox_ends_the_request_with_no_space),
};
MAIN(cases)
