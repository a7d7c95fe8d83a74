/// How connections end, in good order and not, and what may be done in the slots meanwhile.

#include "local_types.hpp"

#include <QPointer>
#include <QProcess>

namespace {

/// A process of this program that connects, sends four bytes, and then never ends by itself.
class Peer {
public:
    explicit Peer(const QString& name) {
        process_.start(QCoreApplication::applicationFilePath(), {"peer", name});
    }
    ~Peer() { end(); }

    void end() {
        process_.kill();
        process_.waitForFinished(patience);
    }

private:
    QProcess process_;
};

int be_peer(const QString& name) {
    Socket socket;
    socket.connectToServer(name);
    socket.waitForConnected(patience);
    socket.write("here");
    socket.waitForBytesWritten(patience);
    return QCoreApplication::exec();
}

}  // namespace

class LocalEndsTest : public QObject {
    Q_OBJECT

private slots:
    void leaving_is_told_step_by_step() {
        Pair pair("leaving");
        Log client(pair.client), accepted(*pair.accepted);
        pair.client.disconnectFromServer();
        QCOMPARE(client.take(), left_well);
        QCOMPARE(int(pair.client.state()), int(Socket::UnconnectedState));
        QCOMPARE(int(pair.client.error()), int(Socket::UnknownSocketError));
        QVERIFY(pair.client.isOpen());
        QVERIFY(pair.client.isValid());
        QVERIFY(pair.client.serverName().isEmpty());
        QCOMPARE(pair.client.socketDescriptor(), qintptr(-1));
        QTRY_VERIFY_WITH_TIMEOUT(accepted.has("disconnected"), patience);
        QCOMPARE(accepted.take(), lost_peer);
        QCOMPARE(int(pair.accepted->error()), int(Socket::PeerClosedError));
        QCOMPARE(pair.accepted->errorString(), QString("QLocalSocket: Remote closed"));
        QVERIFY(pair.accepted->isOpen());
    }

    void what_was_written_arrives_before_the_end() {
        Pair pair("before-the-end");
        Log client(pair.client), accepted(*pair.accepted);
        pair.client.write(QByteArray(1 << 20, 'x'));
        pair.client.disconnectFromServer();
        QCOMPARE(int(pair.client.state()), int(Socket::ClosingState));
        QTRY_VERIFY_WITH_TIMEOUT(accepted.has("disconnected"), patience);
        QCOMPARE(client.take(), QByteArrayList({"state 6", "bytesWritten", "state 0",
                                                "readChannelFinished", "disconnected"}));
        QCOMPARE(accepted.take(), QByteArrayList({"readyRead"}) + lost_peer);
        QCOMPARE(pair.accepted->bytesAvailable(), qint64(1 << 20));
        QCOMPARE(pair.accepted->readAll(), QByteArray(1 << 20, 'x'));
        char c = 0;
        QCOMPARE(pair.accepted->read(&c, 1), qint64(-1));
    }

    void waiting_for_the_end() {
        Pair pair("waiting");
        Log accepted(*pair.accepted);
        pair.client.write("last words");
        pair.client.disconnectFromServer();
        QVERIFY(pair.client.waitForDisconnected(patience));
        QVERIFY(pair.accepted->waitForDisconnected(patience));
        QCOMPARE(accepted.take(), QByteArrayList({"readyRead"}) + lost_peer);
        QCOMPARE(pair.accepted->readAll(), QByteArray("last words"));
    }

    void waiting_for_bytes_finds_the_end() {
        Pair pair("finds");
        Log accepted(*pair.accepted);
        pair.client.disconnectFromServer();
        QVERIFY(!pair.accepted->waitForReadyRead(patience));
        QCOMPARE(accepted.take(), lost_peer);
        QVERIFY(!pair.accepted->waitForReadyRead(patience));
    }

    void closing_ends_the_device_too() {
        Pair pair("closing");
        pair.accepted->write("unread");
        pair.accepted->flush();
        QVERIFY(pair.client.waitForReadyRead(patience));
        Log client(pair.client);
        pair.client.close();
        QVERIFY(client.has("disconnected"));
        QVERIFY(!pair.client.isOpen());
        QVERIFY(!pair.client.isValid());
        QCOMPARE(pair.client.bytesAvailable(), qint64(0));
        QVERIFY(pair.accepted->waitForDisconnected(patience));
    }

    void closing_sends_what_was_written() {
        Pair pair("closing-sends");
        Log client(pair.client);
        pair.client.write(QByteArray(1 << 20, 'x'));
        pair.client.close();
        QCOMPARE(int(pair.client.state()), int(Socket::ClosingState));
        QCOMPARE(read_bytes(*pair.accepted, 1 << 20), QByteArray(1 << 20, 'x'));
        QTRY_VERIFY_WITH_TIMEOUT(client.has("disconnected"), patience);
        QCOMPARE(client.written, qint64(1 << 20));
    }

    /// What is open then, and what is said, is another thing in each Qt.
    void closing_and_aborting_are_told_as_by_qt_s_data() {
        QTest::addColumn<bool>("aborts");
        QTest::addColumn<bool>("writes");
        for (const bool aborts : {false, true}) {
            for (const bool writes : {false, true}) {
                QTest::addRow("%s, %s", aborts ? "abort" : "close", writes ? "bytes left" : "no bytes")
                    << aborts << writes;
            }
        }
    }
    void closing_and_aborting_are_told_as_by_qt_s() {
        QFETCH(bool, aborts);
        QFETCH(bool, writes);
        Pair pair("told");
        QLocalServer server;
        QVERIFY(server.listen(name_of("told-qt")));
        QLocalSocket qt;
        qt.connectToServer(name_of("told-qt"));
        Log ours(pair.client);
        Log qt_s(qt);
        if (writes) {
            pair.client.write("bytes");
            qt.write("bytes");
        }
        aborts ? pair.client.abort() : pair.client.close();
        aborts ? qt.abort() : qt.close();
        QCOMPARE(pair.client.isOpen(), qt.isOpen());
        QCOMPARE(pair.client.isValid(), qt.isValid());
        QTRY_COMPARE_WITH_TIMEOUT(int(pair.client.state()), int(Socket::UnconnectedState), patience);
        QTRY_COMPARE_WITH_TIMEOUT(int(qt.state()), int(QLocalSocket::UnconnectedState), patience);
        QCOMPARE(ours.take(), qt_s.take());
    }

    void aborting_drops_what_was_written() {
        Pair pair("aborting");
        pair.client.write("never sent");
        pair.client.abort();
        QCOMPARE(pair.client.bytesToWrite(), qint64(0));
        QVERIFY(pair.accepted->waitForDisconnected(patience));
        QVERIFY(pair.accepted->readAll().isEmpty());
    }

    void destroying_ends_the_connection() {
        Pair pair("destroying");
        auto client = std::make_unique<Socket>();
        client->connectToServer(name_of("destroying"));
        QVERIFY(pair.server.waitForNewConnection(patience));
        const std::unique_ptr<Socket> accepted(pair.server.nextPendingConnection());
        client->write("flushed");
        QVERIFY(client->flush());
        client.reset();
        QVERIFY(accepted->waitForDisconnected(patience));
        QCOMPARE(accepted->readAll(), QByteArray("flushed"));
    }

    void connecting_again_in_the_slot_of_the_end() {
        Pair pair("again");
        int times = 0;
        connect(&pair.client, &Socket::disconnected, &pair.client, [&] {
            if (++times < 3) {
                pair.client.connectToServer(name_of("again"));
            }
        });
        pair.accepted.reset();
        for (int i = 1; i < 3; ++i) {
            QTRY_COMPARE_WITH_TIMEOUT(times, i, patience);
            QTRY_VERIFY_WITH_TIMEOUT(pair.server.hasPendingConnections(), patience);
            QCOMPARE(int(pair.client.state()), int(Socket::ConnectedState));
            delete pair.server.nextPendingConnection();
        }
        QTRY_COMPARE_WITH_TIMEOUT(times, 3, patience);
        QCOMPARE(int(pair.client.state()), int(Socket::UnconnectedState));
    }

    void deleting_in_a_slot_data() {
        QTest::addColumn<QByteArray>("signal");
        for (const char* signal : {"readyRead", "disconnected", "stateChanged", "errorOccurred",
                                   "readChannelFinished", "bytesWritten"}) {
            QTest::newRow(signal) << QByteArray(signal);
        }
    }
    void deleting_in_a_slot() {
        QFETCH(QByteArray, signal);
        Pair pair("deleting");
        QPointer<Socket> socket(pair.accepted.release());
        // Of Qt's own class that is said to need deleteLater.
        const auto destroy = [socket] { is_genuine ? socket->deleteLater() : delete socket; };
        if (signal == "readyRead") {
            connect(socket.data(), &Socket::readyRead, this, destroy);
        } else if (signal == "disconnected") {
            connect(socket.data(), &Socket::disconnected, this, destroy);
        } else if (signal == "stateChanged") {
            connect(socket.data(), &Socket::stateChanged, this, destroy);
        } else if (signal == "errorOccurred") {
            connect(socket.data(), &Socket::errorOccurred, this, destroy);
        } else if (signal == "readChannelFinished") {
            connect(socket.data(), &Socket::readChannelFinished, this, destroy);
        } else {
            connect(socket.data(), &Socket::bytesWritten, this, destroy);
        }
        socket->write("something");
        if (signal != "bytesWritten") {
            pair.client.write("something");
            pair.client.disconnectFromServer();
        }
        QTRY_VERIFY_WITH_TIMEOUT(socket.isNull(), patience);
    }

    void deleting_the_server_in_its_slot() {
        auto* server = new Server;
        QPointer<Server> watched(server);
        QVERIFY(server->listen(name_of("server")));
        connect(server, &Server::newConnection, this,
                [server] { is_genuine ? server->deleteLater() : delete server; });
        Socket socket;
        socket.connectToServer(name_of("server"));
        QTRY_VERIFY_WITH_TIMEOUT(watched.isNull(), patience);
        QTRY_COMPARE_WITH_TIMEOUT(int(socket.state()), int(Socket::UnconnectedState), patience);
    }

    void a_killed_peer_shows() {
        Server server;
        QVERIFY(server.listen(name_of("killed")));
        Peer peer(name_of("killed"));
        QVERIFY(server.waitForNewConnection(patience));
        auto* socket = server.nextPendingConnection();
        QCOMPARE(read_bytes(*socket, 4), QByteArray("here"));
        Log log(*socket);
        peer.end();
        QTRY_VERIFY_WITH_TIMEOUT(log.has("disconnected"), 2000);
        QCOMPARE(log.take(), lost_peer);
    }

    void a_killed_peer_ends_a_wait() {
        Server server;
        QVERIFY(server.listen(name_of("killed-wait")));
        Peer peer(name_of("killed-wait"));
        QVERIFY(server.waitForNewConnection(patience));
        auto* socket = server.nextPendingConnection();
        QCOMPARE(read_bytes(*socket, 4), QByteArray("here"));
        Log log(*socket);
        peer.end();
        QVERIFY(!socket->waitForReadyRead(2000));
        QCOMPARE(log.take(), lost_peer);
    }

    void a_server_s_name_is_free_after_its_end() {
        auto server = std::make_unique<Server>();
        QVERIFY(server->listen(name_of("free")));
        server.reset();
        Server next;
        QVERIFY(next.listen(name_of("free")));
    }
};

int main(int argc, char** argv) {
    if (argc == 3 && qstrcmp(argv[1], "peer") == 0) {
        QCoreApplication application(argc, argv);
        return be_peer(QString::fromLocal8Bit(argv[2]));
    }
    const Places places;
    QCoreApplication application(argc, argv);
    LocalEndsTest test;
    return QTest::qExec(&test, argc, argv);
}
#include "local_ends.moc"
