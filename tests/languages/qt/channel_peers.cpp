// Channel with other programs at the other end: in C and in Python, slow ones, and dying ones.
#include "ends.hpp"

#include <QElapsedTimer>

#include <algorithm>
#include <csignal>
#include <vector>

using treenail::Status;
using treenail::qt::Channel;
using treenail::qt::Reply;
using treenail::qt::Request;

class ChannelPeersTest : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void initTestCase_data() { over_each_transport(); }

    void c_echoes() {
        Program program(QStringLiteral("echo"));
        auto& channel = *program.channel;
        QSignalSpy messages(&channel, &Channel::messageReceived);
        QSignalSpy disconnected(&channel, &Channel::disconnected);
        QCOMPARE(channel.peer().pid(), std::int64_t(program.process.processId()));
        QVERIFY(channel.send(5, "to C"));
        QVERIFY(channel.send(6, QByteArray(3 << 20, 'b')));
        const auto reply = channel.request(7, "and a question");
        EVENTUALLY(messages.count() == 2 && reply.isFinished());
        QCOMPARE(messages[0][0].toByteArray(), QByteArray("to C"));
        QCOMPARE(messages[0][1].toUInt(), 5u);
        QCOMPARE(messages[1][0].toByteArray(), QByteArray(3 << 20, 'b'));
        QCOMPARE(reply.result(), QByteArray("and a question"));
        channel.close();
        QVERIFY(program.process.waitForFinished(soon));
        QCOMPARE(program.process.exitCode(), 0);  // a close in good order
        QCOMPARE(disconnected.count(), 1);
    }

    void c_asks() {
        Program program(QStringLiteral("ask"));
        QSignalSpy messages(program.channel.get(), &Channel::messageReceived);
        connect(program.channel.get(), &Channel::requestReceived, this, [](const Request& request) {
            QCOMPARE(request.tag(), 7u);
            QVERIFY(request.reply(request.data() + " answered"));
        });
        EVENTUALLY(messages.count() == 1);
        QCOMPARE(messages[0][0].toByteArray(), QByteArray("question answered"));
    }

    void a_slow_reader_gets_64_mib_and_the_loop_turns() {
        constexpr int size = 256 << 10, count = 256;
        Program program(QStringLiteral("slow"));
        auto& channel = *program.channel;
        channel.setMaxBytesToWrite(qint64(count) * (size + Channel::CostPerMessage));
        QSignalSpy messages(&channel, &Channel::messageReceived);
        qint64 most = 0, written = 0;
        connect(&channel, &Channel::bytesWritten, this, [&](qint64 bytes) { written += bytes; });
        for (int i = 0; i < count; ++i) {
            QVERIFY(channel.send(QByteArray(size, 's')));
            most = std::max(most, channel.bytesToWrite());
        }
        QVERIFY(channel.send(""));
        QVERIFY2(most > qint64(count) * size / 2, qPrintable(QString::number(most)));
        EVENTUALLY(messages.count() == 1);
        QCOMPARE(messages[0][0].toLongLong(), qint64(count) * size);
        QCOMPARE(channel.bytesToWrite(), qint64(0));
        QVERIFY(written > 0 && written <= qint64(count) * size);
    }

    void a_killed_peer_is_noticed() {
        Program program(QStringLiteral("mute"));
        auto& channel = *program.channel;
        QSignalSpy messages(&channel, &Channel::messageReceived);
        QSignalSpy disconnected(&channel, &Channel::disconnected);
        QSignalSpy errors(&channel, &Channel::errorOccurred);
        EVENTUALLY(messages.count() == 1);
        for (int i = 0; i < 100; ++i) {
            QVERIFY(channel.send(QByteArray(100 << 10, 'k')));  // most of which waits
        }
        const auto asked = channel.request(0, "to the dead");
        QElapsedTimer since;
        kill(pid_t(program.process.processId()), SIGKILL);
        since.start();
        EVENTUALLY(disconnected.count() == 1);
        QVERIFY2(since.elapsed() < 5000, qPrintable(QString::number(since.elapsed())));
        QCOMPARE(errors.count(), 1);
        QCOMPARE(errors[0][0].value<Status>(), Status::peer_lost);
        QVERIFY(asked.isFinished());
        QCOMPARE(channel.error(), Status::peer_lost);
        QCOMPARE(channel.bytesToWrite(), qint64(0));
        QVERIFY(!channel.send("gone"));
    }

    void a_flood_leaves_timers_their_time() {
        QVERIFY(timers_keep_their_time(QStringLiteral("flood"), 10000));
    }
    void a_conversation_leaves_timers_their_time() {
        QVERIFY(timers_keep_their_time(QStringLiteral("echo"), 1000));
    }

private:
    /// Whether they do while the program at the other end sends at least so many messages. Others
    /// may disturb a measurement, but not each of them by chance.
    bool timers_keep_their_time(const QString& mode, quint64 least) {
        for (int i = 0; i < 5; ++i) {
            const auto quiet = gaps();
            Program program(mode);
            auto& channel = *program.channel;
            quint64 received = 0;
            connect(&channel, &Channel::messageReceived, this, [&](const QByteArray& data) {
                ++received;
                if (mode == QLatin1String("echo")) {
                    channel.send(data);
                }
            });
            if (!channel.send("go") || !QTest::qWaitFor([&] { return received > 0; }, soon)) {
                return false;
            }
            const auto before = received;
            const auto busy = gaps();
            qInfo("gaps of %lld us, and %lld us alone; %llu messages", busy / 1000, quiet / 1000,
                  received - before);
            if (busy <= 3 * quiet && received - before > least) {
                return true;
            }
        }
        return false;
    }

    /// The 95th percentile of the gaps of a timer of 10 ms, in nanoseconds.
    static qint64 gaps() {
        std::vector<qint64> gaps;
        QElapsedTimer clock;
        QTimer timer;
        timer.setTimerType(Qt::PreciseTimer);
        QEventLoop loop;
        connect(&timer, &QTimer::timeout, &loop, [&] {
            gaps.push_back(clock.nsecsElapsed());
            clock.start();
            if (gaps.size() == 100) {
                loop.quit();
            }
        });
        clock.start();
        timer.start(10);
        loop.exec();
        std::sort(gaps.begin(), gaps.end());
        return gaps[gaps.size() * 95 / 100];
    }
};

QTEST_GUILESS_MAIN(ChannelPeersTest)
#include "channel_peers.moc"
