/// Sockets that can't write, or may not read, wait for that without keeping the event loop awake.

#include "local_types.hpp"
#include "loop_turns.hpp"

#include <QSemaphore>
#include <QThread>

#include <poll.h>

namespace {

int polls = 0;

}  // namespace

/// Counts how often a call that waits looks again.
extern "C" int poll(pollfd* fds, nfds_t count, int ms) {
    ++polls;
    const timespec time{ms / 1000, ms % 1000 * 1000000L};
    return ppoll(fds, count, ms < 0 ? nullptr : &time, nullptr);
}

class LocalRoomTest : public QObject {
    Q_OBJECT

private slots:
    void two_full_readers_leave_the_loop_alone() {
        Pair pair("both-full");
        pair.client.setReadBufferSize(100);
        pair.accepted->setReadBufferSize(100);
        const QByteArray bytes(4 << 20, 'b');
        pair.client.write(bytes);
        pair.accepted->write(bytes);
        QTRY_VERIFY_WITH_TIMEOUT(
            pair.client.bytesAvailable() == 100 && pair.accepted->bytesAvailable() == 100, patience);
        turns_in(100);  // until the kernel has what it takes
        QVERIFY(pair.client.bytesToWrite() > 0);
        QVERIFY(turns_in(300) < few_turns);
        pair.client.setReadBufferSize(0);
        pair.accepted->setReadBufferSize(0);
        QVERIFY(read_bytes(pair.client, bytes.size()) == bytes);
        QVERIFY(read_bytes(*pair.accepted, bytes.size()) == bytes);
        QTRY_COMPARE_WITH_TIMEOUT(pair.client.bytesToWrite(), qint64(0), patience);
        QVERIFY(turns_in(300) < few_turns);
    }

    void writing_waits_for_a_reader() {
        Pair pair("reader");
        const QByteArray bytes(8 << 20, 'w');
        pair.client.write(bytes);
        while (pair.client.waitForBytesWritten(0)) {
        }
        QVERIFY(pair.client.bytesToWrite() > 0);
        qint64 there = 0;
        while (pair.client.bytesToWrite() > 0) {
            QVERIFY(pair.accepted->waitForReadyRead(patience));
            there += pair.accepted->readAll().size();
            pair.client.waitForBytesWritten(0);
        }
        while (there < bytes.size()) {
            QVERIFY(pair.accepted->waitForReadyRead(patience));
            there += pair.accepted->readAll().size();
        }
        QCOMPARE(there, qint64(bytes.size()));
    }

    void a_wait_for_the_answer_sends_the_question() {
        const QByteArray question(8 << 20, 'q');
        QSemaphore listens;
        std::unique_ptr<QThread> answering(QThread::create([&] {
            Server server;
            server.listen(name_of("answer"));
            listens.release();
            server.waitForNewConnection(patience);
            std::unique_ptr<Socket> socket(server.nextPendingConnection());
            qint64 asked = 0;
            while (asked < question.size() && socket->waitForReadyRead(patience)) {
                asked += socket->readAll().size();
            }
            socket->write("answer");
            socket->waitForBytesWritten(patience);
            socket->waitForDisconnected(patience);
        }));
        answering->start();
        listens.acquire();
        Socket client;
        client.connectToServer(name_of("answer"));
        client.write(question);
        const bool is_answered = client.waitForReadyRead(patience);
        const auto answer = client.readAll();
        client.disconnectFromServer();
        answering->wait();
        QVERIFY(is_answered);
        QCOMPARE(answer, QByteArray("answer"));
    }

    void waiting_for_a_server_that_is_busy_sleeps() {
        QSemaphore listens, ends;
        std::unique_ptr<QThread> busy(QThread::create([&] {
            Server server;
            server.listen(name_of("busy"));
            listens.release();
            ends.acquire();
        }));
        busy->start();
        listens.acquire();
        Socket client;
        client.connectToServer(name_of("busy"));
        polls = 0;
        client.waitForConnected(300);
        client.write("question");
        const bool is_answered = client.waitForReadyRead(300);
        const bool is_left = client.waitForDisconnected(300);
        const int looks = polls;
        ends.release();
        busy->wait();
        QVERIFY(!is_answered && !is_left);
        QVERIFY(looks < few_turns);
    }

    void a_full_reader_that_can_not_write_leaves_the_end_for_later() {
        if (is_genuine) {
            QSKIP("Qt's socket tells of the end of a full reader at once");
        }
        Pair pair("end");
        pair.client.setReadBufferSize(100);
        const QByteArray bytes(1000, 'b');
        pair.accepted->write(bytes);
        QTRY_COMPARE_WITH_TIMEOUT(pair.client.bytesAvailable(), qint64(100), patience);
        pair.accepted->disconnectFromServer();
        QTRY_COMPARE_WITH_TIMEOUT(int(pair.accepted->state()), int(Socket::UnconnectedState),
                                  patience);
        pair.client.write("in vain");
        QVERIFY(turns_in(300) < few_turns);
        QVERIFY(!pair.client.waitForBytesWritten(-1));
        QCOMPARE(read_bytes(pair.client, bytes.size()), bytes);
        QTRY_COMPARE_WITH_TIMEOUT(int(pair.client.state()), int(Socket::UnconnectedState), patience);
    }
};

LOCAL_TEST_MAIN(LocalRoomTest)
#include "local_room.moc"
