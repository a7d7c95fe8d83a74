// SharedMemory and QSharedMemory between processes: the same calls, results and errors.
#include "shared_memory_types.hpp"

#include <atomic>
#include <cstring>
#include <memory>
#include <thread>
#include <vector>

namespace {

constexpr int big = 64 << 20;
constexpr int items = 5000;

void fill(void* data, unsigned seed) {
    auto* words = static_cast<unsigned*>(data);
    for (unsigned at = 0; at < big / sizeof(unsigned); ++at) {
        words[at] = at * 2654435761u + seed;
    }
}

bool is_filled(const void* data, unsigned seed) {
    const auto* words = static_cast<const unsigned*>(data);
    for (unsigned at = 0; at < big / sizeof(unsigned); ++at) {
        if (words[at] != at * 2654435761u + seed) {
            return false;
        }
    }
    return true;
}

// A queue of one, under the memory's lock.
struct Slot {
    int is_full;
    int item;
};

template <class Use>
bool with_slot(Memory& memory, bool is_full, Use use) {
    for (;;) {
        if (!memory.lock()) {
            return false;
        }
        auto& slot = *static_cast<Slot*>(memory.data());
        const bool is_right = slot.is_full == is_full;
        if (is_right) {
            use(slot);
            slot.is_full = !is_full;
        }
        if (!memory.unlock()) {
            return false;
        }
        if (is_right) {
            return true;
        }
        std::this_thread::yield();
    }
}

int play(const QStringList& role) {
    Memory memory(role[1]);
    const auto mode = role[0] == "write-to-read-only" ? Memory::ReadOnly : Memory::ReadWrite;
    if (!memory.attach(mode)) {
        return 1;
    }
    if (role[0] == "add") {
        for (int turn = 0; turn < role[2].toInt(); ++turn) {
            if (!memory.lock()) {
                return 1;
            }
            ++*static_cast<volatile int*>(memory.data());
            if (!memory.unlock()) {
                return 1;
            }
        }
        return 0;
    }
    if (role[0] == "write-to-read-only") {
        std::memset(const_cast<void*>(memory.constData()), 1, 1);
        return 0;
    }
    if (role[0] == "answer-big") {
        if (memory.size() != big || !is_filled(memory.constData(), 1)) {
            return 1;
        }
        fill(memory.data(), 2);
        return 0;
    }
    if (role[0] == "hold") {
        if (!memory.lock()) {
            return 1;
        }
        say("held");
        hear();
        return memory.unlock() ? 0 : 1;
    }
    if (role[0] == "produce") {
        for (int item = 0; item < items; ++item) {
            if (!with_slot(memory, false, [&](Slot& slot) { slot.item = item; })) {
                return 1;
            }
        }
        return 0;
    }
    return 2;
}

}  // namespace

class SharedMemoryProcessesTest : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void many_processes_exclude_each_other() {
        Memory memory(unused_key());
        QVERIFY(memory.create(sizeof(int)));
        std::vector<std::unique_ptr<Other>> others;
        for (int i = 0; i < 8; ++i) {
            others.push_back(std::make_unique<Other>(QStringList{"add", memory.key(), "20000"}));
        }
        for (auto& other : others) {
            QVERIFY(other->has_ended_well());
        }
        QCOMPARE(*static_cast<const int*>(memory.constData()), 8 * 20000);
    }

    void writing_where_one_may_only_read_crashes_that_program_only() {
        Memory memory(unused_key());
        QVERIFY(memory.create(100));
        Other other({"write-to-read-only", memory.key()});
        QVERIFY(other.has_crashed());
        QCOMPARE(static_cast<const char*>(memory.constData())[0], '\0');
        QVERIFY(memory.lock());
        QVERIFY(memory.unlock());
        QVERIFY(Memory(memory.key()).attach());
    }

    void a_producer_and_a_consumer_pass_every_item() {
        Memory memory(unused_key());
        QVERIFY(memory.create(sizeof(Slot)));
        Other producer({"produce", memory.key()});
        for (int item = 0; item < items; ++item) {
            int got = -1;
            QVERIFY(with_slot(memory, true, [&](const Slot& slot) { got = slot.item; }));
            QCOMPARE(got, item);
        }
        QVERIFY(producer.has_ended_well());
    }

    void big_memory_goes_over_and_comes_back() {
        Memory memory(unused_key());
        QVERIFY2(memory.create(big), qPrintable(memory.errorString()));
        QCOMPARE(memory.size(), decltype(memory.size())(big));
        fill(memory.data(), 1);
        Other other({"answer-big", memory.key()});
        QVERIFY(other.has_ended_well());
        QVERIFY(is_filled(memory.constData(), 2));
    }

    void a_lock_is_waited_for() {
        Memory memory(unused_key());
        QVERIFY(memory.create(100));
        Other other({"hold", memory.key()});
        QCOMPARE(other.line(), QByteArray("held"));
        std::atomic<bool> is_about_to{false};
        std::atomic<bool> has_lock{false};
        std::thread waiter([&] {
            Memory mine(memory.key());
            is_about_to = true;
            has_lock = mine.attach() && mine.lock() && mine.unlock();
        });
        while (!is_about_to) {
            std::this_thread::yield();
        }
        QVERIFY(!has_lock);
        other.say("go on");
        waiter.join();
        QVERIFY(has_lock);
        QVERIFY(other.has_ended_well());
    }

    void the_lock_of_a_killed_one_is_free() {
        Memory memory(unused_key());
        QVERIFY(memory.create(100));
        for (int death = 0; death < 3; ++death) {
            Other other({"hold", memory.key()});
            QCOMPARE(other.line(), QByteArray("held"));
            other.kill();
            QVERIFY(memory.lock());
            QVERIFY(memory.unlock());
        }
    }
};

int main(int argc, char** argv) {
    return run_with_roles<SharedMemoryProcessesTest>(argc, argv, play);
}
#include "shared_memory_processes.moc"
