/* Another program that uses a segment, in C: it changes the first byte for every line of input, or
 * dies with the lock.
 *
 *     memory_peer change|hold NAME
 */
#include <stdio.h>
#include <string.h>

#include "treenail.h"

int main(int argc, char **argv) {
    tn_segment *segment;
    char line[64];
    if (argc != 3 || tn_segment_open(argv[2], &segment) < 0) {
        fprintf(stderr, "memory_peer: %s\n", tn_last_error());
        return 1;
    }
    unsigned char *data = tn_segment_data(segment);
    const int holds = strcmp(argv[1], "hold") == 0;
    if (holds && tn_segment_lock(segment, TN_FOREVER) < 0) {
        return 1;
    }
    puts("ready");
    fflush(stdout);
    while (fgets(line, sizeof line, stdin) != NULL) {
        if (tn_segment_lock(segment, TN_FOREVER) < 0) {
            return 1;
        }
        ++*data;
        if (tn_segment_unlock(segment) < 0 || tn_segment_notify(segment) < 0) {
            return 1;
        }
    }
    tn_segment_free(segment);
    return 0;
}
