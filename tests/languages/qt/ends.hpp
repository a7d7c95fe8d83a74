// What the tests of Channel and Listener share: endpoints that nobody else uses, both ends of a
// connection in one event loop, and other programs at the other end.
#ifndef ENDS_HPP
#define ENDS_HPP

#include <treenail/qt/listener.hpp>

#include <QCoreApplication>
#include <QProcess>
#include <QSignalSpy>
#include <QTemporaryDir>
#include <QtTest>

#include <memory>

// The deadline of everything that is expected to happen.
constexpr int soon = 10000;

#define EVENTUALLY(condition) QTRY_VERIFY_WITH_TIMEOUT(condition, soon)
#define EVENTUALLY_IS(got, want) QTRY_COMPARE_WITH_TIMEOUT(got, want, soon)

// Every test function runs over each transport: call it in initTestCase_data().
inline void over_each_transport() {
    QTest::addColumn<QString>("scheme");
    QTest::newRow("shm") << QStringLiteral("shm");
    QTest::newRow("local") << QStringLiteral("local");
}

// In a directory of this program's own.
inline QString unused_endpoint(const QString& options = {}) {
    static const QTemporaryDir directory;
    static int count = 0;
    QFETCH_GLOBAL(QString, scheme);
    return QStringLiteral("%1:%2/%3%4").arg(scheme, directory.path()).arg(count++).arg(options);
}

// A listener, and both ends of a connection to it.
struct Ends {
    explicit Ends(const QString& options = {}) {
        const auto endpoint = unused_endpoint(options);
        if (!listener.listen(endpoint) || !here.connectTo(endpoint)) {
            qFatal("%s%s", qPrintable(listener.errorString()), qPrintable(here.errorString()));
        }
        QDeadlineTimer deadline(soon);
        while (there == nullptr || here.state() != treenail::qt::Channel::Connected) {
            QCoreApplication::processEvents(QEventLoop::WaitForMoreEvents, 100);
            if (there == nullptr && listener.hasPendingChannels()) {
                there.reset(listener.nextPendingChannel());
                there->setParent(nullptr);
            }
            if (deadline.hasExpired()) {
                qFatal("not connected: %s", qPrintable(here.errorString()));
            }
        }
    }

    treenail::qt::Listener listener;
    treenail::qt::Channel here;
    std::unique_ptr<treenail::qt::Channel> there;
};

// A program in another process, and this side's end of its connection.
struct Program {
    explicit Program(const QString& role, const QString& options = {},
                     const QString& program = QStringLiteral(PEER)) {
        const auto endpoint = unused_endpoint(options);
        if (!listener.listen(endpoint)) {
            qFatal("%s", qPrintable(listener.errorString()));
        }
        process.setProcessChannelMode(QProcess::ForwardedChannels);
        process.start(program, {role, endpoint});
        QSignalSpy came(&listener, &treenail::qt::Listener::newChannel);
        if (!came.wait(soon)) {
            qFatal("%s %s: %s", qPrintable(program), qPrintable(role),
                   qPrintable(process.errorString()));
        }
        channel.reset(listener.nextPendingChannel());
        channel->setParent(nullptr);
    }
    ~Program() {
        channel.reset();
        process.kill();
        process.waitForFinished(soon);
    }

    treenail::qt::Listener listener;
    QProcess process;
    std::unique_ptr<treenail::qt::Channel> channel;
};

#endif
