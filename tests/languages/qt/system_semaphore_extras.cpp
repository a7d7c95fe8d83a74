// What SystemSemaphore has and QSystemSemaphore hasn't.
#include "shared_memory_types.hpp"

#include <thread>
#include <vector>

using treenail::qt::SharedMemory;
using treenail::qt::SystemSemaphore;

namespace {

int play(const QStringList& role) {
    SystemSemaphore semaphore(role[1], 1);
    if (role[0] == "leave-one") {
        return semaphore.release() ? 0 : 1;
    }
    if (!semaphore.acquire()) {
        return 1;
    }
    say("ready");
    hear();
    return 0;
}

int units_of(SystemSemaphore& semaphore) {
    int units = 0;
    while (semaphore.tryAcquire()) {
        ++units;
    }
    semaphore.release(units);
    return units;
}

}  // namespace

class SystemSemaphoreExtrasTest : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void a_unit_may_be_waited_for_in_vain() {
        SystemSemaphore semaphore(unused_key(), 1);
        QVERIFY(semaphore.tryAcquire());
        QVERIFY(!semaphore.tryAcquire());
        QCOMPARE(semaphore.error(), SystemSemaphore::NoError);
        QVERIFY(!semaphore.errorString().isEmpty());
        QElapsedTimer timer;
        timer.start();
        QVERIFY(!semaphore.tryAcquire(50));
        QVERIFY(timer.elapsed() >= 50);
        std::thread other([&] { SystemSemaphore(semaphore.key()).release(); });
        QVERIFY(semaphore.tryAcquire(-1));
        other.join();
        QVERIFY(semaphore.errorString().isEmpty());
        QVERIFY(semaphore.release());
        QVERIFY(semaphore.tryAcquire(soon));
    }

    void every_failure_has_a_text() {
        SystemSemaphore semaphore{QString()};
        QVERIFY(!semaphore.tryAcquire());
        QCOMPARE(semaphore.error(), SystemSemaphore::KeyError);
        QVERIFY(!semaphore.errorString().isEmpty());
        semaphore.setKey(unused_key(), 1);
        QVERIFY(semaphore.errorString().isEmpty());
        QVERIFY(!semaphore.release(2147483647));
        QCOMPARE(semaphore.error(), SystemSemaphore::UnknownError);
        QVERIFY(!semaphore.errorString().isEmpty());
        QCOMPARE(units_of(semaphore), 1);
        QTest::ignoreMessage(QtWarningMsg, "SystemSemaphore::release: n is negative.");
        QVERIFY(!semaphore.release(-1));
        QVERIFY(semaphore.errorString().contains("-1"));
        QVERIFY(semaphore.release(100000));  // more than System V has room for
        QCOMPARE(units_of(semaphore), 100001);
    }

    void the_account_is_the_process() {
        SystemSemaphore stays(unused_key(), 3);
        {
            SystemSemaphore goes(stays.key());
            QVERIFY(goes.acquire());
            QVERIFY(goes.acquire());
            QVERIFY(stays.release());
        }
        QCOMPARE(units_of(stays), 2);  // the one that it had is the process'
    }

    void creating_lowers_and_raises_for_all() {
        SystemSemaphore semaphore(unused_key(), 1);  // outlives the other, and takes it along
        const auto key = semaphore.key();
        Other holder({"hold", key});
        QCOMPARE(holder.line(), QByteArray("ready"));
        QCOMPARE(units_of(semaphore), 0);
        SystemSemaphore(key, 7, SystemSemaphore::Create);
        QCOMPARE(units_of(semaphore), 7);
        SystemSemaphore(key, 2, SystemSemaphore::Create);
        QCOMPARE(units_of(semaphore), 2);
        SystemSemaphore(key, 5);
        QCOMPARE(units_of(semaphore), 2);
    }

    void what_is_released_stays_when_its_process_ends() {
        SystemSemaphore semaphore(unused_key(), 0);
        Other other({"leave-one", semaphore.key()});
        QVERIFY(other.has_ended_well());
        QCOMPARE(units_of(semaphore), 1);
    }

    void a_memory_of_the_same_key_is_another_thing() {
        const auto key = unused_key();
        SystemSemaphore semaphore(key, 2);
        SharedMemory memory(key);
        QVERIFY(memory.create(100));
        QVERIFY(memory.lock());
        QCOMPARE(units_of(semaphore), 2);
    }

    void threads_may_share_one_object() {
        SystemSemaphore semaphore(unused_key(), 1);
        int count = 0;
        std::vector<std::thread> threads;
        for (int i = 0; i < 8; ++i) {
            threads.emplace_back([&] {
                for (int turn = 0; turn < 20000; ++turn) {
                    if (semaphore.acquire()) {
                        ++*static_cast<volatile int*>(&count);
                        semaphore.release();
                    }
                }
            });
        }
        for (auto& thread : threads) {
            thread.join();
        }
        QCOMPARE(count, 8 * 20000);
    }
};

int main(int argc, char** argv) {
    return run_with_roles<SystemSemaphoreExtrasTest>(argc, argv, play);
}
#include "system_semaphore_extras.moc"
