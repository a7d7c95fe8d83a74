/// The watcher that all classes stand on: it calls, follows its owner to another thread, and may be
/// destroyed by what it calls.

#include <treenail.hpp>
#include <treenail/qt/watcher.hpp>

#include <QPointer>
#include <QThread>
#include <QtTest>

namespace {

/// Both ends of a channel; what comes to one of them is counted.
struct Ends {
    explicit Ends(const char* name) {
        const auto endpoint =
            "shm:" + std::string(name) + "-" + std::to_string(QCoreApplication::applicationPid());
        const auto listener = treenail::Listener::open(endpoint);
        there = treenail::Channel::connect_start(endpoint);
        auto accepted = listener.try_accept(treenail::now);
        while (accepted == treenail::Status::again) {
            (void)there.try_flush(treenail::now);
            accepted = listener.try_accept(treenail::now);
        }
        here = std::move(accepted).value();
    }

    treenail::Channel here;
    treenail::Channel there;
};

class Owner : public QObject {
public:
    explicit Owner(const treenail::Channel& channel)
        : channel_(channel), watcher_(channel.fd(), this, this) {}

    void ready() {
        char buffer[8];
        while (channel_.try_recv(buffer_of(buffer), treenail::now)) {
            ++received;
        }
        seen_by = QThread::currentThread();
        if (destroys_itself) {
            delete this;
        }
    }

    static treenail::Buffer buffer_of(char (&buffer)[8]) { return {buffer, sizeof buffer}; }

    QAtomicInt received = 0;
    QThread* seen_by = nullptr;
    bool destroys_itself = false;

private:
    const treenail::Channel& channel_;
    treenail::qt::detail::Watcher<Owner, &Owner::ready> watcher_;
};

}  // namespace

class WatcherTest : public QObject {
    Q_OBJECT

private slots:
    void calls_for_each_message() {
        const Ends ends("watcher-calls");
        const Owner owner(ends.here);
        for (int i = 1; i <= 3; ++i) {
            ends.there.send("x");
            QTRY_COMPARE_WITH_TIMEOUT(owner.received.loadAcquire(), i, 10000);
        }
    }

    void follows_its_owner_to_another_thread() {
        const Ends ends("watcher-follows");
        QThread thread;
        auto* owner = new Owner(ends.here);
        owner->moveToThread(&thread);
        thread.start();
        ends.there.send("x");
        QTRY_COMPARE_WITH_TIMEOUT(owner->received.loadAcquire(), 1, 10000);
        connect(&thread, &QThread::finished, owner, &QObject::deleteLater);
        const auto* seen_by = owner->seen_by;
        thread.quit();
        QVERIFY(thread.wait(10000));
        QCOMPARE(seen_by, &thread);
    }

    void may_be_destroyed_by_what_it_calls() {
        const Ends ends("watcher-destroyed");
        const QPointer<Owner> owner(new Owner(ends.here));
        owner->destroys_itself = true;
        ends.there.send("x");
        QTRY_VERIFY_WITH_TIMEOUT(owner.isNull(), 10000);
    }
};

QTEST_GUILESS_MAIN(WatcherTest)
#include "watcher.moc"
