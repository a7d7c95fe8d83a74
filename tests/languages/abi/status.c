/* Statuses, their names and texts, the version; what an endpoint may not say. */
#include "check.h"

static void every_status_has_its_number_and_its_name(void) {
    static const struct { int value; const char *name; } all[] = {
        {0, "TN_OK"}, {1, "TN_OWNER_DIED"}, {-1, "TN_AGAIN"}, {-2, "TN_TIMED_OUT"},
        {-3, "TN_CLOSED"}, {-4, "TN_PEER_LOST"}, {-5, "TN_NOT_FOUND"}, {-6, "TN_EXISTS"},
        {-7, "TN_DENIED"}, {-8, "TN_INVALID"}, {-9, "TN_TOO_LARGE"}, {-10, "TN_NO_SPACE"},
        {-11, "TN_PROTOCOL"}, {-12, "TN_UNSUPPORTED"}, {-13, "TN_IO"}, {-14, "TN_INTERNAL"},
    };
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        CHECK(strcmp(tn_status_name((tn_status)all[i].value), all[i].name) == 0);
}

static void the_names_in_the_header_have_the_numbers_of_the_contract(void) {
    CHECK(TN_OK == 0 && TN_OWNER_DIED == 1 && TN_AGAIN == -1 && TN_TIMED_OUT == -2);
    CHECK(TN_CLOSED == -3 && TN_PEER_LOST == -4 && TN_NOT_FOUND == -5 && TN_EXISTS == -6);
    CHECK(TN_DENIED == -7 && TN_INVALID == -8 && TN_TOO_LARGE == -9 && TN_NO_SPACE == -10);
    CHECK(TN_PROTOCOL == -11 && TN_UNSUPPORTED == -12 && TN_IO == -13 && TN_INTERNAL == -14);
    CHECK(TN_NOWAIT == 0 && TN_FOREVER == -1);
    CHECK(TN_MESSAGE_REQUEST == 1 && TN_MESSAGE_REPLY == 2);
    CHECK(TN_TRANSPORT_SHM == 1 && TN_TRANSPORT_LOCAL == 2);
    CHECK(sizeof(tn_status) == 4);
}

static void a_number_that_is_no_status_has_a_name_too(void) {
    CHECK(tn_status_name((tn_status)4711) != NULL && tn_status_name((tn_status)4711)[0] != '\0');
    CHECK(tn_status_name((tn_status)-4711) != NULL && tn_status_name((tn_status)-4711)[0] != '\0');
}

static void the_version_is_the_header_s(void) {
    char text[64];
    snprintf(text, sizeof text, "%d.%d.%d", (int)TN_VERSION_MAJOR, (int)TN_VERSION_MINOR,
             (int)TN_VERSION_PATCH);
    CHECK(strncmp(tn_version_text(), text, strlen(text)) == 0);
    CHECK(tn_version() != 0);
}

static void *last_error_of_a_new_thread(void *out) {
    *(const char **)out = tn_last_error();
    CHECK(tn_last_error() != NULL);
    CHECK(strstr(tn_last_error(), "no-such-scheme") == NULL);
    return NULL;
}

static void the_error_text_belongs_to_its_thread(void) {
    const char *theirs = NULL;
    tn_listener *listener = NULL;
    STATUS(tn_listener_open("no-such-scheme:x", &listener), TN_INVALID);
    join(start(last_error_of_a_new_thread, &theirs));
    CHECK(theirs != NULL);
    CHECK(strstr(tn_last_error(), "no-such-scheme") != NULL);
}

static void the_error_text_stays_when_a_call_succeeds(void) {
    tn_listener *listener = NULL;
    char before[512];
    STATUS(tn_listener_open("no-such-scheme:x", &listener), TN_INVALID);
    snprintf(before, sizeof before, "%s", tn_last_error());
    OK(tn_listener_open(fresh_endpoint().text, &listener));
    CHECK(strcmp(before, tn_last_error()) == 0);
    tn_listener_free(listener);
}

static void a_layer_above_tells_its_own_failures(void) {
    STATUS(tn_last_error_set(TN_PROTOCOL, "read it: it has 3 bytes;\nwrite 4"), TN_PROTOCOL);
    CHECK(strcmp(tn_last_error(), "read it: it has 3 bytes; write 4") == 0);
    STATUS(tn_last_error_set(TN_OK, "all is well"), TN_INVALID);
    CHECK(strstr(tn_last_error(), "all is well") != NULL);
    STATUS(tn_last_error_set((tn_status)-4711, "no such status"), TN_INVALID);
    STATUS(tn_last_error_set(TN_IO, ""), TN_INVALID);
}

static void the_error_text_names_what_was_tried_in_one_line(void) {
    endpoint where = fresh_endpoint();
    tn_channel *channel = NULL;
    STATUS(tn_channel_connect(where.text, TN_NOWAIT, &channel), TN_NOT_FOUND);
    CHECK(strstr(tn_last_error(), where.text) != NULL);
    CHECK(strstr(tn_last_error(), "connect") != NULL);
    CHECK(strchr(tn_last_error(), '\n') == NULL);
    CHECK(channel == NULL);
}

static void an_unknown_scheme_is_named_and_the_known_ones_listed(void) {
    tn_channel *channel = NULL;
    STATUS(tn_channel_connect("carrier-pigeon:x", TN_NOWAIT, &channel), TN_INVALID);
    CHECK(strstr(tn_last_error(), "carrier-pigeon") != NULL);
    CHECK(strstr(tn_last_error(), "shm") != NULL && strstr(tn_last_error(), "local") != NULL);
}

static void an_unknown_option_is_named_and_the_known_ones_listed(void) {
    tn_listener *listener = NULL;
    STATUS(tn_listener_open(with_options(fresh_endpoint(), "colour=blue").text, &listener),
           TN_INVALID);
    CHECK(strstr(tn_last_error(), "colour") != NULL);
    CHECK(strstr(tn_last_error(), "max_message") != NULL);
    CHECK(listener == NULL);
}

static void a_bad_option_is_invalid(void) {
    static const char *const bad[] = {
        "ring=many", "ring=", "ring", "=1", "max_message=0", "max_message=-1", "mode=9999",
        "mode=rw", "backlog=none", "spin=often", "views=maybe", "handshake_ms=soon", "retry=2",
        "peer_uid=nobody-at-all", "shm=perhaps", "ring=64KiB&ring=64KiB", "ring=1XiB",
        "max_message=99999999999999999999", "%zz=1", "ring=%4",
    };
    tn_listener *listener = NULL;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        tn_status status = tn_listener_open(with_options(fresh_endpoint(), bad[i]).text, &listener);
        if (status != TN_INVALID) fprintf(stderr, "with %s:\n", bad[i]);
        STATUS(status, TN_INVALID);
        CHECK(listener == NULL);
    }
}

static void a_bad_address_is_invalid(void) {
    static const char *const bad[] = {
        "", "shm", "shm:", "local:", ":", ":x", "?", "shm:?ring=4096", "shm:.hidden", "shm:a b",
        "shm:a\nb", "local:\xc3\xa4", "local:a%00b", "shm:..", "local:a?b?c=1", "SHM :x",
        "shm:0123456789012345678901234567890123456789012345678901234567890123456",
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        tn_listener *listener = NULL;
        tn_channel *channel = NULL;
        tn_status status = tn_listener_open(bad[i], &listener);
        if (status != TN_INVALID) fprintf(stderr, "with \"%s\":\n", bad[i]);
        STATUS(status, TN_INVALID);
        STATUS(tn_channel_connect(bad[i], TN_NOWAIT, &channel), TN_INVALID);
        STATUS(tn_channel_connect_start(bad[i], &channel), TN_INVALID);
        STATUS(tn_channel_create(bad[i], TN_NOWAIT, &channel), TN_INVALID);
        STATUS(tn_channel_create_start(bad[i], &channel), TN_INVALID);
        CHECK(listener == NULL && channel == NULL);
    }
}

static void freeing_and_closing_nothing_does_nothing(void) {
    tn_channel_close(NULL);
    tn_channel_free(NULL);
    tn_listener_close(NULL);
    tn_listener_free(NULL);
    tn_poller_free(NULL);
}

static const test_case cases[] = {
    CASE(every_status_has_its_number_and_its_name),
    CASE(the_names_in_the_header_have_the_numbers_of_the_contract),
    CASE(a_number_that_is_no_status_has_a_name_too),
    CASE(the_version_is_the_header_s),
    CASE(the_error_text_belongs_to_its_thread),
    CASE(the_error_text_stays_when_a_call_succeeds),
    CASE(a_layer_above_tells_its_own_failures),
    CASE(the_error_text_names_what_was_tried_in_one_line),
    CASE(an_unknown_scheme_is_named_and_the_known_ones_listed),
    CASE(an_unknown_option_is_named_and_the_known_ones_listed),
    CASE(a_bad_option_is_invalid),
    CASE(a_bad_address_is_invalid),
    CASE(freeing_and_closing_nothing_does_nothing),
};
MAIN(cases)
