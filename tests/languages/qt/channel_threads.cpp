// Channel between threads: sending from many, moving, closing and destroying from another.
#include "ends.hpp"

#include <atomic>
#include <thread>
#include <vector>

using treenail::Status;
using treenail::qt::Channel;
using treenail::qt::Listener;

namespace {

// A thread with an event loop, for the length of a scope.
struct Loop {
    Loop() { thread.start(); }
    ~Loop() {
        thread.quit();
        thread.wait();
    }
    QThread thread;
};

}  // namespace

class ChannelThreadsTest : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void initTestCase_data() { over_each_transport(); }

    void eight_threads_send_at_once() {
        constexpr int senders = 8, each = 5000;
        Ends ends(QStringLiteral("?ring=16KiB"));
        std::vector<int> next(senders);
        int received = 0;
        connect(ends.there.get(), &Channel::messageReceived, this,
                [&](const QByteArray& data, quint32 sender) {
                    QCOMPARE(data.toInt(), next[sender]++);  // each once, in its thread's order
                    ++received;
                });
        std::atomic<int> refused{0};
        std::vector<std::thread> threads;
        for (int sender = 0; sender < senders; ++sender) {
            threads.emplace_back([&, sender] {
                for (int i = 0; i < each; ++i) {
                    refused += !ends.here.send(quint32(sender), QByteArray::number(i));
                }
            });
        }
        QTRY_COMPARE_WITH_TIMEOUT(received, senders * each, 6 * soon);
        for (auto& thread : threads) {
            thread.join();
        }
        QCOMPARE(refused.load(), 0);
        EVENTUALLY(ends.here.bytesToWrite() == 0);
    }

    void signals_come_in_the_objects_thread() {
        Loop loop;
        Ends ends;
        std::atomic<int> received{0};
        std::atomic<bool> astray{false};
        auto* there = ends.there.get();
        connect(there, &Channel::messageReceived, there, [&](const QByteArray& data) {
            astray = astray || QThread::currentThread() != &loop.thread;
            ++received;
            there->send(data);
        }, Qt::DirectConnection);
        QSignalSpy answers(&ends.here, &Channel::messageReceived);
        there->moveToThread(&loop.thread);
        for (int i = 0; i < 100; ++i) {
            QVERIFY(ends.here.send("m"));
        }
        EVENTUALLY(answers.count() == 100);
        QVERIFY(!astray);
        QCOMPARE(received.load(), 100);
    }

    void moves_between_threads_lose_nothing() {
        constexpr int messages = 3000;
        Loop loops[3];
        Ends ends(QStringLiteral("?ring=16KiB"));
        auto* there = ends.there.get();
        std::atomic<int> received{0}, wrong{0}, moved{0};
        connect(there, &Channel::messageReceived, there, [&](const QByteArray& data) {
            wrong += QThread::currentThread() != there->thread();
            wrong += data.toInt() != received;
            if (++received % 10 == 0) {
                there->moveToThread(&loops[++moved % 3].thread);
            }
        }, Qt::DirectConnection);
        there->moveToThread(&loops[0].thread);
        for (int i = 0; i < messages; ++i) {
            QVERIFY(ends.here.send(QByteArray::number(i)));
        }
        EVENTUALLY(received == messages);
        QCOMPARE(wrong.load(), 0);
        QCOMPARE(moved.load(), messages / 10);
    }

    void what_waits_and_a_connection_move_along() {
        Loop loop;
        const auto endpoint = unused_endpoint(QStringLiteral("?ring=16KiB"));
        Channel channel;
        QSignalSpy connected(&channel, &Channel::connected);
        QVERIFY(channel.connectTo(endpoint + QStringLiteral("&retry=1")));
        for (int i = 0; i < 1000; ++i) {
            QVERIFY(channel.send(QByteArray(1000, 'm')));
        }
        channel.moveToThread(&loop.thread);
        Listener listener;
        QVERIFY(listener.listen(endpoint));
        EVENTUALLY(listener.hasPendingChannels());
        QSignalSpy messages(listener.nextPendingChannel(), &Channel::messageReceived);
        EVENTUALLY(messages.count() == 1000);
        QCOMPARE(connected.count(), 1);
    }

    void connecting_and_ending_from_another_thread() {
        Listener listener;
        QVERIFY(listener.listen(unused_endpoint()));
        Channel channel;
        QSignalSpy connected(&channel, &Channel::connected);
        QSignalSpy disconnected(&channel, &Channel::disconnected);
        for (int round = 1; round <= 4; ++round) {
            std::thread([&] { QVERIFY(channel.connectTo(listener.endpoint())); }).join();
            EVENTUALLY(connected.count() == round && listener.hasPendingChannels());
            auto* there = listener.nextPendingChannel();
            QSignalSpy left(there, &Channel::disconnected);
            std::thread([&] { round % 2 ? channel.close() : channel.abort(); }).join();
            QVERIFY(!channel.send("over"));
            EVENTUALLY(disconnected.count() == round && left.count() == 1);
            QCOMPARE(channel.state(), Channel::Unconnected);
        }
    }

    void a_close_elsewhere_needs_no_event_loop_here() {
        Ends ends;
        auto peer = std::make_unique<Loop>();
        ends.there->moveToThread(&peer->thread);
        std::atomic<bool> left{false};
        connect(ends.there.get(), &Channel::disconnected, ends.there.get(), [&] { left = true; },
                Qt::DirectConnection);
        std::thread([&] { ends.here.close(); }).join();
        QDeadlineTimer deadline(soon);
        while (!left && !deadline.hasExpired()) {
            QThread::yieldCurrentThread();  // this thread's events stay where they are
        }
        QVERIFY(left);
    }

    // Both in the middle of traffic, a hundred times: a race is found by its crash, or by sanitizers.
    void destroyed_from_another_thread_in_full_traffic() {
        for (int round = 0; round < 100; ++round) {
            Loop loop;
            Ends ends;
            QSignalSpy left(&ends.here, &Channel::disconnected);
            auto* there = ends.there.release();
            std::atomic<int> received{0};
            connect(there, &Channel::messageReceived, there, [&, there](const QByteArray& data) {
                ++received;
                there->send(data);
            }, Qt::DirectConnection);
            there->moveToThread(&loop.thread);
            for (int i = 0; i < 200; ++i) {
                QVERIFY(ends.here.send("t"));
            }
            while (received < round) {
                QThread::yieldCurrentThread();
            }
            delete there;
            const int at_the_end = received;
            EVENTUALLY(left.count() == 1);
            QCOMPARE(received.load(), at_the_end);  // no slot runs after it
        }
    }

    void destroying_elsewhere_waits_for_a_slot_that_runs() {
        Loop loop;
        Ends ends;
        std::atomic<bool> inside{false}, was_inside{false};
        auto* there = ends.there.release();
        connect(there, &Channel::messageReceived, there, [&] {
            was_inside = inside = true;
            QThread::msleep(50);  // for as long as the destructor below takes otherwise, and longer
            inside = false;
        }, Qt::DirectConnection);
        there->moveToThread(&loop.thread);
        QVERIFY(ends.here.send("s"));
        while (!was_inside) {
            QThread::yieldCurrentThread();
        }
        delete there;
        QVERIFY(!inside);
    }

    void moved_and_destroyed_at_once() {
        for (int round = 0; round < 200; ++round) {
            Loop loop;
            Ends ends;
            QVERIFY(ends.here.send("m"));
            ends.there->moveToThread(&loop.thread);
            ends.there.reset();
        }
    }

    void destroyed_after_its_thread_has_ended() {
        Ends ends;
        QSignalSpy left(&ends.here, &Channel::disconnected);
        {
            Loop loop;
            ends.there->moveToThread(&loop.thread);
        }
        ends.there.reset();
        EVENTUALLY(left.count() == 1);
    }

    void a_channel_of_a_thread_without_qt() {
        Listener listener;
        QVERIFY(listener.listen(unused_endpoint()));
        std::atomic<bool> got{false};
        std::thread client([endpoint = listener.endpoint(), &got] {
            QEventLoop loop;
            Channel channel;
            connect(&channel, &Channel::messageReceived, &loop, [&](const QByteArray& data) {
                got = data == "echo";
                loop.quit();
            });
            channel.connectTo(endpoint);
            channel.send("echo");
            loop.exec();
        });
        connect(&listener, &Listener::newChannel, this, [&] {
            auto* there = listener.nextPendingChannel();
            connect(there, &Channel::messageReceived, there,
                    [there](const QByteArray& data) { there->send(data); });
        });
        EVENTUALLY(got.load());
        client.join();
    }
};

QTEST_GUILESS_MAIN(ChannelThreadsTest)
#include "channel_threads.moc"
