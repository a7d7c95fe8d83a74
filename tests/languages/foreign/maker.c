/* Makes an object by shm_open; see tests/languages/foreign/mod.rs.
 *
 *     maker NAME SIZE */
#include "check.h"

#include <fcntl.h>
#include <sys/mman.h>

int main(int argc, char **argv) {
    char name[256];
    CHECK(argc == 3);
    snprintf(name, sizeof name, "/%s", argv[1]);
    size_t size = strtoul(argv[2], NULL, 10);
    int fd = shm_open(name, O_CREAT | O_EXCL | O_RDWR, 0600);
    CHECK(fd >= 0 && ftruncate(fd, (off_t)size) == 0);
    volatile unsigned char *bytes =
        (volatile unsigned char *)mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    CHECK(bytes != MAP_FAILED);
    bytes[100] = 7;
    alarm(CASE_SECONDS);
    while (bytes[100] != 9) poll(NULL, 0, 1);
    int right = bytes[101] == 8;
    return shm_unlink(name) == 0 && right ? 0 : 1;
}
