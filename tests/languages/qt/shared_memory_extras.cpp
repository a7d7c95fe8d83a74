// What SharedMemory has and QSharedMemory hasn't.
#include "shared_memory_types.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <memory>
#include <thread>
#include <vector>

using treenail::qt::SharedMemory;

namespace {

int play(const QStringList& role) {
    SharedMemory memory(role[1]);
    const bool is_there = role[0] == "create" ? memory.create(100) : memory.attach();
    if (!is_there || !memory.lock()) {
        return 1;
    }
    say("ready");
    hear();
    return 0;
}

char& first(SharedMemory& memory) { return *static_cast<char*>(memory.data()); }

int notifiers_of(const SharedMemory& memory) {
    return int(memory.findChildren<QSocketNotifier*>().size());
}

}  // namespace

class SharedMemoryExtrasTest : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void a_native_key_is_not_cut_off_at_a_nul() {
        const auto name = QStringLiteral("cut-%1").arg(QCoreApplication::applicationPid());
        SharedMemory memory, other;
        memory.setNativeKey(name);
        QVERIFY(memory.create(10));
        other.setNativeKey(name + QChar(QChar::Null) + "more");
        QVERIFY(!other.attach());
        QVERIFY2(other.errorString().contains("NUL"), qPrintable(other.errorString()));
    }

    void size_says_all_there_is_or_attach_refuses() {
        // It takes next to no memory, as most of it is never touched.
        const auto name = "/" + unused_key();
        const auto object = name.toUtf8();
        const qint64 bytes = qint64(5) << 30;
        const int fd = shm_open(object.constData(), O_RDWR | O_CREAT | O_EXCL, 0600);
        QCOMPARE(ftruncate(fd, bytes), 0);
        ::close(fd);
        SharedMemory memory;
        memory.setNativeKey("native:" + name);
        const bool attached = memory.attach();
        shm_unlink(object.constData());
        if (sizeof memory.size() == sizeof bytes) {
            QVERIFY2(attached, qPrintable(memory.errorString()));
            QCOMPARE(qint64(memory.size()), bytes);
            static_cast<char*>(memory.data())[bytes - 1] = 'x';
        } else {
            QVERIFY(!attached);
            QVERIFY(!memory.isAttached());
            QCOMPARE(memory.error(), SharedMemory::InvalidSize);
            QVERIFY(memory.errorString().contains("5368709120"));
            QVERIFY(memory.errorString().contains("2147483647"));
        }
    }

    void a_name_is_its_own_native_key() {
        SharedMemory named(QStringLiteral("A-z_0.9"));
        QCOMPARE(named.nativeKey(), named.key());
        SharedMemory longest(QString(64, 'k'));
        QCOMPARE(longest.nativeKey(), longest.key());
        const QRegularExpression name("^[A-Za-z0-9_-][A-Za-z0-9._-]{0,63}$");
        for (const auto& key : {QString(65, 'k'), QStringLiteral(".x"), QStringLiteral("/a/b"),
                                QString::fromUtf8("ä"), QStringLiteral("x?persist=1")}) {
            SharedMemory other(key);
            QVERIFY2(name.match(other.nativeKey()).hasMatch(), qPrintable(other.nativeKey()));
            QCOMPARE(other.nativeKey(), SharedMemory(key).nativeKey());
        }
        QCOMPARE(SharedMemory(QStringLiteral("/a/b")).nativeKey(),
                 QStringLiteral("ab-a51458f8d2c1fbd82e413e3ddd561e9462e8f61b"));
    }

    void a_native_key_may_have_options() {
        SharedMemory memory;
        memory.setNativeKey(unused_key() + "?mode=0640");
        QVERIFY2(memory.create(100), qPrintable(memory.errorString()));
        SharedMemory reader;
        reader.setNativeKey(memory.nativeKey() + "&access=ro");
        QVERIFY(reader.attach());
        QVERIFY(reader.detach());
        QVERIFY(reader.attach(SharedMemory::ReadOnly));
        SharedMemory wrong;
        wrong.setNativeKey(unused_key() + "?color=red");
        QVERIFY(!wrong.create(100));
        QCOMPARE(wrong.error(), SharedMemory::KeyError);
        QVERIFY(wrong.errorString().contains("color"));
    }

    void it_attaches_to_what_shm_open_made() {
        const auto name = "/" + unused_key();
        const int fd = shm_open(qPrintable(name), O_CREAT | O_EXCL | O_RDWR, 0600);
        QVERIFY(fd >= 0);
        const bool is_filled = write(fd, "native", 6) == 6;
        close(fd);
        SharedMemory memory;
        memory.setNativeKey("native:" + name);
        const bool is_attached = memory.attach();
        shm_unlink(qPrintable(name));
        QVERIFY(is_filled);
        QVERIFY2(is_attached, qPrintable(memory.errorString()));
        QCOMPARE(QByteArray(static_cast<const char*>(memory.constData()), 6), QByteArray("native"));
        QVERIFY(memory.lock());
        QVERIFY(memory.unlock());
    }

    void every_failure_has_a_text() {
        SharedMemory memory(unused_key());
        auto said = [&memory, last = QString()](bool result) mutable {
            const bool is_new = memory.errorString() != last;
            last = memory.errorString();
            return !result && is_new && !last.isEmpty();
        };
        QVERIFY(said(memory.attach()));
        QVERIFY(said(memory.detach()));
        QVERIFY(said(memory.lock()));
        QVERIFY(said(memory.unlock()));
        QVERIFY(said(memory.notify()));
        QVERIFY(said(memory.create(0)));
        QVERIFY(memory.create(100));
        QVERIFY(said(memory.create(100)));
        QVERIFY(said(memory.attach()));
        QVERIFY(memory.errorString().contains("already"));
        QVERIFY(said(memory.unlock()));
        QVERIFY(said(memory.create(0)));
        QVERIFY(memory.isAttached());
    }

    void a_lock_may_be_waited_for_in_vain() {
        SharedMemory one(unused_key());
        QVERIFY(one.create(100));
        SharedMemory two(one.key());
        QVERIFY(two.attach());
        QVERIFY(one.lock(0));
        QVERIFY(!two.lock(0));
        QCOMPARE(two.error(), SharedMemory::LockError);
        QVERIFY(!two.errorString().isEmpty());
        QElapsedTimer timer;
        timer.start();
        QVERIFY(!two.lock(50));
        QVERIFY(timer.elapsed() >= 50);
        QVERIFY(!two.unlock());
        QVERIFY(one.unlock());
        QVERIFY(two.lock(-1));
        QVERIFY(two.unlock());
    }

    void threads_with_one_object_exclude_each_other() {
        SharedMemory memory(unused_key());
        QVERIFY(memory.create(sizeof(int)));
        QVERIFY(memory.lock());
        bool has_locked = true;
        std::thread([&] { has_locked = memory.lock(0); }).join();
        QVERIFY(!has_locked);
        QVERIFY(memory.unlock());
        std::atomic<int> failures{0};
        std::vector<std::thread> threads;
        for (int i = 0; i < 8; ++i) {
            threads.emplace_back([&] {
                for (int turn = 0; turn < 20000; ++turn) {
                    failures += !memory.lock();
                    ++*static_cast<volatile int*>(memory.data());
                    failures += !memory.unlock();
                }
            });
        }
        for (auto& thread : threads) {
            thread.join();
        }
        QCOMPARE(failures.load(), 0);
        QCOMPARE(*static_cast<const int*>(memory.constData()), 8 * 20000);
    }

    void a_death_with_the_lock_is_told() {
        SharedMemory memory(unused_key());
        QVERIFY(memory.create(100));
        QVERIFY(memory.lock());
        QVERIFY(!memory.ownerDied());
        QVERIFY(memory.unlock());
        {
            Other other({"hold", memory.key()});
            QCOMPARE(other.line(), QByteArray("ready"));
            QVERIFY(!memory.lock(0));
        }
        QVERIFY(memory.lock(soon));
        QVERIFY(memory.ownerDied());
        QVERIFY(memory.unlock());
        QVERIFY(memory.lock());
        QVERIFY(!memory.ownerDied());
        QVERIFY(memory.unlock());
    }

    void to_detach_with_the_lock_is_no_death() {
        SharedMemory memory(unused_key());
        QVERIFY(memory.create(100));
        {
            SharedMemory other(memory.key());
            QVERIFY(other.attach());
            QVERIFY(other.lock());
        }
        QVERIFY(memory.lock(0));
        QVERIFY(!memory.ownerDied());
    }

    void what_a_dead_one_made_is_in_nobodys_way() {
        SharedMemory memory(unused_key());
        {
            Other other({"create", memory.key()});
            QCOMPARE(other.line(), QByteArray("ready"));
            QVERIFY(!memory.create(200));
        }
        QVERIFY2(memory.create(200), qPrintable(memory.errorString()));
        QCOMPARE(int(memory.size()), 200);
        QVERIFY(memory.lock(0));
        QVERIFY(!memory.ownerDied());
    }

    void a_change_comes_from_every_program_data() {
        QTest::addColumn<QString>("program");
        QTest::addColumn<QStringList>("arguments");
        QTest::newRow("C") << MEMORY_PEER << QStringList{"change"};
        QTest::newRow("Python") << "python3" << QStringList{"-u", "-c",
                                                            "import sys, treenail\n"
                                                            "s = treenail.Segment.open(sys.argv[1])\n"
                                                            "print('ready')\n"
                                                            "for line in sys.stdin:\n"
                                                            "    with s.lock():\n"
                                                            "        s.buf[0] += 1\n"
                                                            "    s.notify()\n"};
    }
    void a_change_comes_from_every_program() {
        QFETCH(QString, program);
        QFETCH(QStringList, arguments);
        SharedMemory memory(unused_key());
        QVERIFY(memory.create(100));
        QSignalSpy changed(&memory, &SharedMemory::changed);
        Other other(program, arguments << memory.nativeKey());
        QCOMPARE(other.line(), QByteArray("ready"));
        for (int change = 1; change <= 20; ++change) {
            other.say("again");
            QTRY_COMPARE_WITH_TIMEOUT(int(changed.size()), change, soon);
            QVERIFY(memory.lock(soon));
            QCOMPARE(int(first(memory)), change);
            QVERIFY(memory.unlock());
        }
        other.kill();
        QCoreApplication::processEvents();
        QCOMPARE(int(changed.size()), 20);  // an unlock or an end is no change
    }

    void a_change_comes_to_all_that_are_connected() {
        SharedMemory memory(unused_key());
        QSignalSpy early(&memory, &SharedMemory::changed);
        QVERIFY(memory.create(100));
        SharedMemory other(memory.key());
        QVERIFY(other.attach());
        QVERIFY(other.notify());  // nobody of it is connected, now or later
        QSignalSpy late(&other, &SharedMemory::changed);
        QTRY_COMPARE_WITH_TIMEOUT(int(early.size()), 1, soon);
        for (int i = 0; i < 5; ++i) {
            QVERIFY(memory.notify());
        }
        QTRY_COMPARE_WITH_TIMEOUT(int(early.size()), 2, soon);  // one stands for several
        QTRY_COMPARE_WITH_TIMEOUT(int(late.size()), 1, soon);
        QVERIFY(memory.detach());
        QVERIFY(other.notify());
        QTRY_COMPARE_WITH_TIMEOUT(int(late.size()), 2, soon);
        QCOMPARE(int(early.size()), 2);
    }

    void only_who_is_connected_has_a_notifier() {
        SharedMemory memory(unused_key());
        QVERIFY(memory.create(100));
        connect(&memory, &QObject::destroyed, this, [] {});
        QCOMPARE(notifiers_of(memory), 0);
        connect(&memory, &SharedMemory::changed, this, [] {});
        connect(&memory, &SharedMemory::changed, this, [] {});
        QCOMPARE(notifiers_of(memory), 1);
        QVERIFY(memory.detach());
        QCOMPARE(notifiers_of(memory), 0);
        QVERIFY(memory.create(100));
        QCOMPARE(notifiers_of(memory), 1);
    }

    void a_flood_of_changes_lets_the_loop_run() {
        SharedMemory memory(unused_key());
        QVERIFY(memory.create(100));
        std::atomic<bool> goes_on{true};
        std::thread flood([&] {
            SharedMemory mine(memory.key());
            for (mine.attach(); goes_on;) {
                mine.notify();
            }
        });
        QSignalSpy changed(&memory, &SharedMemory::changed);
        int ticks = 0;
        QTimer timer;
        connect(&timer, &QTimer::timeout, this, [&] { ++ticks; });
        timer.start(1);
        const bool runs = QTest::qWaitFor([&] { return ticks >= 20 && changed.size() >= 20; }, soon);
        goes_on = false;
        flood.join();
        QVERIFY(runs);
    }

    void it_may_be_deleted_in_its_slot() {
        auto* memory = new SharedMemory(unused_key());
        const QPointer<SharedMemory> watched(memory);
        QVERIFY(memory->create(100));
        connect(memory, &SharedMemory::changed, this, [memory] { delete memory; });
        QVERIFY(memory->notify());
        QTRY_VERIFY_WITH_TIMEOUT(watched.isNull(), soon);
    }

    void another_thread_may_connect_and_have_it() {
        SharedMemory memory(unused_key());
        QVERIFY(memory.create(100));
        std::atomic<int> seen{0};
        std::thread([&] {
            connect(&memory, &SharedMemory::changed, &memory, [&] { ++seen; });
        }).join();
        QVERIFY(memory.notify());
        QTRY_COMPARE_WITH_TIMEOUT(seen.load(), 1, soon);

        auto* moved = new SharedMemory(memory.key());
        QVERIFY(moved->attach());
        QThread thread;
        std::atomic<QThread*> where{nullptr};
        connect(moved, &SharedMemory::changed, moved,
                [&] { where = QThread::currentThread(); });
        moved->moveToThread(&thread);
        connect(&thread, &QThread::finished, moved, &QObject::deleteLater);
        thread.start();
        QVERIFY(memory.notify());
        QTRY_COMPARE_WITH_TIMEOUT(where.load(), &thread, soon);
        thread.quit();
        QVERIFY(thread.wait(soon));
    }
};

int main(int argc, char** argv) {
    qputenv("PYTHONPATH", ROOT "/bindings/python");
    qputenv("PYTHONDONTWRITEBYTECODE", "1");
    qputenv("TREENAIL_LIBRARY", TREENAIL_LIBRARY);
    return run_with_roles<SharedMemoryExtrasTest>(argc, argv, play);
}
#include "shared_memory_extras.moc"
