/* A worker of tests/robustness/semaphores/kills.rs, in C: what it does is told there.
 *
 *     worker NAME PAGE PLACE */
#include "check.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mman.h>

int main(int argc, char **argv) {
    tn_semaphore *semaphore = NULL;
    CHECK(argc == 4);
    int fd = open(argv[2], O_RDWR);
    uint64_t *page = (uint64_t *)mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    CHECK(page != MAP_FAILED);
    volatile uint64_t *done = page + atoi(argv[3]);
    OK(tn_semaphore_open_or_create(argv[1], 0, &semaphore));
    for (uint32_t round = 0;; round++, ++*done) {
        uint32_t count = 1 + round % 3;
        OK(tn_semaphore_acquire(semaphore, count, 10000));
        if (round % 5 == 0) sched_yield();
        OK(tn_semaphore_release(semaphore, 1));
        if (count > 1) OK(tn_semaphore_release(semaphore, count - 1));
    }
}
