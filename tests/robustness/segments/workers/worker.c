/* A worker of tests/robustness/segments/kills.rs, in C: what it does is told there.
 *
 *     worker NAME PAGE PLACE */
#include "check.h"

#include <fcntl.h>
#include <inttypes.h>
#include <sys/mman.h>

enum { WORDS = 64, WRONG = 1 };

static volatile uint64_t *page;
static uint64_t state;

static uint64_t next_random(void) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state * 0x2545f4914f6cdd1d;
}

static uint64_t sum(const volatile uint64_t *words) {
    uint64_t total = 0;
    for (int i = 1; i < WORDS; i++) total += words[i];
    return total;
}

static void make(uint64_t *words) {
    for (int i = 1; i < WORDS; i++) words[i] = next_random();
    words[0] = sum(words);
}

/* Held for certain now; a wrong sum is only right where somebody died. */
static void judge(tn_status status, const volatile uint64_t *words) {
    if (status < 0) fail(__FILE__, __LINE__, tn_last_error());
    if (status == TN_OK && words[0] != sum(words)) page[WRONG] = 1;
}

int main(int argc, char **argv) {
    tn_segment *segment = NULL;
    CHECK(argc == 4);
    int fd = open(argv[2], O_RDWR);
    page = (volatile uint64_t *)mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    CHECK(page != MAP_FAILED);
    volatile uint64_t *done = page + atoi(argv[3]);
    state = (uint64_t)getpid() * 0x9e3779b97f4a7c15 | 1;
    OK(tn_segment_open(argv[1], &segment));
    volatile uint64_t *data = (volatile uint64_t *)tn_segment_data(segment);
    for (;; ++*done) {
        uint64_t words[WORDS];
        switch (next_random() % 4) {
        case 0:
            judge(tn_segment_read(segment, 0, words, sizeof words, 10000), words);
            break;
        case 1:
            make(words);
            CHECK(tn_segment_write(segment, 0, words, sizeof words, 10000) >= 0);
            break;
        case 2:
            judge(tn_segment_lock_shared(segment, 10000), data);
            OK(tn_segment_unlock(segment));
            break;
        default:
            make(words);
            judge(tn_segment_lock(segment, 10000), data);
            for (int i = 0; i < WORDS; i++) data[i] = words[i];
            OK(tn_segment_unlock(segment));
        }
    }
}
