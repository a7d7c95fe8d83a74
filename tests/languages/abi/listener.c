/* Listeners: opening, accepting, the endpoint, the descriptor, the end. */
#include "check.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>

static void accept_without_a_client_waits_as_long_as_told(void) {
    endpoint where = fresh_endpoint();
    tn_listener *listener = NULL;
    tn_channel *channel = NULL;
    OK(tn_listener_open(where.text, &listener));
    STATUS(tn_listener_accept(listener, TN_NOWAIT, &channel), TN_AGAIN);
    int64_t before = now_ms();
    STATUS(tn_listener_accept(listener, BRIEFLY, &channel), TN_TIMED_OUT);
    CHECK(now_ms() - before >= BRIEFLY - 1);
    CHECK(channel == NULL);
    tn_listener_free(listener);
}

static void a_name_in_use_exists_under_either_scheme(void) {
    endpoint where = fresh_endpoint();
    char other[600];
    tn_listener *first = NULL, *second = NULL;
    tn_channel *channel = NULL;
    OK(tn_listener_open(where.text, &first));
    STATUS(tn_listener_open(where.text, &second), TN_EXISTS);
    snprintf(other, sizeof other, "%s:%s", over_shm() ? "local" : "shm",
             strchr(where.text, ':') + 1);
    STATUS(tn_listener_open(other, &second), TN_EXISTS);
    STATUS(tn_channel_create(where.text, TN_NOWAIT, &channel), TN_EXISTS);
    STATUS(tn_channel_create_start(where.text, &channel), TN_EXISTS);
    CHECK(second == NULL && channel == NULL);
    tn_listener_free(first);
}

static void a_closed_name_is_free_again(void) {
    endpoint where = fresh_endpoint();
    tn_listener *first = NULL, *second = NULL;
    tn_channel *channel = NULL;
    OK(tn_listener_open(where.text, &first));
    tn_listener_close(first);
    STATUS(tn_channel_connect(where.text, TN_NOWAIT, &channel), TN_NOT_FOUND);
    OK(tn_listener_open(where.text, &second));
    tn_listener_free(first);
    STATUS(tn_listener_open(where.text, &first), TN_EXISTS);
    tn_listener_free(second);
}

static void a_closed_listener_says_so_and_closes_twice(void) {
    endpoint where = fresh_endpoint();
    tn_listener *listener = NULL;
    tn_channel *channel = NULL;
    OK(tn_listener_open(where.text, &listener));
    tn_listener_close(listener);
    tn_listener_close(listener);
    STATUS(tn_listener_accept(listener, TN_NOWAIT, &channel), TN_CLOSED);
    STATUS(tn_listener_accept(listener, TN_FOREVER, &channel), TN_CLOSED);
    CHECK(channel == NULL);
    tn_listener_free(listener);
}

static void accepted_channels_outlive_their_listener(void) {
    pair ends = open_pair();
    tn_listener_free(ends.listener);
    ends.listener = NULL;
    send_text(ends.client, "still here");
    expect_text(ends.server, "still here");
    free_pair(&ends);
}

static void the_endpoint_is_copied_and_can_be_connected_to(void) {
    tn_listener *listener = NULL;
    connecting task = {{""}, NULL, TN_INTERNAL};
    tn_channel *server = NULL;
    size_t needed = 0, len = 0;
    OK(tn_listener_open(with_options(fresh_endpoint(), "backlog=7").text, &listener));
    STATUS(tn_listener_endpoint(listener, NULL, 0, &needed), TN_TOO_LARGE);
    CHECK(needed > 0 && needed < sizeof task.where.text);
    memset(task.where.text, 'x', sizeof task.where.text);
    STATUS(tn_listener_endpoint(listener, task.where.text, needed - 1, &len), TN_TOO_LARGE);
    CHECK(len == needed);
    OK(tn_listener_endpoint(listener, task.where.text, needed, &len));
    CHECK(memchr(task.where.text, '\0', needed) != NULL);
    CHECK(task.where.text[needed] == 'x');
    pthread_t thread = start(connect_thread, &task);
    OK(tn_listener_accept(listener, SOON, &server));
    join(thread);
    OK(task.status);
    tn_channel_free(task.channel);
    tn_channel_free(server);
    tn_listener_free(listener);
}

static void the_descriptor_is_readable_when_somebody_comes(void) {
    endpoint where = fresh_endpoint();
    tn_listener *listener = NULL;
    tn_channel *server = NULL;
    int fd = -1, again = -1;
    OK(tn_listener_open(where.text, &listener));
    OK(tn_listener_fd(listener, &fd));
    OK(tn_listener_fd(listener, &again));
    CHECK(fd >= 0 && fd == again);
    STATUS(tn_listener_accept(listener, TN_NOWAIT, &server), TN_AGAIN);
    CHECK(!readable(fd));
    connecting task = {where, NULL, TN_INTERNAL};
    pthread_t thread = start(connect_thread, &task);
    tn_status status = TN_AGAIN;
    while (status == TN_AGAIN) {
        CHECK(readable_within(fd, SOON));
        status = tn_listener_accept(listener, TN_NOWAIT, &server);
    }
    OK(status);
    join(thread);
    OK(task.status);
    STATUS(tn_listener_accept(listener, TN_NOWAIT, &server), TN_AGAIN);
    CHECK(!readable(fd));
    tn_channel_free(task.channel);
    tn_channel_free(server);
    tn_listener_free(listener);
}

static void a_path_is_taken_as_it_is(void) {
    char path[300];
    endpoint where;
    struct stat found;
    tn_listener *listener = NULL;
    snprintf(path, sizeof path, "%s/%s-path-%ld", getenv("TREENAIL_DIR"), scheme, (long)getpid());
    snprintf(where.text, sizeof where.text, "%s:%s?mode=0640", scheme, path);
    OK(tn_listener_open(where.text, &listener));
    CHECK(stat(path, &found) == 0 && S_ISSOCK(found.st_mode));
    CHECK((found.st_mode & 0777) == 0640);
    tn_listener_free(listener);
    CHECK(stat(path, &found) != 0 && errno == ENOENT);
}

static void the_name_s_socket_lies_in_the_directory_and_is_the_user_s_own(void) {
    endpoint where = fresh_endpoint();
    char path[900];
    struct stat found;
    tn_listener *listener = NULL;
    OK(tn_listener_open(where.text, &listener));
    snprintf(path, sizeof path, "%s/%s.sock", getenv("TREENAIL_DIR"), strchr(where.text, ':') + 1);
    CHECK(stat(path, &found) == 0 && S_ISSOCK(found.st_mode));
    CHECK((found.st_mode & 0777) == 0600);
    tn_listener_free(listener);
    CHECK(stat(path, &found) != 0 && errno == ENOENT);
}

static void a_path_in_no_directory_is_a_clear_failure(void) {
    endpoint where;
    tn_listener *listener = NULL;
    tn_channel *channel = NULL;
    snprintf(where.text, sizeof where.text, "%s:%s/no/such/directory/x", scheme,
             getenv("TREENAIL_DIR"));
    STATUS(tn_channel_connect(where.text, TN_NOWAIT, &channel), TN_NOT_FOUND);
    STATUS(tn_listener_open(where.text, &listener), TN_NOT_FOUND);
    CHECK(strstr(tn_last_error(), "directory") != NULL);
    CHECK(listener == NULL && channel == NULL);
}

/* Sets the limit of descriptors so that no further one can be had; gives the old limit. */
static struct rlimit leave_no_descriptors(void) {
    struct rlimit old, none;
    int next = open("/dev/null", O_RDONLY | O_CLOEXEC);
    CHECK(next >= 0 && getrlimit(RLIMIT_NOFILE, &old) == 0);
    close(next);
    none = old;
    none.rlim_cur = (rlim_t)next;
    CHECK(setrlimit(RLIMIT_NOFILE, &none) == 0);
    return old;
}

static void without_descriptors_there_is_no_space(void) {
    endpoint where = fresh_endpoint();
    tn_listener *listener = NULL, *second = NULL;
    tn_channel *channel = NULL;
    tn_poller *poller = NULL;
    OK(tn_listener_open(where.text, &listener));
    struct rlimit old = leave_no_descriptors();
    STATUS(tn_listener_open(fresh_endpoint().text, &second), TN_NO_SPACE);
    STATUS(tn_channel_connect(where.text, SOON, &channel), TN_NO_SPACE);
    STATUS(tn_poller_new(&poller), TN_NO_SPACE);
    CHECK(setrlimit(RLIMIT_NOFILE, &old) == 0);
    CHECK(second == NULL && channel == NULL && poller == NULL);
    tn_listener_free(listener);
}

static void accept_without_descriptors_is_no_space_and_comes_back(void) {
    endpoint where = fresh_endpoint();
    tn_listener *listener = NULL;
    tn_channel *channel = NULL;
    pid_t child = fork_child();
    if (child == 0) {
        OK(tn_channel_connect(with_options(where, "retry=1").text, SOON, &channel));
        expect_text(channel, "welcome");
        _exit(0);
    }
    int fd = -1;
    OK(tn_listener_open(where.text, &listener));
    OK(tn_listener_fd(listener, &fd));
    struct rlimit old = leave_no_descriptors();
    STATUS(tn_listener_accept(listener, SOON, &channel), TN_NO_SPACE);
    CHECK(setrlimit(RLIMIT_NOFILE, &old) == 0);
    OK(tn_listener_accept(listener, SOON, &channel));
    send_text(channel, "welcome");
    reap(child);
    tn_channel_free(channel);
    tn_listener_free(listener);
}

static const test_case cases[] = {
    CASE(accept_without_a_client_waits_as_long_as_told),
    CASE(a_name_in_use_exists_under_either_scheme),
    CASE(a_closed_name_is_free_again),
    CASE(a_closed_listener_says_so_and_closes_twice),
    CASE(accepted_channels_outlive_their_listener),
    CASE(the_endpoint_is_copied_and_can_be_connected_to),
    CASE(the_descriptor_is_readable_when_somebody_comes),
    CASE(a_path_is_taken_as_it_is),
    CASE(the_name_s_socket_lies_in_the_directory_and_is_the_user_s_own),
    CASE(a_path_in_no_directory_is_a_clear_failure),
    CASE(without_descriptors_there_is_no_space),
    CASE(accept_without_descriptors_is_no_space_and_comes_back),
};
MAIN(cases)
