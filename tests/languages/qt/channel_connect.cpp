// Channel finds a listener, that may accept later, refuse it, or not be there yet.
#include "ends.hpp"

#include <string>
#include <sys/socket.h>

using treenail::Status;
using treenail::qt::Channel;
using treenail::qt::Listener;

class ChannelConnectTest : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void initTestCase_data() { over_each_transport(); }

    void connects_and_says_so() {
        Listener listener;
        QVERIFY(listener.listen(unused_endpoint()));
        Channel channel;
        QSignalSpy connected(&channel, &Channel::connected);
        QSignalSpy states(&channel, &Channel::stateChanged);
        QCOMPARE(channel.state(), Channel::Unconnected);
        QVERIFY(channel.connectTo(listener.endpoint()));
        QCOMPARE(channel.state(), Channel::Connected);
        QVERIFY(connected.isEmpty());  // not from inside the call
        QVERIFY(!channel.connectTo(listener.endpoint()));
        QCOMPARE(channel.error(), Status::invalid);
        EVENTUALLY(connected.count() == 1);
        QCOMPARE(channel.state(), Channel::Connected);
        QCOMPARE(channel.endpoint(), listener.endpoint());
        QCOMPARE(channel.peer().pid(), std::int64_t(QCoreApplication::applicationPid()));
        QCOMPARE(states.count(), 1);
        QCOMPARE(states[0][0].value<Channel::State>(), Channel::Connected);
    }

    void takes_over_both_ends_of_a_pair() {
        auto [one, other] = treenail::Channel::pair();
        Channel here(std::move(one));
        Channel there(std::move(other));
        QCOMPARE(here.state(), Channel::Connected);
        QCOMPARE(here.endpoint(), QStringLiteral("pair"));
        QSignalSpy messages(&there, &Channel::messageReceived);
        QSignalSpy disconnected(&there, &Channel::disconnected);
        QVERIFY(here.send(3, "across"));
        EVENTUALLY(messages.count() == 1);
        QCOMPARE(messages[0][0].toByteArray(), QByteArray("across"));
        here.close();
        EVENTUALLY(disconnected.count() == 1);
    }

    void connects_on_a_socket_that_it_was_given() {
        int ends[2];
        QCOMPARE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
        Channel here;
        QVERIFY(here.connectTo(QStringLiteral("fd:%1").arg(ends[0])));
        Channel there(treenail::Channel::create_start("fd:" + std::to_string(ends[1])));
        QSignalSpy messages(&there, &Channel::messageReceived);
        QVERIFY(here.send(0, "across"));
        EVENTUALLY(messages.count() == 1);
        Channel again;
        QVERIFY(!again.connectTo(QStringLiteral("fd:%1").arg(ends[0])));
        QCOMPARE(again.error(), Status::invalid);
    }

    void finds_a_listener_that_chose_its_name() {
        QFETCH_GLOBAL(QString, scheme);
        Listener listener;
        QVERIFY(listener.listen(scheme + QStringLiteral(":*")));
        QVERIFY(!listener.endpoint().contains('*'));
        Channel channel;
        QVERIFY(channel.connectTo(listener.endpoint()));
        EVENTUALLY(listener.hasPendingChannels());
    }

    void may_wait_for_the_handshake() {
        Listener listener;
        QVERIFY(listener.listen(unused_endpoint()));
        Channel channel;
        QSignalSpy connected(&channel, &Channel::connected);
        QSignalSpy states(&channel, &Channel::stateChanged);
        QVERIFY(channel.connectTo(listener.endpoint() + QStringLiteral("?early=0")));
        QCOMPARE(channel.state(), Channel::Connecting);
        EVENTUALLY(connected.count() == 1);
        QCOMPARE(states.count(), 2);
        QCOMPARE(states[0][0].value<Channel::State>(), Channel::Connecting);
        QCOMPARE(states[1][0].value<Channel::State>(), Channel::Connected);
    }

    void what_is_sent_before_anybody_accepts_arrives() {
        Listener listener;
        QVERIFY(listener.listen(unused_endpoint()));
        {
            Channel gone;
            QVERIFY(gone.connectTo(listener.endpoint()));
            QVERIFY(gone.send(7, "early"));
        }
        EVENTUALLY(listener.hasPendingChannels());
        const std::unique_ptr<Channel> there(listener.nextPendingChannel());
        QSignalSpy messages(there.get(), &Channel::messageReceived);
        QSignalSpy disconnected(there.get(), &Channel::disconnected);
        EVENTUALLY(disconnected.count() == 1);
        QCOMPARE(messages.count(), 1);
        QCOMPARE(messages[0][0].toByteArray(), QByteArray("early"));
        QCOMPARE(messages[0][1].toUInt(), 7u);
    }

    void a_refusal_is_signalled() {
        Listener listener;
        QVERIFY(listener.listen(unused_endpoint(QStringLiteral("?max_channels=1"))));
        Channel first, second;
        QVERIFY(first.connectTo(listener.endpoint()));
        EVENTUALLY(listener.hasPendingChannels());
        QSignalSpy errors(&second, &Channel::errorOccurred);
        QSignalSpy disconnected(&second, &Channel::disconnected);
        QVERIFY(second.connectTo(listener.endpoint()));
        QCOMPARE(second.state(), Channel::Connected);
        EVENTUALLY(disconnected.count() == 1);
        QCOMPARE(errors.count(), 1);
        QCOMPARE(errors[0][0].value<Status>(), Status::no_space);
        QCOMPARE(second.state(), Channel::Unconnected);
    }

    void a_failure_to_connect_is_signalled() {
        Channel channel;
        QSignalSpy errors(&channel, &Channel::errorOccurred);
        QSignalSpy disconnected(&channel, &Channel::disconnected);
        QVERIFY(!channel.connectTo(unused_endpoint()));
        QCOMPARE(channel.error(), Status::not_found);
        QVERIFY(errors.isEmpty());  // not from inside the call
        EVENTUALLY(errors.count() == 1);
        QCOMPARE(errors[0][0].value<Status>(), Status::not_found);
        QVERIFY(!errors[0][1].toString().isEmpty());
        QVERIFY(!channel.connectTo(QStringLiteral("nonsense")));
        QCOMPARE(channel.error(), Status::invalid);
        EVENTUALLY(errors.count() == 2);
        QCOMPARE(disconnected.count(), 0);
        QCOMPARE(channel.state(), Channel::Unconnected);
    }

    void waits_for_a_listener_that_comes_later() {
        const auto endpoint = unused_endpoint();
        Channel channel;
        QSignalSpy connected(&channel, &Channel::connected);
        QVERIFY(channel.connectTo(endpoint + QStringLiteral("?retry=1")));
        QVERIFY(channel.send("before there was anybody"));
        QCOMPARE(channel.bytesToWrite(), qint64(24));
        Listener listener;
        QVERIFY(listener.listen(endpoint));
        EVENTUALLY(connected.count() == 1 && listener.hasPendingChannels());
        auto* there = listener.nextPendingChannel();
        QSignalSpy messages(there, &Channel::messageReceived);
        EVENTUALLY(messages.count() == 1);
        QCOMPARE(messages[0][0].toByteArray(), QByteArray("before there was anybody"));
        EVENTUALLY(channel.bytesToWrite() == 0);
    }

    void what_may_never_wait_is_not_told_to() {
        Channel channel;
        QVERIFY(channel.connectTo(unused_endpoint(QStringLiteral("?retry=1"))));
        channel.setMaxBytesToWrite(1000);
        QVERIFY(!channel.send(QByteArray(2000, 'x')));
        QCOMPARE(channel.error(), Status::no_space);
        QVERIFY2(channel.errorString().contains(QStringLiteral("set it to 2064 or more")),
                 qPrintable(channel.errorString()));
        QVERIFY(!channel.errorString().contains(QStringLiteral("wait for")));
        QVERIFY(channel.send(QByteArray(900, 'x')));
        QVERIFY(!channel.send(QByteArray(900, 'x')));
        QVERIFY(channel.errorString().contains(QStringLiteral("wait for bytesWritten()")));
    }

    void waits_no_longer_than_it_may() {
        const auto endpoint = unused_endpoint();
        Channel channel;
        QSignalSpy errors(&channel, &Channel::errorOccurred);
        QSignalSpy connected(&channel, &Channel::connected);
        QSignalSpy disconnected(&channel, &Channel::disconnected);
        QVERIFY(channel.connectTo(endpoint + QStringLiteral("?retry=1"), 50));
        QCOMPARE(channel.state(), Channel::Connecting);
        EVENTUALLY(errors.count() == 1);
        QCOMPARE(errors[0][0].value<Status>(), Status::timed_out);
        QVERIFY(errors[0][1].toString().contains(endpoint));
        QCOMPARE(channel.state(), Channel::Unconnected);
        QCOMPARE(channel.error(), Status::timed_out);
        // Its time is over, and not that of the next attempt.
        QVERIFY(channel.connectTo(endpoint + QStringLiteral("?retry=1")));
        Listener listener;
        QVERIFY(listener.listen(endpoint));
        EVENTUALLY(connected.count() == 1);
        channel.abort();
        QVERIFY(channel.connectTo(endpoint + QStringLiteral("?retry=1"), 100));
        EVENTUALLY(connected.count() == 2);
        QTest::qWait(200);
        QCOMPARE(channel.state(), Channel::Connected);
        QCOMPARE(errors.count(), 1);
        QCOMPARE(disconnected.count(), 1);
    }
};

QTEST_GUILESS_MAIN(ChannelConnectTest)
#include "channel_connect.moc"
