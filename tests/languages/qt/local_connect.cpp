/// LocalServer and LocalSocket find each other, or say why not.

#include "local_types.hpp"

#include <QFile>

class LocalConnectTest : public QObject {
    Q_OBJECT

private slots:
    void a_new_socket_is_nothing_yet() {
        Socket socket;
        QCOMPARE(int(socket.state()), int(Socket::UnconnectedState));
        QCOMPARE(int(socket.error()), int(Socket::UnknownSocketError));
        QVERIFY(socket.serverName().isEmpty());
        QVERIFY(socket.fullServerName().isEmpty());
        QVERIFY(!socket.isValid());
        QVERIFY(!socket.isOpen());
        QVERIFY(socket.isSequential());
        QCOMPARE(socket.bytesAvailable(), qint64(0));
        QCOMPARE(socket.bytesToWrite(), qint64(0));
        QVERIFY(!socket.canReadLine());
        QVERIFY(!socket.flush());
        QCOMPARE(socket.socketDescriptor(), qintptr(-1));
        QCOMPARE(socket.readBufferSize(), qint64(0));
        QVERIFY(socket.readAll().isEmpty());
        QVERIFY(!socket.waitForConnected(0));
        QVERIFY(!socket.waitForReadyRead(0));
        QVERIFY(!socket.waitForBytesWritten(0));
        QVERIFY(!socket.waitForDisconnected(0));
        Log log(socket);
        socket.disconnectFromServer();
        socket.abort();
        socket.close();
        QCOMPARE(log.take(), QByteArrayList());
    }

    void a_new_server_is_nothing_yet() {
        Server server;
        QVERIFY(!server.isListening());
        QVERIFY(!server.hasPendingConnections());
        QVERIFY(server.nextPendingConnection() == nullptr);
        QCOMPARE(server.maxPendingConnections(), 30);
        QVERIFY(server.serverName().isEmpty());
        QVERIFY(server.fullServerName().isEmpty());
        QVERIFY(server.errorString().isEmpty());
        QCOMPARE(int(server.serverError()), int(QAbstractSocket::UnknownSocketError));
        QCOMPARE(int(server.socketOptions()), 0);
        QCOMPARE(server.socketDescriptor(), qintptr(-1));
        bool timed_out = true;
        QVERIFY(!server.waitForNewConnection(0, &timed_out));
        server.close();
    }

    void connecting_is_told_step_by_step() {
        Server server;
        QVERIFY(server.listen(name_of("steps")));
        Socket socket;
        Log log(socket);
        socket.connectToServer(name_of("steps"));
        QCOMPARE(log.take(), connecting);
        QCOMPARE(int(socket.state()), int(Socket::ConnectedState));
        QCOMPARE(socket.serverName(), name_of("steps"));
        QCOMPARE(socket.fullServerName(), server.fullServerName());
        QCOMPARE(socket.openMode(), open_as(QIODevice::ReadWrite));
        QVERIFY(socket.isValid());
        QVERIFY(socket.socketDescriptor() >= 0);
        QVERIFY(socket.waitForConnected(0));
        QCOMPARE(log.take(), QByteArrayList());
    }

    void a_server_takes_what_comes_in_the_event_loop() {
        Server server;
        QSignalSpy news(&server, &Server::newConnection);
        QVERIFY(server.listen(name_of("loop")));
        Socket first, second;
        first.connectToServer(name_of("loop"));
        second.connectToServer(name_of("loop"));
        QTRY_COMPARE_WITH_TIMEOUT(news.count(), 2, patience);
        QVERIFY(server.hasPendingConnections());
        auto* accepted = server.nextPendingConnection();
        QVERIFY(accepted != nullptr);
        QCOMPARE(accepted->parent(), &server);
        QCOMPARE(int(accepted->state()), int(Socket::ConnectedState));
        QCOMPARE(accepted->openMode(), QIODevice::OpenMode(QIODevice::ReadWrite));
        QVERIFY(server.nextPendingConnection() != nullptr);
        QVERIFY(server.nextPendingConnection() == nullptr);
        QVERIFY(!server.hasPendingConnections());
    }

    void a_server_waits_for_what_comes() {
        Server server;
        QSignalSpy news(&server, &Server::newConnection);
        QVERIFY(server.listen(name_of("waits")));
        bool timed_out = false;
        QVERIFY(!server.waitForNewConnection(20, &timed_out));
        QVERIFY(timed_out);
        Socket socket;
        socket.connectToServer(name_of("waits"));
        QVERIFY(server.waitForNewConnection(patience, &timed_out));
        QVERIFY(!timed_out);
        QCOMPARE(news.count(), 1);
        QVERIFY(server.hasPendingConnections());
    }

    void accepted_sockets_know_the_names_that_qt_s_know() {
        const Pair pair("names");
        QLocalServer server;
        QVERIFY(server.listen(name_of("names-qt")));
        QLocalSocket client;
        client.connectToServer(name_of("names-qt"));
        QVERIFY(server.waitForNewConnection(patience));
        const auto* accepted = server.nextPendingConnection();
        QCOMPARE(pair.accepted->serverName().isEmpty(), accepted->serverName().isEmpty());
        QCOMPARE(pair.accepted->fullServerName().isEmpty(), accepted->fullServerName().isEmpty());
        QCOMPARE(pair.client.fullServerName(), pair.server.fullServerName());
    }

    void nobody_there_data() {
        QTest::addColumn<QString>("name");
        QTest::newRow("a name") << name_of("nobody");
        QTest::newRow("a path") << QDir::tempPath() + "/nobody";
        QTest::newRow("nothing") << QString();
        QTest::newRow("too long") << QString(300, 'x');
    }
    void nobody_there() {
        QFETCH(QString, name);
        Socket socket;
        Log log(socket);
        socket.connectToServer(name);
        QCOMPARE(log.take(), QByteArrayList({"state 2", "error 2", "state 0"}));
        QCOMPARE(int(socket.error()), int(Socket::ServerNotFoundError));
        QCOMPARE(socket.errorString(), QString("QLocalSocket::connectToServer: Invalid name"));
        QVERIFY(!socket.isOpen());
        QVERIFY(!socket.waitForConnected(0));
        QVERIFY(socket.serverName().isEmpty());
    }

    void a_server_s_dead_file_refuses() {
        const auto path = QDir::tempPath() + "/" + name_of("dead");
        {
            QTemporaryDir elsewhere;
            QLocalServer server;
            QVERIFY(server.listen(path));
            QVERIFY(QFile::rename(path, path + ".kept"));
        }
        QVERIFY(QFile::rename(path + ".kept", path));
        Socket socket;
        Log log(socket);
        socket.connectToServer(name_of("dead"));
        QCOMPARE(log.take(), QByteArrayList({"state 2", "error 0", "state 0"}));
        Server server;
        QVERIFY(!server.listen(name_of("dead")));
        QCOMPARE(int(server.serverError()), int(QAbstractSocket::AddressInUseError));
        QVERIFY(!server.isListening());
        QVERIFY(Server::removeServer(name_of("dead")));
        QVERIFY(server.listen(name_of("dead")));
    }

    void a_name_serves_one() {
        Server first, second;
        QVERIFY(first.listen(name_of("one")));
        QVERIFY(!first.listen(name_of("other")));
        QVERIFY(!second.listen(name_of("one")));
        QCOMPARE(int(second.serverError()), int(QAbstractSocket::AddressInUseError));
        QCOMPARE(second.errorString(), QString("QLocalServer::listen: Address in use"));
        first.close();
        QVERIFY(!first.isListening());
        QVERIFY(first.serverName().isEmpty());
        QVERIFY(second.listen(name_of("one")));
        QCOMPARE(second.serverName(), name_of("one"));
        QCOMPARE(second.fullServerName(), QDir::tempPath() + "/" + name_of("one"));
    }

    void an_empty_name_is_refused() {
        Server server;
        QVERIFY(!server.listen(QString()));
        QCOMPARE(int(server.serverError()), int(QAbstractSocket::HostNotFoundError));
        QCOMPARE(server.errorString(), QString("QLocalServer::listen: Name error"));
    }

    void names_of_all_sorts_data() {
        QTest::addColumn<QString>("name");
        QTest::newRow("plain") << name_of("plain");
        QTest::newRow("spaces") << name_of("with some spaces & more?");
        QTest::newRow("dots") << "." + name_of("hidden");
        QTest::newRow("percent") << name_of("100%41");
        QTest::newRow("letters") << QString::fromUtf8("grüße-") + name_of("x");
        QTest::newRow("long") << QString(50, 'l') + name_of("");
        QTest::newRow("path") << QDir::tempPath() + "/" + name_of("path");
    }
    void names_of_all_sorts() {
        QFETCH(QString, name);
        Server server;
        QVERIFY2(server.listen(name), qPrintable(server.errorString()));
        Socket socket;
        socket.connectToServer(name);
        QVERIFY(server.waitForNewConnection(patience));
        QCOMPARE(socket.serverName(), name);
        QCOMPARE(socket.fullServerName(), server.fullServerName());
        auto* accepted = server.nextPendingConnection();
        QCOMPARE(socket.write("x"), qint64(1));
        QVERIFY(socket.flush());
        QVERIFY(accepted->waitForReadyRead(patience));
        QCOMPARE(accepted->readAll(), QByteArray("x"));
    }

    void connecting_twice_is_an_error() {
        Pair pair("twice");
        Log log(pair.client);
        pair.client.connectToServer(name_of("twice"));
        QCOMPARE(log.take(), QByteArrayList({"error 19"}));
        QCOMPARE(int(pair.client.state()), int(Socket::ConnectedState));
        QCOMPARE(pair.client.errorString(),
                 QString("QLocalSocket::connectToserver: Operation not permitted when socket is in "
                         "this state"));
    }

    void a_name_may_be_set_before() {
        Server server;
        QVERIFY(server.listen(name_of("before")));
        Socket socket;
        socket.setServerName(name_of("before"));
        QCOMPARE(socket.serverName(), name_of("before"));
        QVERIFY(socket.open(QIODevice::ReadOnly));
        QCOMPARE(socket.openMode(), open_as(QIODevice::ReadOnly));
        socket.setServerName("another");
        QCOMPARE(socket.serverName(), name_of("before"));
        QCOMPARE(socket.write("x"), qint64(-1));
    }

    void a_socket_connects_again() {
        Server server;
        QVERIFY(server.listen(name_of("again")));
        Socket socket;
        Log log(socket);
        for (int i = 0; i < 3; ++i) {
            socket.connectToServer(name_of("again"));
            QVERIFY(server.waitForNewConnection(patience));
            QCOMPARE(log.take(), connecting);
            socket.disconnectFromServer();
            QCOMPARE(log.take(), left_well);
            QVERIFY(socket.serverName().isEmpty());
        }
    }

    void a_full_queue_holds_the_others_back() {
        Server server;
        server.setMaxPendingConnections(2);
        QCOMPARE(server.maxPendingConnections(), 2);
        QSignalSpy news(&server, &Server::newConnection);
        QVERIFY(server.listen(name_of("full")));
        Socket sockets[6];
        for (auto& socket : sockets) {
            socket.connectToServer(name_of("full"));
            QCOMPARE(int(socket.state()), int(Socket::ConnectedState));
        }
        // Qt looks at its limit before it takes one more.
        QTRY_VERIFY_WITH_TIMEOUT(news.count() >= 3, patience);
        const auto taken = news.count();
        QVERIFY(taken < 6);
        QTest::qWait(50);
        QCOMPARE(news.count(), taken);
        int served = 0;
        QElapsedTimer timer;
        timer.start();
        while (served < 6 && timer.elapsed() < patience) {
            QCoreApplication::processEvents(QEventLoop::AllEvents, 10);
            served += server.nextPendingConnection() != nullptr;
        }
        QCOMPARE(served, 6);
    }

    void a_server_that_closes_drops_what_waits() {
        Server server;
        QVERIFY(server.listen(name_of("drops")));
        Socket waiting, taken;
        taken.connectToServer(name_of("drops"));
        QVERIFY(server.waitForNewConnection(patience));
        auto* accepted = server.nextPendingConnection();
        waiting.connectToServer(name_of("drops"));
        QVERIFY(server.waitForNewConnection(patience));
        server.close();
        QVERIFY(!server.hasPendingConnections());
        QVERIFY(waiting.waitForDisconnected(patience));
        QCOMPARE(int(waiting.error()), int(Socket::PeerClosedError));
        taken.write("still here");
        QVERIFY(taken.flush());
        QVERIFY(accepted->waitForReadyRead(patience));
        QCOMPARE(accepted->readAll(), QByteArray("still here"));
    }

    void rights_of_the_file_are_those_of_the_options() {
        Server server;
        server.setSocketOptions(Server::UserAccessOption | Server::GroupAccessOption);
        QCOMPARE(int(server.socketOptions()), 3);
        QVERIFY2(server.listen(name_of("rights")), qPrintable(server.errorString()));
        const auto rights = QFile::permissions(server.fullServerName());
        QVERIFY(rights & QFile::WriteGroup);
        QVERIFY(!(rights & QFile::WriteOther));
        Socket socket;
        socket.connectToServer(name_of("rights"));
        QVERIFY(server.waitForNewConnection(patience));
    }

#if QT_VERSION >= QT_VERSION_CHECK(6, 2, 0)
    void the_abstract_namespace_has_no_file() {
        Server server;
        server.setSocketOptions(Server::AbstractNamespaceOption);
        QVERIFY(server.listen(name_of("abstract")));
        Socket socket;
        socket.setSocketOptions(Socket::AbstractNamespaceOption);
        QCOMPARE(int(socket.socketOptions()), int(Socket::AbstractNamespaceOption));
        socket.connectToServer(name_of("abstract"));
        QVERIFY(socket.waitForConnected(patience));
        QVERIFY(server.waitForNewConnection(patience));
        QVERIFY(!QFile::exists(QDir::tempPath() + "/" + name_of("abstract")));
    }
#endif
};

LOCAL_TEST_MAIN(LocalConnectTest)
#include "local_connect.moc"
