/* What there is, told as text, and swept. */
#include "check.h"

static void what_there_is_is_told_in_any_buffer(void) {
    char name[64], pattern[80], text[1024], exact[1024];
    snprintf(name, sizeof name, "%s-list-%ld", scheme, (long)getpid());
    snprintf(pattern, sizeof pattern, "segment:%s", name);
    tn_segment *segment = NULL;
    OK(tn_segment_create(name, 100, &segment));
    size_t length = 0, needed = 0;
    OK(tn_list(pattern, text, sizeof text, &length));
    CHECK(length == strlen(text) && text[length - 1] == '\n');
    CHECK(strstr(text, name) != NULL && strstr(text, "\"alive\":true") != NULL);
    STATUS(tn_list(pattern, exact, length, &needed), TN_TOO_LARGE);
    CHECK(needed == length + 1);
    STATUS(tn_list(pattern, NULL, 0, &needed), TN_TOO_LARGE);
    OK(tn_list(pattern, exact, needed, &needed));
    CHECK(needed == length && strcmp(exact, text) == 0);
    STATUS(tn_list(NULL, NULL, 0, &needed), TN_TOO_LARGE);
    CHECK(needed > length);
    tn_segment_free(segment);
    OK(tn_list(pattern, text, sizeof text, &length));
    CHECK(length == 0 && text[0] == '\0');
}

static void what_a_killed_one_left_is_swept(void) {
    char name[64], pattern[80];
    snprintf(name, sizeof name, "%s-swept-%ld", scheme, (long)getpid());
    snprintf(pattern, sizeof pattern, "segment:%s", name);
    pid_t child = fork();
    if (child == 0) {
        tn_segment *segment = NULL;
        OK(tn_segment_create(name, 100, &segment));
        _exit(0);
    }
    CHECK(waitpid(child, NULL, 0) == child);
    size_t count = 99;
    OK(tn_sweep(pattern, &count));
    CHECK(count == 1);
    OK(tn_sweep(pattern, &count));
    CHECK(count == 0);
}

static void wrong_patterns_say_so(void) {
    char text[16];
    size_t count = 0;
    STATUS(tn_list("frames", text, sizeof text, &count), TN_INVALID);
    CHECK(strstr(tn_last_error(), "listener, native, segment, semaphore") != NULL);
    STATUS(tn_sweep("frames:*", &count), TN_INVALID);
    STATUS(tn_sweep("segment:\xff", &count), TN_INVALID);
}

static const test_case cases[] = {
    CASE(what_there_is_is_told_in_any_buffer),
    CASE(what_a_killed_one_left_is_swept),
    CASE(wrong_patterns_say_so),
};
MAIN(cases)
