// SystemSemaphore and QSystemSemaphore: the same calls, results and errors.
#include "shared_memory_types.hpp"

#include <atomic>
#include <memory>
#include <thread>
#include <vector>

namespace {

constexpr int items = 20000;
constexpr int places = 8;

// Roles know the semaphores by their keys, and open what is there.
int play(const QStringList& role) {
    if (role[0] == "produce") {
        Memory memory(role[1]);
        Semaphore free(role[2]);
        Semaphore used(role[3]);
        if (!memory.attach()) {
            return 1;
        }
        for (int item = 0; item < items; ++item) {
            if (!free.acquire()) {
                return 1;
            }
            static_cast<int*>(memory.data())[item % places] = item;
            if (!used.release()) {
                return 1;
            }
        }
        say("produced");
        hear();  // units that Qt's process has released go with it
        return 0;
    }
    Semaphore semaphore(role[1]);
    if (role[0] == "hold") {
        if (!semaphore.acquire()) {
            return 1;
        }
        say("held");
        hear();
        return semaphore.release() ? 0 : 1;
    }
    if (role[0] == "add") {
        Memory memory(role[2]);
        if (!memory.attach()) {
            return 1;
        }
        for (int turn = 0; turn < 20000; ++turn) {
            if (!semaphore.acquire()) {
                return 1;
            }
            ++*static_cast<volatile int*>(memory.data());
            if (!semaphore.release()) {
                return 1;
            }
        }
        return 0;
    }
    return 2;
}

template <class Subject>
bool is_empty(Subject& subject) {
    if constexpr (is_genuine) {
        return true;  // it could only wait, to find out
    } else {
        return !subject.tryAcquire();
    }
}

// Whether there are so many units.
bool has_units(Semaphore& subject, int count) {
    for (int unit = 0; unit < count; ++unit) {
        if (!subject.acquire()) {
            return false;
        }
    }
    return is_empty(subject) && subject.release(count);
}

}  // namespace

class SystemSemaphoreTest : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void an_empty_key_is_an_error_when_it_is_used() {
        Semaphore subject{QString()};
        QCOMPARE(subject.key(), QString());
        QCOMPARE(int(subject.error()), int(Semaphore::NoError));
        QVERIFY(subject.errorString().isEmpty());
        GIVES(subject.acquire(), false, Semaphore::KeyError);
        QVERIFY(!subject.errorString().isEmpty());
        GIVES(subject.release(), false, Semaphore::KeyError);
        GIVES(subject.release(0), true, Semaphore::KeyError);
        subject.setKey(unused_key(), 1);
        QCOMPARE(int(subject.error()), int(Semaphore::NoError));
        QVERIFY(subject.errorString().isEmpty());
        GIVES(subject.acquire(), true, Semaphore::NoError);
        subject.setKey(QString(), 1, Semaphore::Create);
        QCOMPARE(int(subject.error()), int(Semaphore::KeyError));
    }

    void it_has_as_many_units_as_it_is_made_with() {
        for (int units = 0; units < 3; ++units) {
            Semaphore subject(unused_key(), units);
            QVERIFY(has_units(subject, units));
        }
        Semaphore subject(unused_key(), -3);
        QCOMPARE(int(subject.error()), int(Semaphore::NoError));
        QVERIFY(has_units(subject, 0));
    }

    void release_adds_units() {
        Semaphore subject(unused_key());
        GIVES(subject.release(3), true, Semaphore::NoError);
        QVERIFY(has_units(subject, 3));
        GIVES(subject.release(), true, Semaphore::NoError);
        QVERIFY(has_units(subject, 4));
        GIVES(subject.release(0), true, Semaphore::NoError);
        QVERIFY(has_units(subject, 4));
        QTest::ignoreMessage(QtWarningMsg,
                             is_genuine ? "QSystemSemaphore::release: n is negative."
                                        : "SystemSemaphore::release: n is negative.");
        QVERIFY(!subject.release(-1));
        QVERIFY(has_units(subject, 4));
    }

    void opening_takes_what_is_there() {
        Semaphore subject(unused_key(), 1);
        Semaphore other(subject.key(), 5);
        QVERIFY(has_units(other, 1));
        QVERIFY(other.release());
        QVERIFY(has_units(subject, 2));
        QVERIFY(subject.acquire());  // what one takes another may give back
        QVERIFY(other.release());
        QVERIFY(has_units(subject, 2));
        subject.setKey(subject.key(), 7);
        QVERIFY(has_units(subject, 2));
    }

    void creating_sets_the_units_anew() {
        Semaphore subject(unused_key(), 1);
        QVERIFY(subject.acquire());
        subject.setKey(subject.key(), 3, Semaphore::Create);
        QCOMPARE(int(subject.error()), int(Semaphore::NoError));
        QVERIFY(has_units(subject, 3));
        {
            // In Qt the semaphore goes with one that created it, so both live as long.
            Semaphore other(subject.key(), 1, Semaphore::Create);
            QVERIFY(has_units(subject, 1));
            other.setKey(subject.key(), 0, Semaphore::Create);
            QVERIFY(has_units(subject, 0));
            other.setKey(subject.key(), 2, Semaphore::Create);
            QVERIFY(has_units(subject, 2));
        }
    }

    void any_text_is_a_key() {
        const auto unique = unused_key();
        const QStringList keys{unique + " with spaces", unique + "/slashes/",
                               unique + QString::fromUtf8("äöü€"), unique + "?undo=0",
                               unique + QString(150, 'k'), '.' + unique};
        std::vector<std::unique_ptr<Semaphore>> made;
        for (const auto& key : keys) {
            made.push_back(std::make_unique<Semaphore>(key, int(made.size()), Semaphore::Create));
            QCOMPARE(made.back()->key(), key);
            QVERIFY2(made.back()->errorString().isEmpty(), qPrintable(made.back()->errorString()));
        }
        for (std::size_t at = 0; at < made.size(); ++at) {
            QVERIFY(has_units(*made[at], int(at)));
        }
    }

    void threads_exclude_each_other() {
        Semaphore subject(unused_key(), 1);
        int count = 0;
        std::atomic<int> failures{0};
        std::vector<std::thread> threads;
        for (int i = 0; i < 8; ++i) {
            threads.emplace_back([&] {
                Semaphore mine(subject.key());
                for (int turn = 0; turn < 20000; ++turn) {
                    failures += !mine.acquire();
                    ++*static_cast<volatile int*>(&count);
                    failures += !mine.release();
                }
            });
        }
        for (auto& thread : threads) {
            thread.join();
        }
        QCOMPARE(failures.load(), 0);
        QCOMPARE(count, 8 * 20000);
    }

    void processes_exclude_each_other() {
        Semaphore subject(unused_key(), 1);
        Memory memory(unused_key());
        QVERIFY(memory.create(sizeof(int)));
        std::vector<std::unique_ptr<Other>> others;
        for (int i = 0; i < 8; ++i) {
            others.push_back(
                std::make_unique<Other>(QStringList{"add", subject.key(), memory.key()}));
        }
        for (auto& other : others) {
            QVERIFY(other->has_ended_well());
        }
        QCOMPARE(*static_cast<const int*>(memory.constData()), 8 * 20000);
        QVERIFY(has_units(subject, 1));
    }

    void a_producer_and_a_consumer_pass_every_item() {
        Semaphore free(unused_key(), places);
        Semaphore used(unused_key(), 0);
        Memory memory(unused_key());
        QVERIFY(memory.create(places * sizeof(int)));
        Other producer({"produce", memory.key(), free.key(), used.key()});
        for (int item = 0; item < items; ++item) {
            QVERIFY(used.acquire());
            QCOMPARE(static_cast<const int*>(memory.constData())[item % places], item);
            QVERIFY(free.release());
        }
        QCOMPARE(producer.line(), QByteArray("produced"));
        producer.say("end");
        QVERIFY(producer.has_ended_well());
    }

    void what_a_killed_one_had_comes_back() {
        Semaphore subject(unused_key(), 1);
        for (int death = 0; death < 3; ++death) {
            Other other({"hold", subject.key()});
            QCOMPARE(other.line(), QByteArray("held"));
            other.kill();
            QVERIFY(subject.acquire());
            QVERIFY(subject.release());
        }
        QVERIFY(has_units(subject, 1));
    }
};

int main(int argc, char** argv) {
    return run_with_roles<SystemSemaphoreTest>(argc, argv, play);
}
#include "system_semaphore.moc"
