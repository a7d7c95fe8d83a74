// Contestants: LocalSocket, and QLocalSocket; in event loops, and with the calls that wait.
#include "../common/slices.h"

#include "../common/kill.h"

#include <treenail/qt/local_server.hpp>
#include <treenail/qt/local_socket.hpp>

#include <QCoreApplication>
#include <QEventLoop>
#include <QLocalServer>
#include <QLocalSocket>

// What is written and not taken yet, before the writer waits.
static constexpr qint64 written_max = 1 << 20;

template <class Server, class Socket>
struct Contestant {
    static inline Server *server;
    static inline Socket *socket;

    static void application()
    {
        static int argc = 1;
        static char name[] = "bench", *argv[] = {name, nullptr};
        new QCoreApplication(argc, argv);
    }

    static QString name() { return QString::fromLatin1(bench_unique_name()); }

    static void near_open()
    {
        application();
        server = new Server;
        BENCH_CHECK(server->listen(name()));
    }
    static void far_open()
    {
        application();
        socket = new Socket;
        socket->connectToServer(name());
        BENCH_CHECK(socket->waitForConnected());
    }
    static void near_opened()
    {
        BENCH_CHECK(server->waitForNewConnection(10000));
        socket = server->nextPendingConnection();
    }
    static void near_close() { delete server; }

    // ---- with the calls that wait ----

    static void send(const unsigned char *data, size_t size)
    {
        socket->write(reinterpret_cast<const char *>(data), static_cast<qint64>(size));
        while (socket->bytesToWrite() > written_max)
            BENCH_CHECK(socket->waitForBytesWritten());
    }
    static void recv(unsigned char *data, size_t size)
    {
        while (socket->bytesAvailable() < static_cast<qint64>(size))
            BENCH_CHECK(socket->waitForReadyRead());
        BENCH_CHECK(socket->read(reinterpret_cast<char *>(data), static_cast<qint64>(size)) ==
                    static_cast<qint64>(size));
    }
    static constexpr bench_way way = {send, recv};

    static void send_rest()
    {
        while (socket->bytesToWrite() > 0)
            BENCH_CHECK(socket->waitForBytesWritten());
    }

    static void ping(uint64_t ns, bench_result *out)
    {
        bench_ping(way, bench_size, ns, out);
        send_rest();
    }
    static void echo(uint64_t) { bench_echo(way, bench_size); }
    static void drain(uint64_t, bench_result *out) { bench_drain(way, bench_size, out); }
    static void flood(uint64_t ns)
    {
        bench_flood(way, bench_size, ns);
        send_rest();
    }

    // ---- in event loops ----

    // The last message of a slice tells its receiver to leave its loop, and is answered by nobody.
    static void loop_ping(uint64_t ns, bench_result *out)
    {
        QEventLoop loop;
        QObject slot;
        unsigned char *buffer = bench_buffer(bench_size);
        const auto size = static_cast<qint64>(bench_size);
        auto *bytes = reinterpret_cast<char *>(buffer);
        uint64_t number = 0, start = bench_now(), before = start;
        const auto ask = [&] {
            before = bench_now();
            bench_stamp(buffer, bench_size, number);
            socket->write(bytes, size);
        };
        QObject::connect(socket, &Socket::readyRead, &slot, [&] {
            if (socket->bytesAvailable() < size)
                return;
            socket->read(bytes, size);
            bench_verify(buffer, bench_size, number++);
            bench_sample(bench_now() - before);
            if (bench_now() < start + ns)
                return ask();
            loop.quit();
        });
        ask();
        loop.exec();
        out->count = number;
        out->ns = bench_now() - start;
        bench_percentiles(out, 1);
        bench_stamp_stop(buffer, bench_size, number);
        socket->write(bytes, size);
        send_rest();
        free(buffer);
    }
    static void loop_echo(uint64_t)
    {
        QEventLoop loop;
        QObject slot;
        unsigned char *buffer = bench_buffer(bench_size);
        const auto size = static_cast<qint64>(bench_size);
        auto *bytes = reinterpret_cast<char *>(buffer);
        const auto answer = [&] {
            if (socket->bytesAvailable() < size)
                return;
            socket->read(bytes, size);
            if (bench_load(buffer) == BENCH_STOP)
                return loop.quit();
            socket->write(bytes, size);
        };
        QObject::connect(socket, &Socket::readyRead, &slot, answer);
        loop.exec();
        free(buffer);
    }

    // ---- a peer that is killed, until disconnected() ----

    static void victim()
    {
        far_open();
        BENCH_CHECK(socket->write("hello", 5) == 5);
        send_rest();
        pause();
    }
    static void meet()
    {
        near_opened();
        while (socket->bytesAvailable() < 5)
            BENCH_CHECK(socket->waitForReadyRead());
    }
    static void wait_until_gone()
    {
        QEventLoop loop;
        QObject::connect(socket, &Socket::disconnected, &loop, &QEventLoop::quit);
        if (socket->state() == Socket::ConnectedState)
            loop.exec();
    }
    static void part() { delete socket; }
    static constexpr kill_story story = {nullptr, victim, nullptr, meet, wait_until_gone, part};

    static void notice(uint64_t ns, bench_result *out) { kill_near(&story, ns, out); }
    static void die(uint64_t ns) { kill_far(&story, ns); }

    static constexpr bench_contestant killed(const char *name)
    {
        return {name, kill_prepare, near_open, nullptr, nullptr, notice,
                die,  near_close,   nullptr,   false,   nullptr};
    }

    static constexpr bench_contestant of(const char *name, void (*near_slice)(uint64_t, bench_result *),
                                         void (*far_slice)(uint64_t))
    {
        return {name,       nullptr,   near_open,  far_open, near_opened, near_slice,
                far_slice,  near_close, nullptr,   false,    nullptr};
    }
};

using Ours = Contestant<treenail::qt::LocalServer, treenail::qt::LocalSocket>;
using Genuine = Contestant<QLocalServer, QLocalSocket>;

static const bench_contestant contestants[] = {
    Ours::of("loop", Ours::loop_ping, Ours::loop_echo),
    Ours::of("ping", Ours::ping, Ours::echo),
    Ours::of("flood", Ours::drain, Ours::flood),
    Ours::killed("kill"),
    Genuine::killed("genuine-kill"),
    Genuine::of("genuine-loop", Genuine::loop_ping, Genuine::loop_echo),
    Genuine::of("genuine-ping", Genuine::ping, Genuine::echo),
    Genuine::of("genuine-flood", Genuine::drain, Genuine::flood),
};

int main(int argc, char **argv)
{
    return bench_main(argc, argv, contestants, sizeof contestants / sizeof contestants[0]);
}
