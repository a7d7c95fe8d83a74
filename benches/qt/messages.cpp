// Contestants: Channel in event loops, and beside it the plain C API in a poll() loop.
#include "../common/slices.h"
#include "../ours/channel.h"

#include <treenail/qt/channel.hpp>
#include <treenail/qt/listener.hpp>

#include <QCoreApplication>
#include <QEventLoop>

#include <poll.h>

using treenail::qt::Channel;
using treenail::qt::Listener;

// ---- Channel ----

static Listener *listener;
static Channel *channel;

static void application()
{
    static int argc = 1;
    static char name[] = "bench", *argv[] = {name, nullptr};
    new QCoreApplication(argc, argv);
}

static void near_open()
{
    application();
    listener = new Listener;
    BENCH_CHECK(listener->listen(QString::fromLatin1(ours_endpoint())));
}

static void near_opened()
{
    while (!listener->hasPendingChannels())
        QCoreApplication::processEvents(QEventLoop::WaitForMoreEvents);
    channel = listener->nextPendingChannel();
}

static void far_open()
{
    application();
    channel = new Channel;
    BENCH_CHECK(channel->connectTo(QString::fromLatin1(ours_endpoint())));
    while (channel->state() == Channel::Connecting)
        QCoreApplication::processEvents(QEventLoop::WaitForMoreEvents);
    BENCH_CHECK(channel->state() == Channel::Connected);
}

static void near_close() { delete listener; }
static void far_close() { delete channel; }

// A message is made for each sending, as a program would.
static void send(uint64_t number, bool last)
{
    QByteArray message(static_cast<int>(bench_size), Qt::Uninitialized);
    auto *bytes = reinterpret_cast<unsigned char *>(message.data());
    last ? bench_stamp_stop(bytes, bench_size, number) : bench_stamp(bytes, bench_size, number);
    BENCH_CHECK(channel->send(message));
}

static const unsigned char *bytes_of(const QByteArray &message)
{
    BENCH_CHECK(message.size() == static_cast<int>(bench_size));
    return reinterpret_cast<const unsigned char *>(message.constData());
}

static void ping(uint64_t ns, bench_result *out)
{
    QEventLoop loop;
    QObject slot;
    uint64_t number = 0, start = bench_now(), before = start;
    QObject::connect(channel, &Channel::messageReceived, &slot, [&](const QByteArray &message) {
        bench_verify(bytes_of(message), bench_size, number++);
        bench_sample(bench_now() - before);
        if (bench_now() >= start + ns)
            return loop.quit();
        before = bench_now();
        send(number, false);
    });
    send(number, false);
    loop.exec();
    out->count = number;
    out->ns = bench_now() - start;
    bench_percentiles(out, 1);
    send(number, true);
}

// The last message of a slice is answered by nobody.
static void echo(uint64_t)
{
    QEventLoop loop;
    QObject slot;
    QObject::connect(channel, &Channel::messageReceived, &slot, [&](const QByteArray &message) {
        if (bench_load(bytes_of(message)) == BENCH_STOP)
            return loop.quit();
        BENCH_CHECK(channel->send(message));
    });
    loop.exec();
}

// ---- the C API ----

static void plain_send(const unsigned char *data, size_t size)
{
    OURS_OK(tn_channel_send(ours_channel, data, size, TN_NOWAIT));
}

static void plain_recv(unsigned char *data, size_t size)
{
    static pollfd entry = {-1, POLLIN, 0};
    if (entry.fd == -1)
        OURS_OK(tn_channel_fd(ours_channel, &entry.fd));
    size_t len;
    for (;;) {
        const tn_status status = tn_channel_recv(ours_channel, data, size, TN_NOWAIT, &len);
        if (status != TN_AGAIN) {
            OURS_OK(status);
            return;
        }
        BENCH_CHECK(poll(&entry, 1, -1) == 1);
    }
}

static constexpr bench_way plain = {plain_send, plain_recv};

static void plain_ping(uint64_t ns, bench_result *out) { bench_ping(plain, bench_size, ns, out); }
static void plain_echo(uint64_t) { bench_echo(plain, bench_size); }

static const bench_contestant contestants[] = {
    {"channel", nullptr, near_open, far_open, near_opened, ping, echo, near_close, far_close, false,
     nullptr},
    {"poll", nullptr, ours_listen, ours_connect, ours_accept, plain_ping, plain_echo,
     ours_near_close, ours_far_close, false, nullptr},
};

int main(int argc, char **argv)
{
    return bench_main(argc, argv, contestants, sizeof contestants / sizeof contestants[0]);
}
