// Calls at odd moments of a process' life: in the destructors of static and thread-local objects,
// of thread keys, and in exit handlers. They work, their failures have their text, and the process
// may fork there.
extern "C" {
#include "check.h"
}

#include <dirent.h>

#include <string>

static int descriptors() {
    int found = 0;
    DIR *directory = opendir("/proc/self/fd");
    CHECK(directory != nullptr);
    while (readdir(directory) != nullptr) found++;
    closedir(directory);
    return found;
}

// A failure with its text, a wait that passes in vain, a message there and back, and a fork.
static void do_everything() {
    tn_channel *channel = nullptr;
    STATUS(tn_channel_connect("shm:nobody-is-here", TN_NOWAIT, &channel), TN_NOT_FOUND);
    CHECK(strstr(tn_last_error(), "nobody-is-here") != nullptr);
    pair ends = open_pair();
    char byte;
    size_t len = 0;
    STATUS(tn_channel_recv(ends.server, &byte, 1, 1, &len), TN_TIMED_OUT);
    send_text(ends.client, "late");
    expect_text(ends.server, "late");
    tn_segment *segment = nullptr;
    std::string name = std::string(strchr(fresh_endpoint().text, ':') + 1);
    OK(tn_segment_create(name.c_str(), 1, &segment));
    OK(tn_segment_lock(segment, TN_NOWAIT));
    OK(tn_segment_unlock(segment));
    pid_t child = fork_child();
    if (child == 0) {
        STATUS(tn_channel_send(ends.client, "x", 1, TN_NOWAIT), TN_INVALID);
        CHECK(strstr(tn_last_error(), "fork") != nullptr);
        _exit(0);
    }
    reap(child);
    tn_segment_free(segment);
    free_pair(&ends);
}

// Runs `act` in a process of its own, which ends by exit().
static void in_a_process(void (*act)()) {
    pid_t child = fork_child();
    if (child == 0) {
        act();
        exit(0);
    }
    reap(child);
}

struct AtEnd {
    bool armed = false;
    ~AtEnd() {
        if (armed) do_everything();
    }
};
static AtEnd at_end;
static thread_local AtEnd at_end_of_thread;

static void an_exit_handler() {
    in_a_process([] {
        CHECK(atexit(do_everything) == 0);
        do_everything();
    });
    in_a_process([] { CHECK(atexit(do_everything) == 0); });
}

static void a_static_object() {
    in_a_process([] {
        at_end.armed = true;
        do_everything();
    });
    in_a_process([] { at_end.armed = true; });
}

static void a_thread_local_object() {
    in_a_process([] { at_end_of_thread.armed = true; });
    for (bool before : {false, true}) {
        pthread_t thread = start(
            [](void *before) -> void * {
                at_end_of_thread.armed = true;
                if (before) do_everything();
                return nullptr;
            },
            before ? &before : nullptr);
        join(thread);
    }
}

static pthread_key_t key;
static int rounds;

// In its first round it comes before the library's own destructor, perhaps; in the second it is
// behind it.
static void at_end_of_key(void *value) {
    do_everything();
    if (++rounds % 3 != 0) CHECK(pthread_setspecific(key, value) == 0);
}

static void *with_key(void *before) {
    CHECK(pthread_setspecific(key, &key) == 0);
    if (before) do_everything();
    return nullptr;
}

static void a_thread_key() {
    in_a_process([] {
        CHECK(pthread_key_create(&key, at_end_of_key) == 0);
        for (void *before : {static_cast<void *>(nullptr), static_cast<void *>(&key)}) {
            join(start(with_key, before));
            int had = descriptors();
            for (int i = 0; i < 10; i++) join(start(with_key, before));
            CHECK(descriptors() == had);
        }
    });
}

static const test_case cases[] = {
    CASE(an_exit_handler),
    CASE(a_static_object),
    CASE(a_thread_local_object),
    CASE(a_thread_key),
};
MAIN(cases)
