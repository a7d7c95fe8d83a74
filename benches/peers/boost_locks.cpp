// Boost.Interprocess: its mutex, in memory that both processes have.
#include "../common/lock.h" /* first: it asks for all of the system's headers */

#include <boost/interprocess/sync/interprocess_mutex.hpp>
#include <new>

using boost::interprocess::interprocess_mutex;

static interprocess_mutex *mutex;

static void boost_prepare()
{
    void *page = mmap(nullptr, sizeof *mutex, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
                      0);
    BENCH_CHECK(page != MAP_FAILED);
    mutex = new (page) interprocess_mutex;
}

BENCH_INLINE bool boost_lock()
{
    mutex->lock();
    return false;
}

BENCH_INLINE void boost_unlock() { mutex->unlock(); }

BENCH_LOCK(boost, "mutex", boost_prepare, nullptr, nullptr, nullptr)

static const bench_lock *const locks[] = {&boost_as_lock};

int main(int argc, char **argv)
{
    return lock_main(argc, argv, locks, sizeof locks / sizeof locks[0]);
}
