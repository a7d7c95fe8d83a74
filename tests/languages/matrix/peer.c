/* peer.c: one side of a pair of tests/languages/matrix/mod.rs, in C. What it does is told there.
 *
 *     peer listen|connect ENDPOINT small|big|requests|survive|die [COUNT]
 */
#include "check.h"

enum { PATIENCE = 20000, LONG_LEN = 10 * 65536, LONG_MORE = 1000, PERIOD = 251 };
enum { SMALL_COUNT = 1000, BIG_COUNT = 10, ASKERS = 2, ASKED_EACH = 150, STARTED = 50 };
enum { ASKED = ASKERS * ASKED_EACH, REQUESTS = ASKED + STARTED };

static unsigned char pattern[PERIOD + LONG_LEN + LONG_MORE];
static unsigned char buffer[LONG_LEN + LONG_MORE];
static tn_channel *channel;
static uint32_t side;       /* 0: listens, 1: connects */
static uint32_t long_every; /* 0: no message is long; 2: every other is */

static uint32_t mine(uint32_t k) { return 2 * k + side; }
static uint32_t theirs(uint32_t k) { return 2 * k + (1 - side); }

static tn_slice payload(uint32_t number) {
    int is_long = long_every != 0 && number / 2 % long_every == 0;
    tn_slice bytes = {pattern + number % PERIOD,
                      is_long ? LONG_LEN + number % LONG_MORE : number * 37 % 301};
    return bytes;
}

static void check_payload(const tn_message *message, uint32_t number) {
    tn_slice expected = payload(number);
    CHECK(message->len == expected.len);
    CHECK(expected.len == 0 || memcmp(message->data, expected.data, expected.len) == 0);
}

/* Every other message by a loan. */
static tn_status send_number(uint32_t number) {
    tn_slice bytes = payload(number);
    tn_loan loan;
    if (number & 2) return tn_channel_sendv(channel, number, &bytes, 1, PATIENCE);
    tn_status status = tn_channel_loan(channel, bytes.len, PATIENCE, &loan);
    if (status < 0) return status;
    memcpy(loan.data, bytes.data, bytes.len);
    return tn_channel_commit(channel, &loan, number, bytes.len, TN_FOREVER);
}

/* Every other message by a view. */
static tn_status receive_number(uint32_t number) {
    tn_message message;
    tn_status status =
        number & 2 ? tn_channel_recv_message(channel, buffer, sizeof buffer, PATIENCE, &message)
                   : tn_channel_recv_view(channel, PATIENCE, &message);
    if (status < 0) return status;
    CHECK(message.tag == number && message.flags == 0);
    check_payload(&message, number);
    return number & 2 ? TN_OK : tn_channel_release(channel, &message);
}

/* The listener tells when it has all, and the connector closes then. */
static void part(void) {
    size_t len = 0;
    if (side == 0) {
        OK(tn_channel_send(channel, "done", 4, PATIENCE));
        STATUS(tn_channel_recv(channel, buffer, sizeof buffer, PATIENCE, &len), TN_CLOSED);
    } else {
        OK(tn_channel_recv(channel, buffer, sizeof buffer, PATIENCE, &len));
        CHECK(len == 4 && memcmp(buffer, "done", 4) == 0);
    }
}

static void *send_counted(void *count) {
    for (uint32_t k = 0; k < *(uint32_t *)count; k++) OK(send_number(mine(k)));
    return NULL;
}

static void exchange(uint32_t count) {
    pthread_t sender = start(send_counted, &count);
    for (uint32_t k = 0; k < count; k++) OK(receive_number(theirs(k)));
    join(sender);
    part();
    printf("sent and received %u messages\n", count);
}

static void *ask(void *first) {
    for (uint32_t k = *(uint32_t *)first; k < *(uint32_t *)first + ASKED_EACH; k++) {
        tn_slice bytes = payload(mine(k));
        tn_message reply;
        OK(tn_channel_request(channel, mine(k), bytes.data, bytes.len, PATIENCE, &reply));
        CHECK(reply.tag == mine(k) && reply.flags == TN_MESSAGE_REPLY);
        check_payload(&reply, mine(k) + 1);
        OK(tn_channel_release(channel, &reply));
    }
    return NULL;
}

static void answer(const tn_message *request) {
    tn_slice bytes = payload(request->tag + 1);
    check_payload(request, request->tag);
    OK(tn_channel_reply(channel, request, bytes.data, bytes.len, PATIENCE));
}

/* Which of the requests that were started has this id; each is answered once. */
static uint32_t take(uint32_t *ids, uint32_t id) {
    for (uint32_t i = 0; i < STARTED; i++) {
        if (ids[i] == id) return ids[i] = 0, ASKED + i;
    }
    CHECK(!"a reply to what was not asked");
    return 0;
}

static void ask_and_answer(void) {
    uint32_t firsts[ASKERS], ids[STARTED], served = 0;
    pthread_t askers[ASKERS];
    for (uint32_t i = 0; i < ASKERS; i++) {
        firsts[i] = i * ASKED_EACH;
        askers[i] = start(ask, &firsts[i]);
    }
    for (uint32_t i = 0; i < STARTED; i++) {
        tn_slice bytes = payload(mine(ASKED + i));
        OK(tn_channel_request_start(channel, mine(ASKED + i), bytes.data, bytes.len, PATIENCE,
                                    &ids[i]));
    }
    for (uint32_t i = 0; i < REQUESTS + STARTED; i++) {
        tn_message message;
        OK(tn_channel_recv_view(channel, PATIENCE, &message));
        if (message.flags == TN_MESSAGE_REQUEST) {
            answer(&message);
            served++;
        } else {
            CHECK(message.flags == TN_MESSAGE_REPLY);
            CHECK(message.tag == mine(take(ids, message.id)));
            check_payload(&message, message.tag + 1);
        }
        OK(tn_channel_release(channel, &message));
    }
    CHECK(served == REQUESTS);
    for (uint32_t i = 0; i < ASKERS; i++) join(askers[i]);
    part();
    printf("asked and answered %u requests\n", served);
}

static void *send_until_lost(void *unused) {
    tn_status status = TN_OK;
    for (uint32_t k = 0; status >= 0; k++) status = send_number(mine(k));
    STATUS(status, TN_PEER_LOST);
    return unused;
}

/* Sends and receives until the peer is lost, which dies by our hand after `count` messages. */
static void survive(uint32_t count) {
    tn_peer peer = {.struct_size = sizeof peer};
    OK(tn_channel_peer(channel, &peer));
    pthread_t sender = start(send_until_lost, NULL);
    tn_status status = TN_OK;
    uint32_t k = 0;
    for (; (status = receive_number(theirs(k))) >= 0; k++) {
        if (k + 1 == count) CHECK(kill((pid_t)peer.pid, SIGKILL) == 0);
    }
    STATUS(status, TN_PEER_LOST);
    join(sender);
    CHECK(k >= count);
    printf("lost the peer after %u messages\n", k);
}

static void *send_for_ever(void *unused) {
    for (uint32_t k = 0;; k++) OK(send_number(mine(k)));
    return unused;
}

static void be_killed(void) {
    start(send_for_ever, NULL);
    for (uint32_t k = 0;; k++) OK(receive_number(theirs(k)));
}

static int play(const char *scenario, uint32_t count) {
    if (strcmp(scenario, "small") == 0) return exchange(SMALL_COUNT), 0;
    if (strcmp(scenario, "requests") == 0) return ask_and_answer(), 0;
    long_every = strcmp(scenario, "big") == 0 ? 1 : 2;
    if (strcmp(scenario, "big") == 0) return exchange(BIG_COUNT), 0;
    if (strcmp(scenario, "survive") == 0) return survive(count), 0;
    if (strcmp(scenario, "die") == 0) return be_killed(), 0;
    return 2;
}

int main(int argc, char **argv) {
    tn_listener *listener = NULL;
    CHECK(argc >= 4);
    case_name = argv[3];
    scheme = argv[2];
    side = strcmp(argv[1], "connect") == 0;
    for (size_t i = 0; i < sizeof pattern; i++) pattern[i] = (unsigned char)(i % PERIOD);
    if (side == 0) {
        OK(tn_listener_open(argv[2], &listener));
        OK(tn_listener_accept(listener, PATIENCE, &channel));
    } else {
        OK(tn_channel_connect(argv[2], PATIENCE, &channel));
    }
    int code = play(argv[3], argc > 4 ? (uint32_t)strtoul(argv[4], NULL, 10) : 0);
    tn_channel_free(channel);
    tn_listener_free(listener);
    return code;
}
