/// Every function of LocalServer and LocalSocket that waits, with no time, some time and for ever;
/// with one client and with several, with an event loop and without, both sides in one thread.

#include "local_types.hpp"

#include <atomic>
#include <functional>
#include <thread>

namespace {

/// A server whose connections never are pending, as where each is for a thread of its own.
class Taking : public Server {
public:
    int taken = 0;

protected:
    void incomingConnection(quintptr descriptor) override {
        ++taken;
        Socket socket;
        socket.setSocketDescriptor(static_cast<qintptr>(descriptor));
    }
};

}  // namespace

class LocalWaitsTest : public QObject {
    Q_OBJECT

private:
    static void times() {
        QTest::addColumn<int>("time");
        QTest::newRow("no time") << 0;
        QTest::newRow("some time") << patience;
        QTest::newRow("for ever") << -1;
    }

    /// Does it where no event loop ever runs, nor could.
    static void without_loop(const std::function<void()>& body) { std::thread(body).join(); }

    /// All that two sides in one thread do, by calls that wait for `time`.
    static void talk(int time, const char* name) {
        Server server;
        QVERIFY(server.listen(name_of(name)));
        Socket client;
        client.connectToServer(name_of(name));
        QVERIFY(client.waitForConnected(time));
        QCOMPARE(client.write("one\ntwo\nthree"), qint64(13));
        QVERIFY(server.waitForNewConnection(time));
        auto* accepted = server.nextPendingConnection();
        QVERIFY(accepted != nullptr);
        if (client.bytesToWrite() != 0) {
            QVERIFY(client.waitForBytesWritten(time));
        }
        QVERIFY(accepted->waitForReadyRead(time));
        QVERIFY(accepted->canReadLine());
        QCOMPARE(accepted->readLine(), QByteArray("one\n"));
        QCOMPARE(accepted->skip(4), qint64(4));
        QCOMPARE(accepted->readAll(), QByteArray("three"));
        QCOMPARE(accepted->write("answer"), qint64(6));
        QVERIFY(accepted->waitForBytesWritten(time));
        QVERIFY(client.waitForReadyRead(time));
        QCOMPARE(client.readAll(), QByteArray("answer"));
        accepted->disconnectFromServer();
        if (accepted->state() != Socket::UnconnectedState) {
            QVERIFY(accepted->waitForDisconnected(time));
        }
        QVERIFY(client.waitForDisconnected(time));
        QCOMPARE(int(client.state()), int(Socket::UnconnectedState));
    }

private slots:
    void one_thread_talks_to_itself_data() { times(); }
    void one_thread_talks_to_itself() {
        QFETCH(int, time);
        talk(time, "itself");
    }

    void a_thread_without_a_loop_talks_to_itself_data() { times(); }
    void a_thread_without_a_loop_talks_to_itself() {
        QFETCH(int, time);
        without_loop([=] { talk(time, "loopless"); });
    }

    void bytes_are_out_before_the_server_has_looked_data() { times(); }
    void bytes_are_out_before_the_server_has_looked() {
        QFETCH(int, time);
        Server server;
        QVERIFY(server.listen(name_of("early")));
        Socket client;
        client.connectToServer(name_of("early"));
        client.write("early");
        if (client.bytesToWrite() != 0) {
            QVERIFY(client.waitForBytesWritten(time));
        }
        client.disconnectFromServer();
        QVERIFY(server.waitForNewConnection(time));
        auto* accepted = server.nextPendingConnection();
        QVERIFY(accepted->waitForReadyRead(time));
        QCOMPARE(accepted->readAll(), QByteArray("early"));
    }

    void each_wait_takes_one_connection_data() { times(); }
    void each_wait_takes_one_connection() {
        QFETCH(int, time);
        Server server;
        QSignalSpy news(&server, &Server::newConnection);
        QVERIFY(server.listen(name_of("each")));
        Socket clients[3];
        for (auto& client : clients) {
            client.connectToServer(name_of("each"));
        }
        for (int count = 1; count <= 3; ++count) {
            bool timed_out = true;
            QVERIFY(server.waitForNewConnection(time, &timed_out));
            QVERIFY(!timed_out);
            QCOMPARE(news.count(), count);
        }
        bool timed_out = false;
        QVERIFY(server.waitForNewConnection(0, &timed_out));  // as those that came are pending
        QVERIFY(timed_out);
        QCOMPARE(news.count(), 3);
        for (int i = 0; i < 3; ++i) {
            QVERIFY(server.nextPendingConnection() != nullptr);
        }
        QVERIFY(!server.waitForNewConnection(0, &timed_out));
        QVERIFY(timed_out);
    }

    void several_wait_without_a_loop_data() { times(); }
    void several_wait_without_a_loop() {
        QFETCH(int, time);
        without_loop([=] {
            Server server;
            QVERIFY(server.listen(name_of("several")));
            Socket clients[5];
            for (auto& client : clients) {
                client.connectToServer(name_of("several"));
            }
            for (int i = 0; i < 5; ++i) {
                QVERIFY(server.waitForNewConnection(time));
                QVERIFY(server.nextPendingConnection() != nullptr);
                QVERIFY(!server.hasPendingConnections());
            }
        });
    }

    void those_that_came_with_one_that_was_waited_for_come_in_the_loop() {
        Server server;
        QSignalSpy news(&server, &Server::newConnection);
        QVERIFY(server.listen(name_of("rest")));
        Socket clients[4];
        for (auto& client : clients) {
            client.connectToServer(name_of("rest"));
        }
        QVERIFY(server.waitForNewConnection(0));
        QCOMPARE(news.count(), 1);
        QTRY_COMPARE_WITH_TIMEOUT(news.count(), 4, patience);
    }

    void waiting_goes_on_where_the_queue_is_full() {
        Server server;
        server.setMaxPendingConnections(1);
        QVERIFY(server.listen(name_of("limit")));
        Socket clients[4];
        for (auto& client : clients) {
            client.connectToServer(name_of("limit"));
        }
        for (int i = 0; i < 4; ++i) {
            bool timed_out = true;
            QVERIFY(server.waitForNewConnection(0, &timed_out));
            QVERIFY(!timed_out);
        }
        for (int i = 0; i < 4; ++i) {
            QVERIFY(server.nextPendingConnection() != nullptr);
        }
    }

    void a_server_that_takes_its_connections_itself_is_told_one_by_one_data() { times(); }
    void a_server_that_takes_its_connections_itself_is_told_one_by_one() {
        QFETCH(int, time);
        Taking server;
        QVERIFY(server.listen(name_of("taking")));
        Socket clients[3];
        for (auto& client : clients) {
            client.connectToServer(name_of("taking"));
        }
        for (int count = 1; count <= 3; ++count) {
            bool timed_out = true;
            QVERIFY(!server.waitForNewConnection(time, &timed_out));  // as none is pending
            QVERIFY(!timed_out);
            QCOMPARE(server.taken, count);
        }
    }

    void clients_of_another_thread_are_found_data() { times(); }
    void clients_of_another_thread_are_found() {
        QFETCH(int, time);
        constexpr int count = 8;
        Server server;
        QVERIFY(server.listen(name_of("other")));
        std::atomic<int> connected{0};
        std::thread thread([&] {
            Socket clients[count];
            for (auto& client : clients) {
                client.connectToServer(name_of("other"));
                ++connected;
                QVERIFY(client.waitForReadyRead(patience));
            }
        });
        for (int i = 1; i <= count; ++i) {
            while (connected < i) {
                std::this_thread::yield();
            }
            QVERIFY(server.waitForNewConnection(time));
            auto* accepted = server.nextPendingConnection();
            QVERIFY(accepted != nullptr);
            accepted->write("hello");
            accepted->waitForBytesWritten(patience);
        }
        thread.join();
    }

    void what_has_not_come_is_not_waited_for() {
        Pair pair("nothing");
        QVERIFY(!pair.server.waitForNewConnection(0));
        QVERIFY(!pair.client.waitForReadyRead(0));
        QCOMPARE(int(pair.client.error()), int(Socket::SocketTimeoutError));
        QVERIFY(!pair.client.waitForBytesWritten(0));
        QVERIFY(!pair.client.waitForDisconnected(0));
        QVERIFY(pair.client.waitForConnected(0));
        QVERIFY(!pair.accepted->waitForReadyRead(20));
        QVERIFY(!pair.accepted->waitForDisconnected(20));
        QCOMPARE(int(pair.accepted->state()), int(Socket::ConnectedState));
    }

    void nobody_that_accepts_keeps_no_client_for_ever() {
        Server server;
        QVERIFY(server.listen(name_of("idle")));
        std::thread([] {
            Socket client;
            client.connectToServer(name_of("idle"));
            for (const int time : {0, 20, -1}) {
                QVERIFY(client.waitForConnected(time));
                QCOMPARE(int(client.state()), int(Socket::ConnectedState));
            }
        }).join();
    }

    void a_genuine_client_is_found_as_well_data() { times(); }
    void a_genuine_client_is_found_as_well() {
        QFETCH(int, time);
        Server server;
        QVERIFY(server.listen(name_of("mixed")));
        QLocalSocket genuine;
        genuine.connectToServer(name_of("mixed"));
        Socket socket;
        socket.connectToServer(name_of("mixed"));
        for (int i = 0; i < 2; ++i) {
            QVERIFY(server.waitForNewConnection(time));
            QVERIFY(server.nextPendingConnection() != nullptr);
            QVERIFY(!server.hasPendingConnections());
        }
    }
};

LOCAL_TEST_MAIN(LocalWaitsTest)
#include "local_waits.moc"
