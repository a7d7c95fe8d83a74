/* raw_sync's mutex, through the few functions of raw_sync.rs. */
#include "../../common/lock.h"

typedef struct Lock Lock;

Lock *raw_sync_create(const char *name);
Lock *raw_sync_open(const char *name);
void raw_sync_lock(const Lock *lock);
void raw_sync_unlock(const Lock *lock);
void raw_sync_free(Lock *lock);

static Lock *shared;

static void raw_create(void) { shared = raw_sync_create(bench_unique_name()); }
static void raw_open(void) { shared = raw_sync_open(bench_unique_name()); }
static void raw_remove(void) { raw_sync_free(shared); }

BENCH_INLINE bool raw_lock(void)
{
    raw_sync_lock(shared);
    return false;
}

BENCH_INLINE void raw_unlock(void) { raw_sync_unlock(shared); }

BENCH_LOCK(raw, "mutex", NULL, raw_create, raw_open, raw_remove)

static const bench_lock *const locks[] = {&raw_as_lock};

int main(int argc, char **argv)
{
    return lock_main(argc, argv, locks, sizeof locks / sizeof locks[0]);
}
