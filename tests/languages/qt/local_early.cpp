/// What a client does before the server has accepted it is seen afterwards, also if the client has
/// ended by then: as a second instance hands its arguments to the first and goes.

#include "local_types.hpp"

#include <QProcess>

namespace {

/// All that a second instance does, without an event loop.
int be_second(const QString& name) {
    Socket socket;
    socket.connectToServer(name);
    if (!socket.waitForConnected(patience)) {
        return 1;
    }
    const bool is_written = socket.write("open this") == 9 && socket.waitForBytesWritten(patience);
    return is_written ? 0 : 2;
}

/// Reads what a client has left, to its end.
void check_left(Server& server, const QByteArray& bytes) {
    QVERIFY(server.waitForNewConnection(patience));
    const std::unique_ptr<Socket> accepted(server.nextPendingConnection());
    QVERIFY(accepted != nullptr);
    accepted->setParent(nullptr);
    QCOMPARE(int(accepted->state()), int(Socket::ConnectedState));
    Log log(*accepted);
    QTRY_VERIFY_WITH_TIMEOUT(log.has("disconnected"), patience);
    QCOMPARE(log.take(), QByteArrayList({"readyRead"}) + lost_peer);
    QCOMPARE(accepted->readAll(), bytes);
}

}  // namespace

class LocalEarlyTest : public QObject {
    Q_OBJECT

private slots:
    void a_second_instance_has_ended_before_it_is_accepted() {
        Server server;
        QVERIFY(server.listen(name_of("second")));
        for (int i = 0; i < 3; ++i) {
            // Nothing runs here meanwhile: no event loop either.
            QCOMPARE(QProcess::execute(QCoreApplication::applicationFilePath(),
                                       {"second", name_of("second")}),
                     0);
            check_left(server, "open this");
        }
    }

    void what_is_flushed_outlasts_the_socket() {
        Server server;
        QVERIFY(server.listen(name_of("outlasts")));
        {
            Socket client;
            client.connectToServer(name_of("outlasts"));
            client.write("flushed");
            QVERIFY(client.flush());
            QCOMPARE(client.bytesToWrite(), qint64(0));
        }
        check_left(server, "flushed");
    }

    void leaving_takes_nobody_at_the_other_end() {
        Server server;
        QVERIFY(server.listen(name_of("leaving")));
        Socket client;
        client.connectToServer(name_of("leaving"));
        client.write("last words");
        QVERIFY(client.waitForBytesWritten(patience));
        client.disconnectFromServer();
        QCOMPARE(int(client.state()), int(Socket::UnconnectedState));
        check_left(server, "last words");
    }

    void leaving_sends_what_is_written_first() {
        Server server;
        QVERIFY(server.listen(name_of("first")));
        Socket client;
        client.connectToServer(name_of("first"));
        client.write("last words");
        client.disconnectFromServer();
        QCOMPARE(int(client.state()), int(Socket::ClosingState));
        QVERIFY(client.waitForDisconnected(patience));
        check_left(server, "last words");
    }

    void no_byte_is_out_that_is_still_in_this_process() {
        Server server;
        QVERIFY(server.listen(name_of("counted")));
        qint64 out = 0;
        {
            Socket client;
            client.connectToServer(name_of("counted"));
            client.write(QByteArray(8 << 20, 'x'));
            while (client.waitForBytesWritten(50)) {
            }
            QVERIFY(client.bytesToWrite() > 0);
            out = (8 << 20) - client.bytesToWrite();
            client.abort();
        }
        QVERIFY(server.waitForNewConnection(patience));
        auto* accepted = server.nextPendingConnection();
        QVERIFY(accepted->waitForDisconnected(patience));
        if (is_genuine) {
            QCOMPARE(accepted->bytesAvailable(), out);
        } else {
            // Of a message that was cut off nothing is received.
            QVERIFY(accepted->bytesAvailable() <= out);
            QVERIFY(out - accepted->bytesAvailable() < (64 << 10));
        }
    }
};

int main(int argc, char** argv) {
    if (argc == 3 && qstrcmp(argv[1], "second") == 0) {
        QCoreApplication application(argc, argv);
        return be_second(QString::fromLocal8Bit(argv[2]));
    }
    const Places places;
    QCoreApplication application(argc, argv);
    LocalEarlyTest test;
    return QTest::qExec(&test, argc, argv);
}
#include "local_early.moc"
