/// Many connections, many threads, many processes, and a flood.

#include "local_types.hpp"

#include <QProcess>
#include <QThread>
#include <QTimer>

#include <algorithm>
#include <atomic>
#include <vector>

namespace {

/// Sends back what comes, until the other side leaves.
void echo(Socket* socket) {
    QObject::connect(socket, &Socket::readyRead, socket, [socket] { socket->write(socket->readAll()); });
    QObject::connect(socket, &Socket::disconnected, socket, &QObject::deleteLater);
}

/// Whether what was sent comes back, `rounds` times, without an event loop.
bool converse(const QString& name, int rounds) {
    Socket socket;
    socket.connectToServer(name);
    if (!socket.waitForConnected(patience)) {
        return false;
    }
    for (int i = 0; i < rounds; ++i) {
        const auto sent = QByteArray::number(i).rightJustified(1 + 37 * (i % 50), '.');
        socket.write(sent);
        QByteArray got;
        while (got.size() < sent.size() && socket.waitForReadyRead(patience)) {
            got += socket.readAll();
        }
        if (got != sent) {
            return false;
        }
    }
    return true;
}

/// A server whose subclass hands each connection to a thread of its own, by its number.
class ThreadedServer : public Server {
public:
    ~ThreadedServer() override {
        for (auto* thread : threads_) {
            thread->wait(patience);
            delete thread;
        }
    }

protected:
    void incomingConnection(quintptr number) override {
        auto* thread = QThread::create([number] {
            Socket socket;
            socket.setSocketDescriptor(qintptr(number));
            while (socket.waitForReadyRead(patience)) {
                socket.write(socket.readAll());
                socket.waitForBytesWritten(patience);
            }
        });
        threads_.push_back(thread);
        thread->start();
    }

private:
    std::vector<QThread*> threads_;
};

/// Writes as fast as it is taken, until it is killed.
int be_flood(const QString& name) {
    Socket socket;
    socket.connectToServer(name);
    const QByteArray block(64 << 10, 'f');
    QObject::connect(&socket, &Socket::bytesWritten, &socket, [&] {
        if (socket.bytesToWrite() < block.size()) {
            socket.write(block);
        }
    });
    socket.write(block);
    QObject::connect(&socket, &Socket::disconnected, &socket, &QCoreApplication::quit);
    return QCoreApplication::exec();
}

/// Answers whatever comes, until it is killed.
int be_echo(const QString& name) {
    Socket socket;
    QObject::connect(&socket, &Socket::readyRead, &socket, [&] { socket.write(socket.readAll()); });
    QObject::connect(&socket, &Socket::disconnected, &socket, &QCoreApplication::quit);
    socket.connectToServer(name);
    return QCoreApplication::exec();
}

/// The 95th percentile of the gaps of a timer of 10 ms, in microseconds.
qint64 gap() {
    std::vector<qint64> gaps;
    QElapsedTimer clock;
    QTimer timer;
    timer.setTimerType(Qt::PreciseTimer);
    QEventLoop loop;
    QObject::connect(&timer, &QTimer::timeout, &loop, [&] {
        gaps.push_back(clock.nsecsElapsed() / 1000);
        clock.restart();
        if (gaps.size() == 200) {
            loop.quit();
        }
    });
    timer.start(10);
    clock.start();
    loop.exec();
    std::sort(gaps.begin(), gaps.end());
    return gaps[gaps.size() * 95 / 100];
}

}  // namespace

class LocalManyTest : public QObject {
    Q_OBJECT

private slots:
    void a_thousand_short_connections() {
        Server server;
        QVERIFY(server.listen(name_of("thousand")));
        int served = 0;
        connect(&server, &Server::newConnection, this, [&] {
            while (auto* accepted = server.nextPendingConnection()) {
                connect(accepted, &Socket::disconnected, this, [&, accepted] {
                    served += accepted->readAll() == "short";
                    accepted->deleteLater();
                });
            }
        });
        for (int i = 0; i < 1000; ++i) {
            Socket socket;
            socket.connectToServer(name_of("thousand"));
            QVERIFY2(socket.waitForConnected(patience), qPrintable(socket.errorString()));
            socket.write("short");
            socket.disconnectFromServer();
            if (socket.state() != Socket::UnconnectedState) {
                QVERIFY(socket.waitForDisconnected(patience));
            }
            QTRY_COMPARE_WITH_TIMEOUT(served, i + 1, patience);
        }
    }

    void many_threads_talk_with_one_server() {
        Server server;
        QVERIFY(server.listen(name_of("threads")));
        connect(&server, &Server::newConnection, this, [&] {
            while (auto* accepted = server.nextPendingConnection()) {
                echo(accepted);
            }
        });
        constexpr int count = 8;
        std::atomic<int> done{0}, good{0};
        std::vector<std::unique_ptr<QThread>> threads;
        for (int i = 0; i < count; ++i) {
            threads.emplace_back(QThread::create([&] {
                good += converse(name_of("threads"), 200);
                ++done;
            }));
            threads.back()->start();
        }
        QTRY_COMPARE_WITH_TIMEOUT(done.load(), count, 6 * patience);
        QCOMPARE(good.load(), count);
        for (const auto& thread : threads) {
            QVERIFY(thread->wait(patience));
        }
    }

    void a_server_may_hand_connections_to_threads() {
        ThreadedServer server;
        QVERIFY(server.listen(name_of("handed")));
        std::atomic<int> good{0}, done{0};
        std::vector<std::unique_ptr<QThread>> threads;
        for (int i = 0; i < 4; ++i) {
            threads.emplace_back(QThread::create([&] {
                good += converse(name_of("handed"), 200);
                ++done;
            }));
            threads.back()->start();
        }
        QTRY_COMPARE_WITH_TIMEOUT(done.load(), 4, 6 * patience);
        QCOMPARE(good.load(), 4);
        for (const auto& thread : threads) {
            QVERIFY(thread->wait(patience));
        }
    }

    void a_socket_moves_to_another_thread() {
        Pair pair("moves");
        QThread thread;
        echo(pair.accepted.get());
        auto* moved = pair.accepted.release();
        pair.client.write("before;");
        QCOMPARE(read_bytes(pair.client, 7), QByteArray("before;"));
        moved->moveToThread(&thread);
        thread.start();
        pair.client.write("after");
        QCOMPARE(read_bytes(pair.client, 5), QByteArray("after"));
        connect(moved, &QObject::destroyed, &thread, &QThread::quit, Qt::DirectConnection);
        pair.client.disconnectFromServer();
        QVERIFY(thread.wait(patience));
    }

    void many_processes_talk_with_one_server() {
        Server server;
        QVERIFY(server.listen(name_of("processes")));
        connect(&server, &Server::newConnection, this, [&] {
            while (auto* accepted = server.nextPendingConnection()) {
                echo(accepted);
            }
        });
        std::vector<std::unique_ptr<QProcess>> processes;
        for (int i = 0; i < 4; ++i) {
            processes.push_back(std::make_unique<QProcess>());
            processes.back()->start(QCoreApplication::applicationFilePath(),
                                    {"talk", name_of("processes")});
        }
        for (const auto& process : processes) {
            QTRY_COMPARE_WITH_TIMEOUT(process->state(), QProcess::NotRunning, 6 * patience);
            QCOMPARE(process->exitStatus(), QProcess::NormalExit);
            QCOMPARE(process->exitCode(), 0);
        }
    }

    void a_flood_does_not_starve_the_event_loop() {
        qint64 bytes = 0;
        QVERIFY(timers_keep_their_time("flood", [&](Socket& accepted) {
            bytes += accepted.readAll().size();
        }));
        QVERIFY(bytes > 10 << 20);
    }

    void a_conversation_does_not_starve_the_event_loop() {
        int answers = 0;
        QVERIFY(timers_keep_their_time("echo", [&](Socket& accepted) {
            ++answers;
            accepted.write(accepted.readAll());
        }));
        QVERIFY(answers > 1000);
    }

private:
    /// Whether they do while another program is at the other end, and `ready` is what readyRead
    /// comes to.
    template <class Ready>
    bool timers_keep_their_time(const char* program, Ready ready) {
        Server server;
        const auto name = name_of(program);
        // Another program may disturb a measurement, but not each of them by chance.
        for (int i = 0; server.isListening() || server.listen(name); ++i) {
            const auto quiet = gap();
            QProcess other;
            other.start(QCoreApplication::applicationFilePath(), {program, name});
            if (i == 5 || !server.waitForNewConnection(patience)) {
                return false;
            }
            std::unique_ptr<Socket> accepted(server.nextPendingConnection());
            connect(accepted.get(), &Socket::readyRead, this, [&] { ready(*accepted); });
            accepted->write("go");
            const auto busy = gap();
            other.kill();
            other.waitForFinished(patience);
            qInfo("gaps of %lld us, and %lld us alone", busy, quiet);
            if (busy <= 3 * quiet) {
                return true;
            }
        }
        return false;
    }
};

int main(int argc, char** argv) {
    const QByteArray task = argc == 3 ? argv[1] : "";
    if (task == "talk" || task == "flood" || task == "echo") {
        QCoreApplication application(argc, argv);
        const auto name = QString::fromLocal8Bit(argv[2]);
        return task == "talk" ? !converse(name, 200) : task == "echo" ? be_echo(name) : be_flood(name);
    }
    const Places places;
    QCoreApplication application(argc, argv);
    LocalManyTest test;
    return QTest::qExec(&test, argc, argv);
}
#include "local_many.moc"
