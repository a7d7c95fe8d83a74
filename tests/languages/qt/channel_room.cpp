// Channel where there is no room: it waits for that alone, and only while something is to be sent.
#include "ends.hpp"
#include "loop_turns.hpp"

#include <thread>

using treenail::qt::Channel;

namespace {

void fill(Channel& channel) {
    const QByteArray message(1000, 'f');
    while (channel.bytesToWrite() < 100 * message.size()) {
        QVERIFY(channel.send(message));
    }
}

}  // namespace

class ChannelRoomTest : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void initTestCase_data() { over_each_transport(); }

    void a_channel_without_room_leaves_the_loop_alone() {
        Program mute(QStringLiteral("mute"), QStringLiteral("?ring=16KiB"));
        fill(*mute.channel);
        QSignalSpy messages(mute.channel.get(), &Channel::messageReceived);
        EVENTUALLY(messages.count() == 1);
        QVERIFY(turns_in(300) < few_turns);
        const auto waiting = mute.channel->bytesToWrite();
        QVERIFY(waiting > 0);
        mute.channel->close();  // which waits for room too
        QVERIFY(turns_in(300) < few_turns);
        QCOMPARE(mute.channel->state(), Channel::Closing);
    }

    void a_channel_with_room_leaves_the_loop_alone() {
        Ends ends(QStringLiteral("?ring=16KiB"));
        int received = 0;
        connect(ends.there.get(), &Channel::messageReceived, this, [&] { ++received; });
        fill(ends.here);
        QVERIFY(ends.here.send(QByteArray(1 << 20, 'l')));
        const auto sent = int(ends.here.stats().messages_sent);
        EVENTUALLY(ends.here.bytesToWrite() == 0 && received > sent);
        QVERIFY(turns_in(300) < few_turns);
    }

    void what_others_threads_send_goes_out() {
        Ends ends(QStringLiteral("?ring=16KiB"));
        fill(ends.here);
        int received = 0;
        connect(ends.there.get(), &Channel::messageReceived, this, [&] { ++received; });
        EVENTUALLY(ends.here.bytesToWrite() == 0);
        // Each time something waits anew, and only the other thread knows.
        for (int round = 0; round < 50; ++round) {
            std::thread sending([&] { fill(ends.here); });
            sending.join();
            QVERIFY(ends.here.bytesToWrite() > 0);
            EVENTUALLY(ends.here.bytesToWrite() == 0);
        }
        const auto sent = int(ends.here.stats().messages_sent);
        EVENTUALLY_IS(received, sent);
    }

    void a_reply_waits_for_room_too() {
        Ends ends(QStringLiteral("?ring=16KiB"));
        treenail::qt::Request request;
        connect(ends.there.get(), &Channel::requestReceived, this,
                [&](const treenail::qt::Request& question) { request = question; });
        QByteArray answer;
        ends.here.request(0, "?", [&](const treenail::qt::Reply& reply) { answer = reply.data; });
        EVENTUALLY(!request.data().isNull());
        fill(*ends.there);
        EVENTUALLY(ends.there->bytesToWrite() == 0);
        const QByteArray much(100000, 'a');
        while (ends.there->bytesToWrite() == 0) {
            QVERIFY(ends.there->send(QByteArray(1000, 'b')));
        }
        QVERIFY(request.reply(much));
        EVENTUALLY_IS(answer, much);
        QCOMPARE(ends.there->bytesToWrite(), qint64(0));
    }

    void connecting_again_with_something_left_over() {
        treenail::qt::Listener listener;
        QVERIFY(listener.listen(unused_endpoint(QStringLiteral("?ring=16KiB"))));
        Channel channel;
        QSignalSpy connected(&channel, &Channel::connected);
        for (int round = 1; round <= 3; ++round) {
            QVERIFY(channel.connectTo(listener.endpoint() + QStringLiteral("?ring=16KiB")));
            EVENTUALLY_IS(connected.count(), round);
            std::thread sending([&] { fill(channel); });
            sending.join();
            channel.abort();  // with the thread's word that something waits still on its way
        }
    }

    void the_end_is_found_while_there_is_no_room() {
        Program mute(QStringLiteral("mute"), QStringLiteral("?ring=16KiB"));
        QSignalSpy disconnected(mute.channel.get(), &Channel::disconnected);
        fill(*mute.channel);
        mute.process.kill();
        EVENTUALLY_IS(disconnected.count(), 1);
        QVERIFY(turns_in(300) < few_turns);
    }
};

QTEST_GUILESS_MAIN(ChannelRoomTest)
#include "channel_room.moc"
