// Contestants: SharedMemory::lock and SystemSemaphore as locks. See ../common/lock.h for what they go
// through, and ../peers/qt_locks.cpp for Qt's own.
#include "../common/lock.h" /* first: it asks for all of the system's headers */

#include <treenail/qt/shared_memory.hpp>
#include <treenail/qt/system_semaphore.hpp>

using treenail::qt::SharedMemory;
using treenail::qt::SystemSemaphore;

// ---- SharedMemory::lock ----

static SharedMemory *memory;

static void memory_create()
{
    memory = new SharedMemory(QString::fromLatin1(bench_unique_name()));
    BENCH_CHECK(memory->create(4096));
}

static void memory_open()
{
    memory = new SharedMemory(QString::fromLatin1(bench_unique_name()));
    BENCH_CHECK(memory->attach());
}

static void memory_remove() { delete memory; }

static bool memory_lock()
{
    BENCH_CHECK(memory->lock());
    return memory->ownerDied();
}

static void memory_unlock() { BENCH_CHECK(memory->unlock()); }

BENCH_LOCK(memory, "SharedMemory", nullptr, memory_create, memory_open, memory_remove)

// ---- SystemSemaphore with one unit ----

static SystemSemaphore *semaphore;

static void semaphore_open()
{
    semaphore = new SystemSemaphore(QString::fromLatin1(bench_unique_name()), 1);
    BENCH_CHECK(semaphore->error() == SystemSemaphore::NoError);
}

static void semaphore_remove() { delete semaphore; }

static bool semaphore_lock()
{
    BENCH_CHECK(semaphore->acquire());
    return false;
}

static void semaphore_unlock() { BENCH_CHECK(semaphore->release()); }

BENCH_LOCK(semaphore, "SystemSemaphore", nullptr, semaphore_open, semaphore_open, semaphore_remove)

static const bench_lock *const locks[] = {&memory_as_lock, &semaphore_as_lock};

int main(int argc, char **argv)
{
    return lock_main(argc, argv, locks, sizeof locks / sizeof locks[0]);
}
