// Requests: answered, late, cancelled, many at once, and with nobody left to answer.
#include "ends.hpp"

#include <QFutureWatcher>

#include <thread>

using treenail::Status;
using treenail::qt::Channel;
using treenail::qt::Reply;
using treenail::qt::Request;
using treenail::qt::RequestError;

namespace {

// The status that a finished future holds.
Status status_of(const QFuture<QByteArray>& future) {
    try {
        auto copy = future;
        copy.waitForFinished();
        return Status::ok;
    } catch (const RequestError& error) {
        return *error.what() == '\0' ? Status::internal : error.status();
    }
}

}  // namespace

class ChannelRequestsTest : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void initTestCase_data() { over_each_transport(); }

    void a_future_and_a_callback_get_the_reply() {
        Ends ends;
        connect(ends.there.get(), &Channel::requestReceived, this, [](const Request& request) {
            QVERIFY(request.reply(request.data() + '!' + QByteArray::number(request.tag())));
        });
        QSignalSpy messages(ends.there.get(), &Channel::messageReceived);
        const auto future = ends.here.request(3, "who");
        QByteArray answer;
        QVERIFY(ends.here.request(4, "what", [&](const Reply& reply) {
            QVERIFY(reply);
            answer = reply.data;
        }) != 0);
        EVENTUALLY(future.isFinished() && !answer.isNull());
        QCOMPARE(future.result(), QByteArray("who!3"));
        QCOMPARE(answer, QByteArray("what!4"));
        QCOMPARE(messages.count(), 0);
    }

    void many_at_once_are_answered_in_any_order() {
        constexpr int count = 1000;
        Ends ends(QStringLiteral("?ring=16KiB"));
        QList<Request> open;
        connect(ends.there.get(), &Channel::requestReceived, this, [&](const Request& request) {
            open += request;
            if (open.size() == count) {
                while (!open.isEmpty()) {
                    const auto last = open.takeLast();
                    QVERIFY(last.reply(last.data() + last.data()));
                }
            }
        });
        int answered = 0;
        for (int i = 0; i < count; ++i) {
            ends.here.request(0, QByteArray::number(i), [&, i](const Reply& reply) {
                QCOMPARE(reply.data, QByteArray::number(i) + QByteArray::number(i));
                ++answered;
            }, soon);
        }
        EVENTUALLY(answered == count);
    }

    void from_many_threads() {
        Ends ends;
        connect(ends.there.get(), &Channel::requestReceived, this,
                [](const Request& request) { QVERIFY(request.reply(request.data())); });
        std::atomic<int> right{0};
        std::vector<std::thread> threads;
        for (int t = 0; t < 4; ++t) {
            threads.emplace_back([&, t] {
                for (int i = 0; i < 100; ++i) {
                    const auto text = QByteArray::number(t * 1000 + i);
                    right += ends.here.request(0, text, soon).result() == text;
                }
            });
        }
        EVENTUALLY(right == 400);
        for (auto& thread : threads) {
            thread.join();
        }
    }

    void answered_later_and_from_another_thread() {
        Ends ends;
        Request kept;
        connect(ends.there.get(), &Channel::requestReceived, this,
                [&](const Request& request) { kept = request; });
        const auto future = ends.here.request(0, "q");
        EVENTUALLY(!kept.data().isEmpty());
        std::thread([&] { QVERIFY(kept.reply("a")); }).join();
        EVENTUALLY(future.isFinished());
        QCOMPARE(future.result(), QByteArray("a"));
        ends.there.reset();
        QVERIFY(!kept.reply("once more"));
        QVERIFY(!Request().reply("to nobody"));
    }

    void a_reply_is_for_the_requests_own_connection() {
        Ends ends;
        Request kept;
        connect(&ends.here, &Channel::requestReceived, this,
                [&](const Request& request) { kept = request; });
        const auto future = ends.there->request(0, "q");
        EVENTUALLY(!kept.data().isEmpty());
        ends.here.abort();
        QVERIFY(ends.here.connectTo(ends.listener.endpoint()));
        EVENTUALLY(ends.here.state() == Channel::Connected);
        QVERIFY(!kept.reply("astray"));
        QCOMPARE(ends.here.error(), Status::closed);
        EVENTUALLY(future.isFinished());
        QVERIFY(status_of(future) == Status::closed);
    }

    void one_that_nobody_answers_times_out() {
        Ends ends;
        int late = 0, called = 0;
        Request kept;
        connect(ends.there.get(), &Channel::requestReceived, this,
                [&](const Request& request) { kept = request; ++late; });
        const auto slow = ends.here.request(0, "slow", 60 * soon);
        const auto future = ends.here.request(0, "q", 50);
        ends.here.request(0, "q", [&](const Reply& reply) {
            QVERIFY(reply.status == Status::timed_out && !reply.text.isEmpty());
            ++called;
        }, 20);
        EVENTUALLY(future.isFinished() && called == 1 && late == 3);
        QVERIFY(status_of(future) == Status::timed_out);
        QVERIFY(!slow.isFinished());
        QVERIFY(kept.reply("too late"));
        EVENTUALLY(ends.here.stats().late_replies == 1);
        QCOMPARE(called, 1);
    }

    void also_while_it_still_waits_to_be_sent() {
        Channel channel;
        QVERIFY(channel.connectTo(unused_endpoint(QStringLiteral("?retry=1"))));
        const auto future = channel.request(0, "q", 20);
        EVENTUALLY(future.isFinished());
        QVERIFY(status_of(future) == Status::timed_out);
    }

    void cancelled() {
        Ends ends;
        QList<Request> kept;
        connect(ends.there.get(), &Channel::requestReceived, this,
                [&](const Request& request) { kept += request; });
        auto future = ends.here.request(0, "one");
        const auto number = ends.here.request(0, "two", [](const Reply&) { QFAIL("called"); });
        EVENTUALLY(kept.size() == 2);
        future.cancel();
        ends.here.cancelRequest(number);
        ends.here.cancelRequest(number);
        EVENTUALLY(future.isFinished());
        QVERIFY(future.isCanceled());
        QVERIFY(kept[0].reply("1") && kept[1].reply("2"));
        EVENTUALLY(ends.here.stats().late_replies == 2);
    }

    void the_peer_leaves_without_an_answer() {
        Ends ends;
        QList<Status> statuses;
        connect(ends.there.get(), &Channel::requestReceived, this, [&] { ends.there.reset(); });
        const auto future = ends.here.request(0, "q");
        ends.here.request(0, "r", [&](const Reply& reply) { statuses += reply.status; });
        EVENTUALLY(future.isFinished() && statuses.size() == 1);
        QVERIFY(status_of(future) == Status::closed && statuses[0] == Status::closed);
    }

    void the_channel_ends_without_an_answer() {
        Ends ends;
        auto channel = std::make_unique<Channel>();
        QVERIFY(channel->connectTo(ends.listener.endpoint()));
        const auto future = channel->request(0, "q");
        channel->request(0, "r", [](const Reply&) { QFAIL("called after the end"); });
        channel.reset();
        QVERIFY(future.isFinished());
        QVERIFY(status_of(future) == Status::closed);
        Channel none;
        QVERIFY(status_of(none.request(0, "q")) == Status::closed);
        QCOMPARE(none.request(0, "q", [](const Reply&) {}), quint64(0));
    }

    void a_callback_may_destroy_the_channel() {
        Ends ends;
        connect(ends.there.get(), &Channel::requestReceived, this,
                [](const Request& request) { request.reply({}); });
        auto* channel = new Channel;
        bool destroyed = false;
        QVERIFY(channel->connectTo(ends.listener.endpoint()));
        channel->request(0, "q", [&](const Reply&) {
            delete channel;
            destroyed = true;
        });
        EVENTUALLY(ends.listener.hasPendingChannels());
        auto* there = ends.listener.nextPendingChannel();
        connect(there, &Channel::requestReceived, this,
                [](const Request& request) { request.reply({}); });
        EVENTUALLY(destroyed);
    }

#if QT_VERSION >= QT_VERSION_CHECK(6, 0, 0)
    void a_future_goes_on_with_then() {
        Ends ends;
        connect(ends.there.get(), &Channel::requestReceived, this, [&](const Request& request) {
            if (request.tag() == 1) {
                request.reply("42");
            } else {
                ends.there.reset();
            }
        });
        int number = 0;
        Status failed = Status::ok;
        ends.here.request(1, "q").then(this, [&](const QByteArray& data) { number = data.toInt(); });
        ends.here.request(2, "q")
            .then(this, [](const QByteArray&) {})
            .onFailed(this, [&](const RequestError& error) { failed = error.status(); });
        EVENTUALLY(number == 42 && failed == Status::closed);
    }
#endif
};

QTEST_GUILESS_MAIN(ChannelRequestsTest)
#include "channel_requests.moc"
