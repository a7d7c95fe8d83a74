/* Messages in place: recv_view and release, loan, commit and discard. */
#include "check.h"

static void a_view_shows_the_message_until_it_is_released(void) {
    pair ends = open_pair();
    tn_slice part = {"in place", 8};
    tn_message view;
    OK(tn_channel_sendv(ends.client, 5, &part, 1, SOON));
    OK(tn_channel_recv_view(ends.server, SOON, &view));
    CHECK(view.len == 8 && memcmp(view.data, "in place", 8) == 0 && aligned_to_16(view.data));
    CHECK(view.tag == 5 && view.id == 0 && view.flags == 0);
    OK(tn_channel_release(ends.server, &view));
    STATUS(tn_channel_recv_view(ends.server, TN_NOWAIT, &view), TN_AGAIN);
    free_pair(&ends);
}

static void a_second_release_is_invalid(void) {
    pair ends = open_pair();
    tn_message view, next;
    send_text(ends.client, "once");
    OK(tn_channel_recv_view(ends.server, SOON, &view));
    OK(tn_channel_release(ends.server, &view));
    STATUS(tn_channel_release(ends.server, &view), TN_INVALID);
    send_text(ends.client, "next");
    OK(tn_channel_recv_view(ends.server, SOON, &next));
    STATUS(tn_channel_release(ends.server, &view), TN_INVALID);
    CHECK(memcmp(next.data, "next", 4) == 0);
    OK(tn_channel_release(ends.server, &next));
    free_pair(&ends);
}

static void a_made_up_view_is_invalid(void) {
    pair ends = open_pair();
    tn_message made_up;
    memset(&made_up, 0, sizeof made_up);
    STATUS(tn_channel_release(ends.server, &made_up), TN_INVALID);
    memset(&made_up, 0xff, sizeof made_up);
    STATUS(tn_channel_release(ends.server, &made_up), TN_INVALID);
    for (uint64_t value = 0; value < 64; value++) {
        made_up.private_ = value;
        STATUS(tn_channel_release(ends.server, &made_up), TN_INVALID);
    }
    free_pair(&ends);
}

static void views_are_released_in_any_order(void) {
    pair ends = open_pair();
    tn_message views[5];
    static const int order[5] = {3, 0, 4, 2, 1};
    char text[8];
    for (int round = 0; round < 100; round++) {
        for (int i = 0; i < 5; i++) {
            snprintf(text, sizeof text, "%03d-%d", round, i);
            send_text(ends.client, text);
        }
        for (int i = 0; i < 5; i++) OK(tn_channel_recv_view(ends.server, SOON, &views[i]));
        for (int i = 0; i < 5; i++) {
            tn_message *view = &views[order[i]];
            snprintf(text, sizeof text, "%03d-%d", round, order[i]);
            CHECK(view->len == 5 && memcmp(view->data, text, 5) == 0 && aligned_to_16(view->data));
            OK(tn_channel_release(ends.server, view));
        }
    }
    free_pair(&ends);
}

/* Sends a message that its number tells; takes and releases it if there was room. */
static int one_more(const pair *ends, unsigned number) {
    char data[700];
    tn_message view;
    fill(data, sizeof data, number);
    tn_status status = tn_channel_send(ends->client, data, sizeof data, TN_NOWAIT);
    if (status == TN_AGAIN) return 0;
    OK(status);
    OK(tn_channel_recv_view(ends->server, SOON, &view));
    CHECK(view.len == sizeof data && filled(view.data, view.len, number));
    OK(tn_channel_release(ends->server, &view));
    return 1;
}

/* A held view holds its place in the ring: the sender may find no room, but spoils nothing. */
static void held_views_keep_their_bytes_while_more_arrives(void) {
    pair ends = open_pair_with("ring=4KiB", "ring=4KiB");
    tn_message held[2], none;
    char data[700];
    unsigned number = 2;
    for (unsigned i = 0; i < 2; i++) {
        fill(data, sizeof data, i);
        OK(tn_channel_send(ends.client, data, sizeof data, SOON));
        OK(tn_channel_recv_view(ends.server, SOON, &held[i]));
    }
    while (number < 50 && one_more(&ends, number)) number++;
    CHECK(filled(held[0].data, held[0].len, 0) && filled(held[1].data, held[1].len, 1));
    if (over_shm()) { /* nothing more can come: that is said, not waited for in silence */
        CHECK(number < 50);
        STATUS(tn_channel_recv_view(ends.server, SOON, &none), TN_NO_SPACE);
    }
    OK(tn_channel_release(ends.server, &held[0]));
    CHECK(filled(held[1].data, held[1].len, 1));
    OK(tn_channel_release(ends.server, &held[1]));
    for (number = 50; number < 100; number++) CHECK(one_more(&ends, number));
    free_pair(&ends);
}

static void a_view_of_a_message_larger_than_the_ring_is_whole(void) {
    pair ends = open_pair_with("ring=4KiB", "ring=4KiB");
    size_t len = 100000;
    char *out = (char *)malloc(len);
    tn_message view;
    CHECK(out);
    fill(out, len, 8);
    OK(tn_channel_send(ends.client, out, len, TN_NOWAIT));
    free(out);
    int64_t deadline = now_ms() + SOON;
    while (tn_channel_recv_view(ends.server, TN_NOWAIT, &view) != TN_OK) {
        CHECK(now_ms() < deadline);
        (void)tn_channel_flush(ends.client, TN_NOWAIT);
    }
    CHECK(view.len == len && filled(view.data, len, 8) && aligned_to_16(view.data));
    OK(tn_channel_release(ends.server, &view));
    free_pair(&ends);
}

static void with_views_copied_the_bytes_are_the_same(void) {
    pair ends = open_pair_with("views=copy", "views=direct");
    tn_message view;
    send_text(ends.client, "copied");
    send_text(ends.server, "direct");
    OK(tn_channel_recv_view(ends.server, SOON, &view));
    CHECK(view.len == 6 && memcmp(view.data, "copied", 6) == 0 && aligned_to_16(view.data));
    OK(tn_channel_release(ends.server, &view));
    OK(tn_channel_recv_view(ends.client, SOON, &view));
    CHECK(view.len == 6 && memcmp(view.data, "direct", 6) == 0 && aligned_to_16(view.data));
    OK(tn_channel_release(ends.client, &view));
    free_pair(&ends);
}

static void a_loan_is_written_in_place_and_committed_once(void) {
    pair ends = open_pair();
    tn_loan loan;
    tn_message view;
    OK(tn_channel_loan(ends.client, 100, SOON, &loan));
    CHECK(loan.len == 100 && aligned_to_16(loan.data));
    fill(loan.data, 100, 4);
    OK(tn_channel_commit(ends.client, &loan, 42, 100, SOON));
    STATUS(tn_channel_commit(ends.client, &loan, 42, 100, SOON), TN_INVALID);
    STATUS(tn_channel_discard(ends.client, &loan), TN_INVALID);
    OK(tn_channel_recv_view(ends.server, SOON, &view));
    CHECK(view.len == 100 && view.tag == 42 && filled(view.data, 100, 4));
    OK(tn_channel_release(ends.server, &view));
    STATUS(tn_channel_recv_view(ends.server, TN_NOWAIT, &view), TN_AGAIN);
    free_pair(&ends);
}

static void a_discarded_loan_is_never_seen(void) {
    pair ends = open_pair();
    tn_loan loan;
    OK(tn_channel_loan(ends.client, 100, SOON, &loan));
    OK(tn_channel_discard(ends.client, &loan));
    STATUS(tn_channel_discard(ends.client, &loan), TN_INVALID);
    STATUS(tn_channel_commit(ends.client, &loan, 0, 1, SOON), TN_INVALID);
    send_text(ends.client, "after");
    expect_text(ends.server, "after");
    free_pair(&ends);
}

static void a_loan_may_be_committed_shorter_but_not_longer(void) {
    pair ends = open_pair();
    tn_loan loan;
    char buffer[100];
    size_t len = 0;
    OK(tn_channel_loan(ends.client, 100, SOON, &loan));
    memcpy(loan.data, "short", 5);
    STATUS(tn_channel_commit(ends.client, &loan, 0, 101, SOON), TN_INVALID);
    OK(tn_channel_commit(ends.client, &loan, 0, 5, SOON));
    OK(tn_channel_loan(ends.client, 64, SOON, &loan));
    OK(tn_channel_commit(ends.client, &loan, 0, 0, SOON));
    OK(tn_channel_loan(ends.client, 0, SOON, &loan));
    OK(tn_channel_commit(ends.client, &loan, 0, 0, SOON));
    send_text(ends.client, "after");
    expect_text(ends.server, "short");
    for (int i = 0; i < 2; i++) {
        OK(tn_channel_recv(ends.server, buffer, sizeof buffer, SOON, &len));
        CHECK(len == 0);
    }
    expect_text(ends.server, "after");
    free_pair(&ends);
}

static void an_open_loan_holds_back_what_was_sent_after_it(void) {
    pair ends = open_pair();
    tn_loan loan;
    OK(tn_channel_loan(ends.client, 5, SOON, &loan));
    OK(tn_channel_send(ends.client, "second", 6, TN_NOWAIT));
    memcpy(loan.data, "first", 5);
    if (over_shm()) expect_nothing(ends.server);
    OK(tn_channel_commit(ends.client, &loan, 0, 5, SOON));
    expect_text(ends.server, over_shm() ? "first" : "second");
    expect_text(ends.server, over_shm() ? "second" : "first");
    free_pair(&ends);
}

static void made_up_loans_and_too_large_ones_are_refused(void) {
    pair ends = open_pair_with("max_message=1000", "");
    tn_loan loan, poison;
    memset(&poison, 0x5a, sizeof poison);
    loan = poison;
    STATUS(tn_channel_loan(ends.client, 1001, SOON, &loan), TN_TOO_LARGE);
    CHECK(memcmp(&loan, &poison, sizeof loan) == 0);
    STATUS(tn_channel_commit(ends.client, &loan, 0, 0, SOON), TN_INVALID);
    STATUS(tn_channel_discard(ends.client, &loan), TN_INVALID);
    memset(&loan, 0, sizeof loan);
    STATUS(tn_channel_commit(ends.client, &loan, 0, 0, SOON), TN_INVALID);
    STATUS(tn_channel_discard(ends.client, &loan), TN_INVALID);
    free_pair(&ends);
}

static uint64_t pending(const tn_channel *channel) {
    tn_stats stats = {sizeof stats, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};
    OK(tn_channel_stats(channel, &stats));
    return stats.pending_bytes;
}

typedef struct committing { const tn_channel *channel; const tn_loan *loan; } committing;
static void *commit_whole(void *argument) {
    committing *task = (committing *)argument;
    OK(tn_channel_commit(task->channel, task->loan, 3, task->loan->len, SOON));
    CHECK(pending(task->channel) == 0);
    return NULL;
}

/* The receiver gets it, though the sender makes no further call. */
static void a_loan_larger_than_the_ring_is_out_when_its_commit_is_done(void) {
    pair ends = open_pair_with("ring=4KiB", "ring=4KiB");
    size_t len = 4 << 20;
    tn_loan loan;
    tn_message view;
    committing task = {ends.client, &loan};
    OK(tn_channel_loan(ends.client, len, SOON, &loan));
    CHECK(loan.len == len && aligned_to_16(loan.data));
    fill(loan.data, len, 6);
    pthread_t thread = start(commit_whole, &task);
    OK(tn_channel_recv_view(ends.server, SOON, &view));
    CHECK(view.len == len && view.tag == 3 && filled(view.data, len, 6));
    OK(tn_channel_release(ends.server, &view));
    join(thread);
    free_pair(&ends);
}

static void a_commit_whose_time_runs_out_amid_leaves_a_remainder(void) {
    pair ends = open_pair_with("ring=4KiB", "ring=4KiB");
    size_t len = 4 << 20;
    tn_loan loan;
    OK(tn_channel_loan(ends.client, len, SOON, &loan));
    OK(tn_channel_commit(ends.client, &loan, 0, len, BRIEFLY));
    CHECK(pending(ends.client) > 0 && pending(ends.client) < len);
    STATUS(tn_channel_commit(ends.client, &loan, 0, len, BRIEFLY), TN_INVALID);
    STATUS(tn_channel_discard(ends.client, &loan), TN_INVALID);
    free_pair(&ends);
}

static void a_loan_that_finds_no_room_stays_open(void) {
    pair ends = open_pair_with("ring=4KiB", "ring=4KiB");
    size_t len = 100000, count = 0;
    char filling[1000] = {0};
    tn_loan loan, discarded, before;
    tn_message view;
    committing task = {ends.client, &loan};
    OK(tn_channel_loan(ends.client, len, SOON, &loan));
    OK(tn_channel_loan(ends.client, len, SOON, &discarded));
    fill(loan.data, len, 7);
    while (tn_channel_send(ends.client, filling, sizeof filling, TN_NOWAIT) == TN_OK) count++;
    before = loan;
    STATUS(tn_channel_commit(ends.client, &loan, 3, len, TN_NOWAIT), TN_AGAIN);
    STATUS(tn_channel_commit(ends.client, &loan, 3, len, BRIEFLY), TN_TIMED_OUT);
    STATUS(tn_channel_commit(ends.client, &discarded, 3, len, TN_NOWAIT), TN_AGAIN);
    OK(tn_channel_discard(ends.client, &discarded));
    CHECK(memcmp(&before, &loan, sizeof loan) == 0 && filled(loan.data, len, 7));
    pthread_t thread = start(commit_whole, &task);
    for (; count > 0; count--) {
        OK(tn_channel_recv_view(ends.server, SOON, &view));
        CHECK(view.len == sizeof filling);
        OK(tn_channel_release(ends.server, &view));
    }
    OK(tn_channel_recv_view(ends.server, SOON, &view));
    CHECK(view.len == len && view.tag == 3 && filled(view.data, len, 7));
    OK(tn_channel_release(ends.server, &view));
    join(thread);
    free_pair(&ends);
}

static const test_case cases[] = {
    CASE(a_view_shows_the_message_until_it_is_released),
    CASE(a_second_release_is_invalid),
    CASE(a_made_up_view_is_invalid),
    CASE(views_are_released_in_any_order),
    CASE(held_views_keep_their_bytes_while_more_arrives),
    CASE(a_view_of_a_message_larger_than_the_ring_is_whole),
    CASE(with_views_copied_the_bytes_are_the_same),
    CASE(a_loan_is_written_in_place_and_committed_once),
    CASE(a_discarded_loan_is_never_seen),
    CASE(a_loan_may_be_committed_shorter_but_not_longer),
    CASE(an_open_loan_holds_back_what_was_sent_after_it),
    CASE(made_up_loans_and_too_large_ones_are_refused),
    CASE(a_loan_larger_than_the_ring_is_out_when_its_commit_is_done),
    CASE(a_commit_whose_time_runs_out_amid_leaves_a_remainder),
    CASE(a_loan_that_finds_no_room_stays_open),
};
MAIN(cases)
