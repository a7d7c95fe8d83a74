// Listener: who comes, who waits, and its own ends.
#include "ends.hpp"

#include <atomic>
#include <thread>

using treenail::Status;
using treenail::qt::Channel;
using treenail::qt::Listener;

class ListenerTest : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void an_endpoint_is_not_cut_off_at_a_nul() {
        const auto endpoint = unused_endpoint();
        const auto longer = endpoint + QChar(QChar::Null) + "?ring=8KiB";
        Listener listener;
        QVERIFY(!listener.listen(longer));
        QVERIFY2(listener.errorString().contains("NUL"), qPrintable(listener.errorString()));
        QVERIFY(listener.listen(endpoint));
        Channel channel;
        QVERIFY(!channel.connectTo(longer));
        QVERIFY2(channel.errorString().contains("NUL"), qPrintable(channel.errorString()));
    }

    void initTestCase_data() { over_each_transport(); }

    void listens_and_says_where() {
        Listener listener;
        QVERIFY(!listener.isListening() && listener.endpoint().isEmpty());
        const auto endpoint = unused_endpoint();
        QVERIFY(listener.listen(endpoint));
        QVERIFY(listener.isListening());
        QCOMPARE(listener.endpoint(), endpoint);
        QVERIFY(!listener.listen(unused_endpoint()));
        QCOMPARE(listener.error(), Status::invalid);
        Listener second;
        QVERIFY(!second.listen(endpoint));
        QCOMPARE(second.error(), Status::exists);
        QVERIFY(!second.errorString().isEmpty() && !second.isListening());
        listener.close();
        QVERIFY(!listener.isListening() && listener.endpoint().isEmpty());
        QVERIFY(second.listen(endpoint));
        listener.close();
    }

    void a_signal_and_a_channel_for_each_client() {
        Listener listener;
        QVERIFY(listener.listen(unused_endpoint()));
        QSignalSpy came(&listener, &Listener::newChannel);
        QVERIFY(!listener.hasPendingChannels());
        QVERIFY(listener.nextPendingChannel() == nullptr);
        Channel clients[5];
        for (auto& client : clients) {
            QVERIFY(client.connectTo(listener.endpoint()));
        }
        EVENTUALLY(came.count() == 5);
        for (int i = 0; i < 5; ++i) {
            auto* channel = listener.nextPendingChannel();
            QVERIFY(channel != nullptr);
            QCOMPARE(channel->parent(), &listener);
            QCOMPARE(channel->state(), Channel::Connected);
        }
        QVERIFY(!listener.hasPendingChannels());
        const treenail::ListenerStats stats = listener.stats();
        QVERIFY(stats.accepted == 5 && stats.channels == 5 && stats.pending == 0);
        QVERIFY(Listener().stats().accepted == 0);
    }

    void what_was_sent_before_the_channel_was_taken_is_not_lost() {
        Listener listener;
        QVERIFY(listener.listen(unused_endpoint()));
        Channel client;
        QSignalSpy connected(&client, &Channel::connected);
        QVERIFY(client.connectTo(listener.endpoint()));
        QVERIFY(client.send("early"));
        EVENTUALLY(listener.hasPendingChannels() && connected.count() == 1);
        client.close();
        QTest::qWait(20);  // nothing is to happen
        auto* channel = listener.nextPendingChannel();
        QSignalSpy messages(channel, &Channel::messageReceived);
        QSignalSpy disconnected(channel, &Channel::disconnected);
        EVENTUALLY(disconnected.count() == 1);
        QCOMPARE(messages.count(), 1);
    }

    void no_more_than_so_many_are_pending() {
        Listener listener;
        QCOMPARE(listener.maxPendingChannels(), 30);
        listener.setMaxPendingChannels(2);
        QVERIFY(listener.listen(unused_endpoint()));
        QSignalSpy came(&listener, &Listener::newChannel);
        Channel clients[5];
        int connected = 0;
        for (auto& client : clients) {
            connect(&client, &Channel::connected, this, [&] { ++connected; });
            QVERIFY(client.connectTo(listener.endpoint()));
        }
        EVENTUALLY(came.count() == 2);
        QTest::qWait(20);  // nothing is to happen
        QCOMPARE(came.count(), 2);
        for (int taken = 1; taken <= 5; ++taken) {
            EVENTUALLY(listener.hasPendingChannels());
            QVERIFY(listener.nextPendingChannel() != nullptr);
        }
        EVENTUALLY(connected == 5);
        QCOMPARE(came.count(), 5);
    }

    void closing_drops_the_pending_and_keeps_the_taken() {
        Listener listener;
        QVERIFY(listener.listen(unused_endpoint()));
        Channel taken, pending;
        QSignalSpy dropped(&pending, &Channel::disconnected);
        QVERIFY(taken.connectTo(listener.endpoint()));
        EVENTUALLY(listener.hasPendingChannels());
        auto* channel = listener.nextPendingChannel();
        QVERIFY(pending.connectTo(listener.endpoint()));
        EVENTUALLY(listener.hasPendingChannels() && pending.state() == Channel::Connected);
        listener.close();
        QVERIFY(!listener.hasPendingChannels());
        EVENTUALLY(dropped.count() == 1);
        QSignalSpy messages(channel, &Channel::messageReceived);
        QVERIFY(taken.send("still here"));
        EVENTUALLY(messages.count() == 1);
        Channel late;
        QVERIFY(!late.connectTo(channel->endpoint()));
    }

    void a_slot_may_destroy_it() {
        auto* listener = new Listener;
        QVERIFY(listener->listen(unused_endpoint()));
        bool destroyed = false;
        connect(listener, &Listener::newChannel, this, [&] {
            delete listener;
            destroyed = true;
        });
        Channel clients[3];
        for (auto& client : clients) {
            QVERIFY(client.connectTo(listener->endpoint()));
        }
        EVENTUALLY(destroyed);
        EVENTUALLY(clients[0].state() == Channel::Unconnected);
    }

    void moved_used_closed_and_destroyed_from_other_threads() {
        for (int round = 0; round < 20; ++round) {
            QThread thread;
            thread.start();
            auto* listener = new Listener;
            std::atomic<int> came{0};
            connect(listener, &Listener::newChannel, listener, [&] {
                came += QThread::currentThread() == &thread;
            }, Qt::DirectConnection);
            listener->moveToThread(&thread);
            QVERIFY(listener->listen(unused_endpoint()));  // in this thread, for that
            Channel client;
            QSignalSpy answers(&client, &Channel::messageReceived);
            QVERIFY(client.connectTo(listener->endpoint()));
            EVENTUALLY(came == 1);
            const std::unique_ptr<Channel> channel(listener->nextPendingChannel());
            QVERIFY(channel->parent() == nullptr && channel->thread() == QThread::currentThread());
            QVERIFY(channel->send("from the thread that took it"));
            EVENTUALLY(answers.count() == 1);
            if (round % 2 == 0) {
                listener->close();
                QVERIFY(!listener->isListening());
            }
            delete listener;
            thread.quit();
            QVERIFY(thread.wait(soon));
        }
    }

    void a_channel_is_made_where_it_is_taken() {
        Listener listener;
        QVERIFY(listener.listen(unused_endpoint()));
        QThread worker;
        QObject there;
        there.moveToThread(&worker);
        worker.start();
        std::atomic<QThread*> heard_in{nullptr};
        connect(&listener, &Listener::newChannel, &there, [&] {  // in the worker
            auto* channel = new Channel(listener.takePendingChannel());
            connect(channel, &Channel::messageReceived, channel, [&, channel] {
                heard_in = QThread::currentThread();
                channel->deleteLater();
            });
        });
        Channel client;
        QSignalSpy left(&client, &Channel::disconnected);
        QVERIFY(client.connectTo(listener.endpoint()));
        QVERIFY(client.send("hello"));
        EVENTUALLY(left.count() == 1);
        QVERIFY(heard_in == &worker);
        worker.quit();
        QVERIFY(worker.wait(soon));
    }
};

QTEST_GUILESS_MAIN(ListenerTest)
#include "listener.moc"
