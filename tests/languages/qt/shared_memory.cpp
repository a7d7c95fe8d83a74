// SharedMemory and QSharedMemory in one process: the same calls, results and errors.
#include "shared_memory_types.hpp"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <memory>
#include <thread>
#include <vector>

class SharedMemoryTest : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void a_new_object_has_nothing() {
        Memory subject;
        QVERIFY(subject.key().isNull());
        QVERIFY(subject.nativeKey().isEmpty());
        QVERIFY(!subject.isAttached());
        QCOMPARE(subject.size(), decltype(subject.size())(0));
        QVERIFY(subject.data() == nullptr);
        QVERIFY(subject.constData() == nullptr);
        QVERIFY(const_cast<const Memory&>(subject).data() == nullptr);
        QCOMPARE(int(subject.error()), int(Memory::NoError));
        QVERIFY(subject.errorString().isEmpty());
    }

    void it_has_the_parent_that_it_is_given() {
        QObject parent;
        QCOMPARE((new Memory(&parent))->parent(), &parent);
        QCOMPARE((new Memory(QStringLiteral("key"), &parent))->parent(), &parent);
        QCOMPARE(int(Memory::ReadOnly), 0);
        QCOMPARE(int(Memory::ReadWrite), 1);
        QCOMPARE(int(Memory::UnknownError), 8);
    }

    void an_empty_key_is_an_error() {
        for (const auto& key : {QString(), QStringLiteral("")}) {
            Memory subject(key);
            GIVES(subject.attach(), false, Memory::KeyError);
            QVERIFY(!subject.errorString().isEmpty());
            GIVES(subject.create(10), false, Memory::KeyError);
            QVERIFY(!subject.errorString().isEmpty());
            QVERIFY(!subject.isAttached());
        }
        Memory subject;
        GIVES(subject.create(0), false, Memory::InvalidSize);
    }

    void a_size_below_one_is_an_error() {
        Memory subject(unused_key());
        GIVES(subject.create(0), false, Memory::InvalidSize);
        QVERIFY(!subject.errorString().isEmpty());
        GIVES(subject.create(-5), false, Memory::InvalidSize);
        QVERIFY2(subject.create(1), qPrintable(subject.errorString()));
        QCOMPARE(int(subject.error()), int(Memory::NoError));
        QVERIFY(subject.errorString().isEmpty());
        QCOMPARE(subject.size(), decltype(subject.size())(1));
    }

    void attaching_to_nothing_is_an_error() {
        Memory subject(unused_key());
        GIVES(subject.attach(), false, Memory::NotFound);
        QVERIFY(!subject.errorString().isEmpty());
        QVERIFY(subject.data() == nullptr);
    }

    void creating_twice_is_an_error() {
        Memory subject(unused_key());
        GIVES(subject.create(1000), true, Memory::NoError);
        void* const data = subject.data();
        GIVES(subject.create(1000), false, Memory::AlreadyExists);
        QVERIFY(!subject.errorString().isEmpty());
        QVERIFY(subject.isAttached());
        QCOMPARE(subject.data(), data);
        QCOMPARE(subject.size(), decltype(subject.size())(1000));

        Memory other(subject.key());
        QVERIFY(!other.create(5));
        QCOMPARE(int(other.error()), int(Memory::AlreadyExists));
        QVERIFY(!other.isAttached());
        QVERIFY(other.attach());
        QCOMPARE(int(other.error()), int(Memory::NoError));
    }

    void attaching_twice_is_refused_and_changes_nothing() {
        Memory subject(unused_key());
        QVERIFY(subject.create(100));
        GIVES(subject.attach(), false, Memory::NoError);
        GIVES(subject.attach(Memory::ReadOnly), false, Memory::NoError);
        QVERIFY(subject.isAttached());
        std::memset(subject.data(), 1, 100);
        GIVES(subject.create(100), false, Memory::AlreadyExists);
        GIVES(subject.attach(), false, Memory::AlreadyExists);
    }

    void detaching_twice_is_refused() {
        Memory subject(unused_key());
        GIVES(subject.detach(), false, Memory::NoError);
        QVERIFY(subject.create(100));
        GIVES(subject.detach(), true, Memory::NoError);
        QVERIFY(!subject.isAttached());
        QCOMPARE(subject.size(), decltype(subject.size())(0));
        QVERIFY(subject.data() == nullptr);
        GIVES(subject.detach(), false, Memory::NoError);
    }

    void two_objects_see_one_memory() {
        Memory one(unused_key());
        QVERIFY(one.create(100000));
        const auto bytes = static_cast<const char*>(one.constData());
        QCOMPARE(std::count(bytes, bytes + 100000, '\0'), std::ptrdiff_t(100000));
        Memory two(one.key());
        QVERIFY(two.attach());
        QCOMPARE(two.size(), decltype(two.size())(100000));
        static_cast<char*>(two.data())[99999] = 'x';
        QCOMPARE(bytes[99999], 'x');
        QCOMPARE(const_cast<const Memory&>(two).data(), two.constData());

        Memory reader(one.key());
        QVERIFY(reader.attach(Memory::ReadOnly));
        QCOMPARE(static_cast<const char*>(reader.constData())[99999], 'x');
        QVERIFY(reader.lock());
        QVERIFY(reader.unlock());

        QVERIFY(one.detach());  // the others keep it
        QCOMPARE(static_cast<const char*>(two.constData())[99999], 'x');
        QVERIFY(!one.create(10));
        QCOMPARE(int(one.error()), int(Memory::AlreadyExists));
    }

    void a_reader_may_be_the_one_that_creates() {
        Memory one(unused_key());
        QVERIFY(one.create(100, Memory::ReadOnly));
        QCOMPARE(static_cast<const char*>(one.constData())[99], '\0');
        Memory two(one.key());
        QVERIFY(two.attach());
        static_cast<char*>(two.data())[99] = 'x';
        QCOMPARE(static_cast<const char*>(one.constData())[99], 'x');
    }

    void the_last_one_takes_it_along() {
        const auto key = unused_key();
        auto one = std::make_unique<Memory>(key);
        QVERIFY(one->create(100));
        std::memset(one->data(), 1, 100);
        auto two = std::make_unique<Memory>(key);
        QVERIFY(two->attach());
        one.reset();
        QVERIFY(!Memory(key).create(100));
        two.reset();
        Memory subject(key);
        GIVES(subject.attach(), false, Memory::NotFound);
        GIVES(subject.create(200), true, Memory::NoError);
        QCOMPARE(static_cast<const char*>(subject.constData())[50], '\0');
    }

    void a_new_key_detaches() {
        const auto key = unused_key();
        Memory subject(key);
        QVERIFY(subject.create(100));
        subject.setKey(key);
        QVERIFY(subject.isAttached());
        const auto second = unused_key();
        subject.setKey(second);
        QVERIFY(!subject.isAttached());
        QCOMPARE(subject.key(), second);
        QVERIFY(subject.create(100));
        subject.setKey(QString());
        QVERIFY(!subject.isAttached());
        QVERIFY(subject.key().isEmpty());
        QVERIFY(subject.nativeKey().isEmpty());
        QVERIFY(!Memory(key).attach());
        QVERIFY(!Memory(second).attach());
    }

    void any_text_is_a_key() {
        const auto unique = unused_key();
        const QStringList keys{unique + " with spaces", unique + "/slashes/",
                               unique + QString::fromUtf8("äöü€"), unique + "?access=ro",
                               unique + QString(150, 'k'), '.' + unique};
        std::vector<std::unique_ptr<Memory>> made;
        for (const auto& key : keys) {
            made.push_back(std::make_unique<Memory>(key));
            QCOMPARE(made.back()->key(), key);
            QVERIFY(!made.back()->nativeKey().isEmpty());
            QVERIFY2(made.back()->create(100), qPrintable(made.back()->errorString()));
            static_cast<char*>(made.back()->data())[0] = char(made.size());
        }
        for (std::size_t at = 0; at < made.size(); ++at) {
            Memory again(keys[int(at)]);
            QVERIFY(again.attach());
            QCOMPARE(again.nativeKey(), made[at]->nativeKey());
            QCOMPARE(static_cast<const char*>(again.constData())[0], char(at + 1));
        }
    }

    void a_native_key_has_no_key() {
        Memory named(unused_key());
        QVERIFY(named.create(100));
        Memory subject;
        subject.setNativeKey(named.nativeKey());
        QVERIFY(subject.key().isNull());
        QCOMPARE(subject.nativeKey(), named.nativeKey());
        GIVES(subject.attach(), true, Memory::NoError);
        subject.setNativeKey(named.nativeKey());
        QVERIFY(subject.isAttached());
        static_cast<char*>(subject.data())[0] = 'x';
        QCOMPARE(static_cast<const char*>(named.constData())[0], 'x');
        subject.setKey(unused_key());
        QVERIFY(!subject.isAttached());
    }

    void locking_where_nothing_was_ever_attached_is_an_error() {
        Memory subject;
        GIVES(subject.unlock(), false, Memory::NoError);
        GIVES(subject.lock(), false, Memory::LockError);
        QVERIFY(!subject.errorString().isEmpty());
        GIVES(subject.unlock(), false, Memory::LockError);
    }

    void locking_twice_is_once_with_a_warning() {
        Memory subject(unused_key());
        QVERIFY(subject.create(100));
        GIVES(subject.unlock(), false, Memory::NoError);
        GIVES(subject.lock(), true, Memory::NoError);
        QTest::ignoreMessage(QtWarningMsg, is_genuine ? "QSharedMemory::lock: already locked"
                                                      : "SharedMemory::lock: already locked");
        GIVES(subject.lock(), true, Memory::NoError);
        GIVES(subject.unlock(), true, Memory::NoError);
        GIVES(subject.unlock(), false, Memory::NoError);
        GIVES(subject.lock(), true, Memory::NoError);
        GIVES(subject.unlock(), true, Memory::NoError);
    }

    void detaching_gives_the_lock_back() {
        Memory other(unused_key());
        QVERIFY(other.create(100));
        {
            Memory subject(other.key());
            QVERIFY(subject.attach());
            QVERIFY(subject.lock());
            if (is_genuine) {
                QTest::ignoreMessage(QtWarningMsg, "QSharedMemory::lock: already locked");
            }
            GIVES(subject.detach(), true, Memory::NoError);
            GIVES(subject.unlock(), false, Memory::NoError);
            QVERIFY(other.lock());
            QVERIFY(other.unlock());
            QVERIFY(subject.attach());
            QVERIFY(subject.lock());
            if (is_genuine) {
                QTest::ignoreMessage(QtWarningMsg, "QSharedMemory::lock: already locked");
            }
        }
        QVERIFY(other.lock());
        QVERIFY(other.unlock());
    }

    void threads_with_an_object_each_exclude_each_other() {
        Memory memory(unused_key());
        QVERIFY(memory.create(sizeof(int)));
        std::vector<std::thread> threads;
        std::atomic<int> failures{0};
        for (int i = 0; i < 8; ++i) {
            threads.emplace_back([&] {
                Memory mine(memory.key());
                failures += !mine.attach();
                for (int turn = 0; turn < 20000; ++turn) {
                    failures += !mine.lock();
                    ++*static_cast<volatile int*>(mine.data());
                    failures += !mine.unlock();
                }
            });
        }
        for (auto& thread : threads) {
            thread.join();
        }
        QCOMPARE(failures.load(), 0);
        QCOMPARE(*static_cast<const int*>(memory.constData()), 8 * 20000);
    }
};

int main(int argc, char** argv) {
    return run_with_roles<SharedMemoryTest>(argc, argv, [](const QStringList&) { return 1; });
}
#include "shared_memory.moc"
