/// Bytes between sockets: how they are written, gathered, counted, announced and read.

#include "local_types.hpp"

#include <QDataStream>
#include <QEventLoop>
#include <QRandomGenerator>
#include <QTimer>

#include <cstring>

namespace {

QByteArray noise(int size) {
    QByteArray bytes(size, Qt::Uninitialized);
    QRandomGenerator generator(42);
    for (int i = 0; i + 4 <= size; i += 4) {
        const auto word = generator.generate();
        std::memcpy(bytes.data() + i, &word, 4);
    }
    return bytes;
}

/// Sends, and waits until it is all there.
template <class Socket>
void deliver(Socket& from, Socket& to, const QByteArray& bytes) {
    const auto wanted = to.bytesAvailable() + bytes.size();
    QCOMPARE(from.write(bytes), qint64(bytes.size()));
    QTRY_COMPARE_WITH_TIMEOUT(to.bytesAvailable(), wanted, patience);
}

}  // namespace

class LocalBytesTest : public QObject {
    Q_OBJECT

private slots:
    void bytes_are_gathered_and_announced() {
        Pair pair("gathered");
        Log client(pair.client), accepted(*pair.accepted);
        for (int i = 0; i < 100; ++i) {
            QCOMPARE(pair.client.write("0123456789"), qint64(10));
        }
        QCOMPARE(pair.client.bytesToWrite(), qint64(1000));
        QCOMPARE(client.take(), QByteArrayList());
        QCOMPARE(read_bytes(*pair.accepted, 1000), QByteArray("0123456789").repeated(100));
        QTRY_COMPARE_WITH_TIMEOUT(client.written, qint64(1000), patience);
        QCOMPARE(pair.client.bytesToWrite(), qint64(0));
        QCOMPARE(client.take(), QByteArrayList({"bytesWritten"}));
        QCOMPARE(accepted.take(), QByteArrayList({"readyRead"}));
    }

    void both_ways() {
        Pair pair("both");
        const auto forth = noise(300000), back = noise(500000);
        pair.client.write(forth);
        pair.accepted->write(back);
        QCOMPARE(read_bytes(*pair.accepted, forth.size()), forth);
        QCOMPARE(read_bytes(pair.client, back.size()), back);
    }

    void flush_sends_at_once() {
        Pair pair("flush");
        Log log(pair.client);
        QVERIFY(!pair.client.flush());
        pair.client.write("now");
        QVERIFY(pair.client.flush());
        QCOMPARE(log.take(), QByteArrayList({"bytesWritten"}));
        QCOMPARE(pair.client.bytesToWrite(), qint64(0));
        QVERIFY(!pair.client.flush());
        QVERIFY(pair.accepted->waitForReadyRead(patience));
        QCOMPARE(pair.accepted->readAll(), QByteArray("now"));
    }

    void what_is_written_while_waiting_goes_out() {
        Pair pair("waiting");
        pair.client.write("question");
        QVERIFY(!pair.client.waitForReadyRead(20));
        QCOMPARE(int(pair.client.error()), int(Socket::SocketTimeoutError));
        QCOMPARE(pair.client.errorString(), QString("QLocalSocket: Socket operation timed out"));
        QCOMPARE(int(pair.client.state()), int(Socket::ConnectedState));
        QVERIFY(pair.accepted->waitForReadyRead(patience));
        QCOMPARE(pair.accepted->readAll(), QByteArray("question"));
    }

    void waiting_for_bytes_written() {
        Pair pair("written");
        Log log(pair.client);
        QVERIFY(!pair.client.waitForBytesWritten(20));
        pair.client.write("bytes");
        QVERIFY(pair.client.waitForBytesWritten(patience));
        QCOMPARE(log.take(), QByteArrayList({"bytesWritten"}));
        QCOMPARE(log.written, qint64(5));
        QVERIFY(!pair.client.waitForBytesWritten(20));
    }

    void a_wait_ends_in_time() {
        Pair pair("in-time");
        Log log(pair.client);
        QElapsedTimer timer;
        timer.start();
        QVERIFY(!pair.client.waitForReadyRead(50));
        QVERIFY(timer.elapsed() >= 49);
        QCOMPARE(log.take(), QByteArrayList({"error 5"}));
        QVERIFY(!pair.client.waitForDisconnected(50));
        QCOMPARE(log.take(), QByteArrayList({"error 5"}));
        QVERIFY(!pair.client.waitForReadyRead(0));
    }

    void reading_part_by_part() {
        Pair pair("parts");
        deliver(pair.client, *pair.accepted, "abcdefghij");
        auto& socket = *pair.accepted;
        QCOMPARE(socket.read(3), QByteArray("abc"));
        QCOMPARE(socket.bytesAvailable(), qint64(7));
        QCOMPARE(socket.peek(2), QByteArray("de"));
        char c = 0;
        QVERIFY(socket.getChar(&c));
        QCOMPARE(c, 'd');
        socket.ungetChar('D');
        QCOMPARE(socket.skip(1), qint64(1));
        QVERIFY(!socket.atEnd());
        QCOMPARE(socket.readAll(), QByteArray("efghij"));
        QVERIFY(socket.atEnd());
        QCOMPARE(socket.read(&c, 1), qint64(0));
        QCOMPARE(socket.read(0), QByteArray());
        QVERIFY(!socket.getChar(&c));
    }

    void reading_line_by_line() {
        Pair pair("lines");
        auto& socket = *pair.accepted;
        deliver(pair.client, socket, "no end");
        QVERIFY(!socket.canReadLine());
        deliver(pair.client, socket, " yet\n\nthird\nrest");
        QVERIFY(socket.canReadLine());
        QCOMPARE(socket.readLine(), QByteArray("no end yet\n"));
        QCOMPARE(socket.readLine(), QByteArray("\n"));
        QVERIFY(socket.canReadLine());
        char line[4];
        QCOMPARE(socket.readLine(line, sizeof line), qint64(3));
        QCOMPARE(QByteArray(line), QByteArray("thi"));
        QCOMPARE(socket.readLine(), QByteArray("rd\n"));
        QVERIFY(!socket.canReadLine());
        QCOMPARE(socket.readLine(), QByteArray("rest"));
        QCOMPARE(socket.readLine(), QByteArray());
        const auto long_line = QByteArray(100000, 'l') + '\n';
        deliver(pair.client, socket, long_line + "next");
        QCOMPARE(socket.readLine(), long_line);
    }

    void transactions_put_back_what_is_not_whole() {
        Pair pair("transactions");
        QByteArray block;
        QDataStream out(&block, QIODevice::WriteOnly);
        out << QString("a text") << QByteArray(50000, 'd');
        deliver(pair.client, *pair.accepted, block.left(20000));
        QDataStream in(pair.accepted.get());
        QString text;
        QByteArray bytes;
        in.startTransaction();
        in >> text >> bytes;
        QVERIFY(!in.commitTransaction());
        deliver(pair.client, *pair.accepted, block.mid(20000));
        in.startTransaction();
        in >> text >> bytes;
        QVERIFY(in.commitTransaction());
        QCOMPARE(text, QString("a text"));
        QCOMPARE(bytes, QByteArray(50000, 'd'));
        QCOMPARE(pair.accepted->bytesAvailable(), qint64(0));
    }

    void a_read_buffer_s_size_is_never_exceeded() {
        Pair pair("buffer");
        auto& socket = *pair.accepted;
        socket.setReadBufferSize(1000);
        QCOMPARE(socket.readBufferSize(), qint64(1000));
        const auto bytes = noise(4 << 20);
        pair.client.write(bytes);
        QTRY_COMPARE_WITH_TIMEOUT(socket.bytesAvailable(), qint64(1000), patience);
        QTest::qWait(50);
        QCOMPARE(socket.bytesAvailable(), qint64(1000));
        QVERIFY(pair.client.bytesToWrite() > 0);
        QByteArray received;
        QElapsedTimer timer;
        timer.start();
        while (received.size() < 200000 && timer.elapsed() < patience) {
            QCoreApplication::processEvents(QEventLoop::AllEvents, 10);
            QVERIFY(socket.bytesAvailable() <= 1000);
            received += socket.readAll();
        }
        socket.setReadBufferSize(0);
        received += read_bytes(socket, bytes.size() - received.size());
        QVERIFY(received == bytes);
        QTRY_COMPARE_WITH_TIMEOUT(pair.client.bytesToWrite(), qint64(0), patience);
    }

    /// Neither reads; so neither may wait for the other for ever.
    void a_full_reader_still_writes() {
        Pair pair("full");
        pair.client.setReadBufferSize(100);
        pair.accepted->write(noise(4 << 20));
        QTRY_COMPARE_WITH_TIMEOUT(pair.client.bytesAvailable(), qint64(100), patience);
        const auto bytes = noise(4 << 20);
        pair.client.write(bytes);
        QVERIFY(read_bytes(*pair.accepted, bytes.size()) == bytes);
    }

    void big_transfers() {
        Pair pair("big");
        const auto bytes = noise(64 << 20);
        Log log(pair.client);
        QCOMPARE(pair.client.write(bytes), qint64(bytes.size()));
        QCOMPARE(pair.client.bytesToWrite(), qint64(bytes.size()));
        QVERIFY(read_bytes(*pair.accepted, bytes.size()) == bytes);
        QTRY_COMPARE_WITH_TIMEOUT(log.written, qint64(bytes.size()), patience);
    }

    void ready_read_does_not_recurse() {
        Pair pair("recursion");
        auto& socket = *pair.accepted;
        int depth = 0, deepest = 0, times = 0;
        connect(&socket, &Socket::readyRead, &socket, [&] {
            deepest = std::max(deepest, ++depth);
            if (++times == 1) {
                pair.client.write("second");
                pair.client.flush();
                QVERIFY(socket.waitForReadyRead(patience));
            }
            --depth;
        });
        pair.client.write("first");
        pair.client.flush();
        QTRY_COMPARE_WITH_TIMEOUT(socket.bytesAvailable(), qint64(11), patience);
        QCOMPARE(deepest, 1);
    }

    void bytes_written_does_not_recurse() {
        Pair pair("written-recursion");
        int depth = 0, deepest = 0, times = 0;
        connect(&pair.client, &Socket::bytesWritten, &pair.client, [&] {
            deepest = std::max(deepest, ++depth);
            if (++times < 5) {
                pair.client.write("more");
                pair.client.flush();
            }
            --depth;
        });
        pair.client.write("more");
        QTRY_VERIFY_WITH_TIMEOUT(pair.accepted->bytesAvailable() >= 8, patience);
        QCOMPARE(deepest, 1);
    }

    /// A dialog's event loop in a slot must get what that slot has asked for.
    void an_event_loop_inside_a_slot_goes_on() {
        Pair pair("nested");
        connect(pair.accepted.get(), &Socket::readyRead, pair.accepted.get(),
                [&] { pair.accepted->write(pair.accepted->readAll()); });
        QByteArray answer;
        connect(&pair.client, &Socket::readyRead, &pair.client, [&] {
            if (pair.client.bytesAvailable() < 5) {
                pair.client.read(1);
                for (int i = 0; i < 2; ++i) {
                    QEventLoop loop;
                    QTimer::singleShot(patience, &loop, &QEventLoop::quit);
                    pair.client.write("again");
                    while (pair.client.bytesAvailable() < 5 * (i + 1) && answer.isEmpty()) {
                        loop.processEvents(QEventLoop::WaitForMoreEvents);
                    }
                }
                answer = pair.client.readAll();
            }
        });
        pair.client.write("1");
        QTRY_COMPARE_WITH_TIMEOUT(answer, QByteArray("againagain"), 2 * patience);
    }

    void a_slot_may_end_the_event_loop_of_a_dialogue() {
        Pair pair("dialogue");
        int rounds = 0;
        connect(pair.accepted.get(), &Socket::readyRead, pair.accepted.get(),
                [&] { pair.accepted->write(pair.accepted->readAll()); });
        QEventLoop loop;
        connect(&pair.client, &Socket::readyRead, &pair.client, [&] {
            const auto answer = pair.client.readAll();
            ++rounds < 1000 ? void(pair.client.write(answer)) : loop.quit();
        });
        QTimer::singleShot(patience, &loop, &QEventLoop::quit);
        pair.client.write("ping");
        loop.exec();
        QCOMPARE(rounds, 1000);
    }

    void nothing_is_written_before_and_after() {
        Socket socket;
        QCOMPARE(socket.write("early"), qint64(-1));
        Pair pair("after");
        pair.client.disconnectFromServer();
        QCOMPARE(pair.client.write("late"), qint64(-1));
        QCOMPARE(pair.client.bytesToWrite(), qint64(0));
        QCOMPARE(int(pair.client.error()), int(Socket::UnknownSocketError));
    }

    void empty_writes_are_nothing() {
        Pair pair("empty");
        Log log(pair.client);
        QCOMPARE(pair.client.write(QByteArray()), qint64(0));
        QVERIFY(!pair.client.flush());
        QCOMPARE(log.take(), QByteArrayList());
    }

    void what_is_written_after_a_wait_goes_out_by_itself() {
        Server server;
        QVERIFY(server.listen(name_of("after-waits")));
        Socket client;
        client.connectToServer(name_of("after-waits"));
        QTRY_VERIFY_WITH_TIMEOUT(server.hasPendingConnections(), patience);
        auto* accepted = server.nextPendingConnection();
        Socket* both[] = {&client, accepted, &client};
        for (int i = 0; i < 2; ++i) {
            for (int wait = 0; wait < 4; ++wait) {
                QTest::qWait(20);  // nothing is left to do
                auto& socket = *both[i];
                switch (wait) {
                case 0: QVERIFY(socket.waitForConnected(10)); break;
                case 1: QVERIFY(!socket.waitForReadyRead(0)); break;
                case 2: QVERIFY(!socket.waitForReadyRead(20)); break;
                case 3: QVERIFY(!socket.waitForDisconnected(1)); break;
                }
                socket.write("later");
                QTRY_COMPARE_WITH_TIMEOUT(both[i + 1]->bytesAvailable(), qint64(5), patience);
                QCOMPARE(both[i + 1]->readAll(), QByteArray("later"));
            }
        }
    }
};

LOCAL_TEST_MAIN(LocalBytesTest)
#include "local_bytes.moc"
