/* picture.c: one program puts a PNG picture into shared memory, another gets it and puts one back.
 *
 *     make -C examples/c
 *     target/examples-c/picture answer album mine.png theirs.png &
 *     target/examples-c/picture ask album question.png answer.png
 *
 * Either may start first. Each waits for the other's picture without polling, and neither has to
 * close the segment for the other. The programs of the same name in other languages take the same
 * arguments and exchange pictures.
 */
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "treenail.h"

enum { NOTHING = 0, QUESTION = 1, ANSWER = 2 };
enum { PNG_MAX = 4 << 20, HEADER_END = 24 };

/* What is in the segment, and a copy of it. */
static struct page {
    uint64_t which; /* NOTHING, QUESTION or ANSWER */
    uint64_t size;  /* of the picture */
    unsigned char png[PNG_MAX];
} page;

static int failed(const char *what, const char *why) {
    fprintf(stderr, "picture: %s%s\n", what, why);
    return 1;
}

static unsigned number_at(const unsigned char *bytes) {
    return (unsigned)bytes[0] << 24 | (unsigned)bytes[1] << 16 | (unsigned)bytes[2] << 8 | bytes[3];
}

static int is_png(void) {
    return page.size >= HEADER_END && page.size <= PNG_MAX &&
           memcmp(page.png, "\x89PNG\r\n\x1a\n", 8) == 0 && memcmp(page.png + 12, "IHDR", 4) == 0;
}

static void tell(const char *verb) {
    printf("%s %llu bytes, %u x %u pixels\n", verb, (unsigned long long)page.size,
           number_at(page.png + 16), number_at(page.png + 20));
    fflush(stdout);
}

/* Puts a file in. One call locks, copies, makes the change known, and unlocks. */
static int put(const tn_segment *segment, uint64_t which, const char *path) {
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        return failed(path, " can't be read");
    }
    page.which = which;
    page.size = fread(page.png, 1, PNG_MAX, file);
    int is_whole = feof(file) || fgetc(file) == EOF;
    fclose(file);
    if (!is_whole || !is_png()) {
        return failed(path, " is no PNG, or over 4 MiB");
    }
    size_t used = offsetof(struct page, png) + page.size;
    if (tn_segment_write(segment, 0, &page, used, TN_FOREVER) < 0) {
        return failed("", tn_last_error());
    }
    tell("put");
    return 0;
}

/* Waits until there is the picture that is wanted, and saves it. */
static int get(const tn_segment *segment, uint64_t which, const char *path) {
    uint64_t version = tn_segment_version(segment); /* before it is read: no change is missed */
    tn_status status = tn_segment_read(segment, 0, &page, sizeof page, TN_FOREVER);
    while (status == TN_OK && page.which != which) {
        status = tn_segment_wait(segment, version, TN_FOREVER, &version);
        if (status == TN_OK) {
            status = tn_segment_read(segment, 0, &page, sizeof page, TN_FOREVER);
        }
    }
    if (status == TN_OWNER_DIED) {
        return failed("the other program died while it wrote", "");
    }
    if (status < 0) {
        return failed("", tn_last_error());
    }
    if (!is_png()) {
        return failed("what came", " is no PNG");
    }
    tell("got");
    FILE *file = fopen(path, "wb");
    if (file == NULL) {
        return failed(path, " can't be written");
    }
    size_t written = fwrite(page.png, 1, page.size, file);
    return fclose(file) == 0 && written == page.size ? 0 : failed(path, " can't be written");
}

int main(int argc, char **argv) {
    int asks = argc == 5 && strcmp(argv[1], "ask") == 0;
    if (!asks && (argc != 5 || strcmp(argv[1], "answer") != 0)) {
        fputs("usage: picture ask NAME MINE.png THEIRS.png\n"
              "       picture answer NAME MINE.png THEIRS.png\n", stderr);
        return 2;
    }
    tn_segment *segment;
    if (tn_segment_open_or_create(argv[2], sizeof page, &segment) < 0) {
        return failed("", tn_last_error());
    }
    const char *mine = argv[3], *theirs = argv[4];
    int code = asks ? put(segment, QUESTION, mine) || get(segment, ANSWER, theirs)
                    : get(segment, QUESTION, theirs) || put(segment, ANSWER, mine);
    tn_segment_free(segment); /* the last of the two takes the segment along */
    return code;
}
