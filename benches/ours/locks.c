/* treenail's segments and semaphores as locks, through the C ABI.
 *
 * See benches/common/lock.h for what they go through. */
#include "../common/lock.h"

#include "abi.h"
#include "check.h"

/* ---- a segment's lock ---- */

static tn_segment *segment;

static void segment_create(void)
{
    OURS_OK(tn_segment_create(bench_unique_name(), 4096, &segment));
}

static void segment_open(void) { OURS_OK(tn_segment_open(bench_unique_name(), &segment)); }

static void segment_remove(void)
{
    tn_segment_free(segment);
    segment = NULL;
}

BENCH_INLINE bool segment_lock(void)
{
    const tn_status status = tn_segment_lock(segment, TN_FOREVER);
    if (__builtin_expect(status < 0, 0))
        ours_die("tn_segment_lock");
    return status == TN_OWNER_DIED;
}

BENCH_INLINE void segment_unlock(void) { OURS_OK(tn_segment_unlock(segment)); }

BENCH_LOCK(segment, "segment", NULL, segment_create, segment_open, segment_remove)

/* ---- a semaphore of one unit; with undo=0 it keeps no account of who holds what ---- */

static tn_semaphore *semaphore;

static void semaphore_open(void)
{
    OURS_OK(ours_semaphore_open(bench_unique_name(), 1, &semaphore));
}

static void semaphore_open_plain(void)
{
    char name[96];
    snprintf(name, sizeof name, "%s?undo=0", bench_unique_name());
    OURS_OK(ours_semaphore_open(name, 1, &semaphore));
}

static void semaphore_remove(void)
{
    tn_semaphore_free(semaphore);
    semaphore = NULL;
}

BENCH_INLINE bool semaphore_lock(void)
{
    OURS_OK(tn_semaphore_acquire(semaphore, 1, TN_FOREVER));
    return false;
}

BENCH_INLINE void semaphore_unlock(void) { OURS_OK(tn_semaphore_release(semaphore, 1)); }

#define semaphore_plain_lock semaphore_lock
#define semaphore_plain_unlock semaphore_unlock

BENCH_LOCK(semaphore, "semaphore", NULL, semaphore_open, semaphore_open, semaphore_remove)
BENCH_LOCK(semaphore_plain, "semaphore?undo=0", NULL, semaphore_open_plain, semaphore_open_plain,
           semaphore_remove)

/* ---- the table ---- */

static const bench_lock *const locks[] = {&segment_as_lock, &semaphore_as_lock,
                                          &semaphore_plain_as_lock};

int main(int argc, char **argv)
{
    return lock_main(argc, argv, locks, sizeof locks / sizeof locks[0]);
}
