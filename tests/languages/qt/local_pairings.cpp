/// Who talks with whom: each kind of server with each kind of socket, and a program that speaks
/// treenail itself with either.

#include <treenail.hpp>

#include "local_types.hpp"

#include <unistd.h>

using treenail::qt::LocalServer;
using treenail::qt::LocalSocket;

namespace {

/// A conversation of all that matters, with the signals that tell of it.
template <class Server, class Client>
void converse(const char* name) {
    Server server;
    QVERIFY(server.listen(name_of(name)));
    Client client;
    Log client_log(client);
    client.connectToServer(name_of(name));
    QCOMPARE(client_log.take(), connecting);
    QVERIFY(server.waitForNewConnection(patience));
    auto* accepted = server.nextPendingConnection();
    Log accepted_log(*accepted);

    client.write("a question\n");
    QVERIFY(client.flush());
    QVERIFY(accepted->waitForReadyRead(patience));
    QVERIFY(accepted->canReadLine());
    QCOMPARE(accepted->readLine(), QByteArray("a question\n"));
    QCOMPARE(accepted_log.take(), QByteArrayList({"readyRead"}));

    const QByteArray answer(3 << 20, 'a');
    accepted->write(answer);
    QVERIFY(read_bytes(client, answer.size()) == answer);
    QTRY_COMPARE_WITH_TIMEOUT(accepted_log.written, qint64(answer.size()), patience);
    accepted_log.take();
    client_log.take();

    accepted->disconnectFromServer();
    QCOMPARE(accepted_log.take(), left_well);
    QTRY_VERIFY_WITH_TIMEOUT(client_log.has("disconnected"), patience);
    QCOMPARE(client_log.take(), lost_peer);
}

}  // namespace

class LocalPairingsTest : public QObject {
    Q_OBJECT

private slots:
    void a_name_is_not_cut_off_at_a_nul() {
        const auto name = name_of("cut");
        const auto longer = name + QChar(QChar::Null) + "more";
        Server server, other;
        QVERIFY(server.listen(name));
        QVERIFY(!other.listen(longer));
        QCOMPARE(int(other.serverError()), int(QAbstractSocket::HostNotFoundError));
        Socket socket;
        socket.connectToServer(longer);
        QCOMPARE(int(socket.error()), int(Socket::ServerNotFoundError));
        QVERIFY(!Server::removeServer(longer));
        QVERIFY(QFile::exists(server.fullServerName()));
    }

    void ours_with_ours() { converse<LocalServer, LocalSocket>("ours-ours"); }
    void ours_with_a_genuine_socket() { converse<LocalServer, QLocalSocket>("ours-genuine"); }
    void a_genuine_server_with_ours() { converse<QLocalServer, LocalSocket>("genuine-ours"); }
    void genuine_with_genuine() { converse<QLocalServer, QLocalSocket>("genuine-genuine"); }

    /// By shm:NAME, as a program of any language does it.
    void a_channel_reaches_our_server() {
        LocalServer server;
        QVERIFY(server.listen(name_of("channel")));
        const auto endpoint = "shm:" + name_of("channel").toStdString();
        const auto channel = treenail::Channel::connect(endpoint);
        channel.send("hello ");
        QVERIFY(server.waitForNewConnection(0));
        auto* accepted = server.nextPendingConnection();
        QVERIFY(accepted != nullptr);
        channel.send("there");
        QTRY_COMPARE_WITH_TIMEOUT(accepted->bytesAvailable(), qint64(11), patience);
        for (int i = 0; i < 3; ++i) {
            accepted->write("answer");
            QVERIFY(accepted->flush());
            QCOMPARE(channel.recv(std::chrono::seconds(10)), std::string("answer"));
            channel.send("!");
            QTRY_COMPARE_WITH_TIMEOUT(accepted->bytesAvailable(), qint64(12 + i), patience);
        }
        QCOMPARE(int(channel.peer().transport()), int(treenail::Transport::shm));
    }

    void our_socket_reaches_a_listener() {
        const auto endpoint = "shm:" + name_of("listener").toStdString();
        const auto listener = treenail::Listener::open(endpoint);
        LocalSocket socket;
        socket.connectToServer(name_of("listener"));
        QCOMPARE(int(socket.state()), int(LocalSocket::ConnectedState));
        socket.write("hello there");
        treenail::Result<treenail::Channel> channel = treenail::Status::again;
        for (int i = 0; i < 1000 && !channel; ++i) {
            QCoreApplication::processEvents(QEventLoop::AllEvents, 10);
            channel = listener.try_accept(std::chrono::milliseconds(10));
        }
        QVERIFY(channel);
        QTRY_COMPARE_WITH_TIMEOUT(socket.bytesToWrite(), qint64(0), patience);
        QCOMPARE(QByteArray::fromStdString(channel->recv()), QByteArray("hello there"));
        for (int i = 0; i < 3; ++i) {
            channel->send("x");
            QTRY_COMPARE_WITH_TIMEOUT(socket.bytesAvailable(), qint64(i + 1), patience);
        }
        (void)channel->try_recv_view(treenail::now);
        QCOMPARE(int(channel->peer().transport()), int(treenail::Transport::shm));
    }

    /// What the socket has no room for until the server accepts is not lost, whoever is slow.
    void what_is_written_before_the_server_accepts_arrives() {
        LocalServer server;
        QVERIFY(server.listen(name_of("slow")));
        LocalSocket client;
        client.connectToServer(name_of("slow"));
        client.write(QByteArray(1 << 20, 'x'));
        QVERIFY(client.bytesToWrite() > 0);
        client.disconnectFromServer();
        QCOMPARE(int(client.state()), int(LocalSocket::ClosingState));
        QVERIFY(server.waitForNewConnection(patience));
        auto* accepted = server.nextPendingConnection();
        QCOMPARE(read_bytes(*accepted, 1 << 20), QByteArray(1 << 20, 'x'));
    }

    /// Another program has the name in treenail, though none has it in Qt.
    void a_name_that_a_listener_has_is_in_use() {
        const auto listener = treenail::Listener::open("shm:" + name_of("taken").toStdString());
        LocalServer server;
        QVERIFY(!server.listen(name_of("taken")));
        QCOMPARE(int(server.serverError()), int(QAbstractSocket::AddressInUseError));
        QVERIFY(!server.isListening());
        QVERIFY(!QFile::exists(QDir::tempPath() + "/" + name_of("taken")));
    }

    void a_descriptor_can_be_taken_over() {
        LocalServer server;
        QVERIFY(server.listen(name_of("descriptor")));
        QLocalSocket genuine;
        genuine.connectToServer(name_of("descriptor"));
        const std::unique_ptr<LocalSocket> accepted = [&] {
            server.waitForNewConnection(patience);
            return std::unique_ptr<LocalSocket>(server.nextPendingConnection());
        }();
        QVERIFY(accepted->socketDescriptor() >= 0);
        LocalSocket other;
        QVERIFY(other.setSocketDescriptor(::dup(int(accepted->socketDescriptor()))));
        other.write("by another");
        QVERIFY(other.waitForBytesWritten(patience));
        QVERIFY(genuine.waitForReadyRead(patience));
        QCOMPARE(genuine.readAll(), QByteArray("by another"));
    }
};

LOCAL_TEST_MAIN(LocalPairingsTest)
#include "local_pairings.moc"
