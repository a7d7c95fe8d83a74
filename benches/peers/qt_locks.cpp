// What Qt locks with across processes: QSystemSemaphore, and the one inside of QSharedMemory.
#include "../common/lock.h" /* first: it asks for all of the system's headers */

#include <QSharedMemory>
#include <QString>
#include <QSystemSemaphore>

/* ---- QSystemSemaphore with one unit ---- */

static QSystemSemaphore *semaphore;

static void open_semaphore(QSystemSemaphore::AccessMode mode)
{
    semaphore = new QSystemSemaphore(QString::fromLatin1(bench_unique_name()), 1, mode);
    BENCH_CHECK(semaphore->error() == QSystemSemaphore::NoError);
}

static void semaphore_create() { open_semaphore(QSystemSemaphore::Create); }
static void semaphore_open() { open_semaphore(QSystemSemaphore::Open); }
static void semaphore_remove() { delete semaphore; }

static bool semaphore_lock()
{
    BENCH_CHECK(semaphore->acquire());
    return false;
}

static void semaphore_unlock() { BENCH_CHECK(semaphore->release()); }

BENCH_LOCK(semaphore, "QSystemSemaphore", nullptr, semaphore_create, semaphore_open,
           semaphore_remove)

/* ---- QSharedMemory::lock ---- */

static QSharedMemory *memory;

static void memory_create()
{
    memory = new QSharedMemory(QString::fromLatin1(bench_unique_name()));
    BENCH_CHECK(memory->create(4096));
}

static void memory_open()
{
    memory = new QSharedMemory(QString::fromLatin1(bench_unique_name()));
    BENCH_CHECK(memory->attach());
}

static void memory_remove() { delete memory; }

static bool memory_lock()
{
    BENCH_CHECK(memory->lock());
    return false;
}

static void memory_unlock() { BENCH_CHECK(memory->unlock()); }

BENCH_LOCK(memory, "QSharedMemory", nullptr, memory_create, memory_open, memory_remove)

static const bench_lock *const locks[] = {&semaphore_as_lock, &memory_as_lock};

int main(int argc, char **argv)
{
    return lock_main(argc, argv, locks, sizeof locks / sizeof locks[0]);
}
