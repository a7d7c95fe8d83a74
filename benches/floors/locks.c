/* The locks that the system brings: what a mutex, a semaphore and a lock on a file cost by themselves.
 *
 * See benches/common/lock.h for what they go through. */
#include "../common/lock.h"

#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <sys/file.h>
#include <sys/sem.h>

static void *shared(void)
{
    void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    BENCH_CHECK(page != MAP_FAILED);
    return page;
}

/* ---- a process-shared robust mutex ---- */

static pthread_mutex_t *mutex;

static void robust_prepare(void)
{
    pthread_mutexattr_t kind;
    mutex = shared();
    BENCH_CHECK(pthread_mutexattr_init(&kind) == 0);
    BENCH_CHECK(pthread_mutexattr_setpshared(&kind, PTHREAD_PROCESS_SHARED) == 0);
    BENCH_CHECK(pthread_mutexattr_setrobust(&kind, PTHREAD_MUTEX_ROBUST) == 0);
    BENCH_CHECK(pthread_mutex_init(mutex, &kind) == 0);
}

BENCH_INLINE bool robust_lock(void)
{
    const int error = pthread_mutex_lock(mutex);
    if (__builtin_expect(error == EOWNERDEAD, 0))
        BENCH_CHECK(pthread_mutex_consistent(mutex) == 0);
    else
        BENCH_CHECK(error == 0);
    return error == EOWNERDEAD;
}

BENCH_INLINE void robust_unlock(void) { BENCH_CHECK(pthread_mutex_unlock(mutex) == 0); }

BENCH_LOCK(robust, "robust", robust_prepare, NULL, NULL, NULL)

/* ---- sem_t ---- */

static sem_t *semaphore;

static void posix_prepare(void)
{
    semaphore = shared();
    BENCH_CHECK(sem_init(semaphore, 1, 1) == 0);
}

BENCH_INLINE bool posix_lock(void)
{
    BENCH_CHECK(sem_wait(semaphore) == 0);
    return false;
}

BENCH_INLINE void posix_unlock(void) { BENCH_CHECK(sem_post(semaphore) == 0); }

BENCH_LOCK(posix, "sem_t", posix_prepare, NULL, NULL, NULL)

/* ---- System V's semaphore, which undoes what the dead have done ---- */

static int sysv_id;

static void sysv_step(short by)
{
    struct sembuf step = {0, by, SEM_UNDO};
    BENCH_CHECK(semop(sysv_id, &step, 1) == 0);
}

static void sysv_prepare(void)
{
    union { int val; } one = {1};
    sysv_id = semget(IPC_PRIVATE, 1, 0600);
    BENCH_CHECK(sysv_id >= 0 && semctl(sysv_id, 0, SETVAL, one) == 0);
}

static void sysv_remove(void) { BENCH_CHECK(semctl(sysv_id, 0, IPC_RMID) == 0); }

static bool sysv_lock(void)
{
    sysv_step(-1);
    return false;
}

static void sysv_unlock(void) { sysv_step(1); }

BENCH_LOCK(sysv, "semop", sysv_prepare, NULL, NULL, sysv_remove)

/* ---- flock, which belongs to an open file ---- */

static int file_fd = -1;

static const char *file_path(void)
{
    static char path[96];
    snprintf(path, sizeof path, "/tmp/%s.lock", bench_unique_name());
    return path;
}

static void file_open(void)
{
    file_fd = open(file_path(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    BENCH_CHECK(file_fd >= 0);
}

static void file_remove(void)
{
    close(file_fd);
    unlink(file_path());
}

static bool file_lock(void)
{
    BENCH_CHECK(flock(file_fd, LOCK_EX) == 0);
    return false;
}

static void file_unlock(void) { BENCH_CHECK(flock(file_fd, LOCK_UN) == 0); }

BENCH_LOCK(file, "flock", NULL, file_open, file_open, file_remove)

/* ---- the table ---- */

static const bench_lock *const locks[] = {&robust_as_lock, &posix_as_lock, &sysv_as_lock,
                                          &file_as_lock};

int main(int argc, char **argv)
{
    return lock_main(argc, argv, locks, sizeof locks / sizeof locks[0]);
}
