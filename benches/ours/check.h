/* Whatever fails ends the process and says why. */
#ifndef OURS_CHECK_H
#define OURS_CHECK_H

#include "../common/harness.h"

#include <treenail.h>

#define OURS_WAIT_MS 10000 /* for what should take microseconds: fail rather than hang */

#define OURS_OK(call) \
    do { if (__builtin_expect((call) != TN_OK, 0)) ours_die(#call); } while (0)

static void __attribute__((noreturn)) ours_die(const char *call)
{
    fprintf(stderr, "bench: %s: %s\n", call, tn_last_error());
    _exit(1);
}

#endif
