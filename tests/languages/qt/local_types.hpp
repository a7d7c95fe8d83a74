/// What the tests of the sockets share. They are compiled twice: with treenail's classes, and with
/// Qt's, which say what is right.
#ifndef TREENAIL_TESTS_QT_LOCAL_TYPES_HPP
#define TREENAIL_TESTS_QT_LOCAL_TYPES_HPP

#include <QCoreApplication>
#include <QLocalServer>
#include <QLocalSocket>
#include <QTemporaryDir>
#include <QtTest>

#include <treenail/qt/local_server.hpp>
#include <treenail/qt/local_socket.hpp>

#include <memory>

#ifdef TREENAIL_TEST_GENUINE
using Socket = QLocalSocket;
using Server = QLocalServer;
constexpr bool is_genuine = true;
#else
using Socket = treenail::qt::LocalSocket;
using Server = treenail::qt::LocalServer;
constexpr bool is_genuine = false;
#endif

/// For anything that happens at all.
constexpr int patience = 10000;

/// How a socket that connects is open.
inline QIODevice::OpenMode open_as(QIODevice::OpenMode mode) {
    return QT_VERSION < QT_VERSION_CHECK(6, 0, 0) ? mode | QIODevice::Unbuffered : mode;
}

/// What a socket, of either kind, says, in its order.
template <class Socket>
class Log {
public:
    explicit Log(Socket& socket) {
        QObject::connect(&socket, &Socket::connected, &context_, [this] { add("connected"); });
        QObject::connect(&socket, &Socket::disconnected, &context_, [this] { add("disconnected"); });
        QObject::connect(&socket, &Socket::stateChanged, &context_,
                         [this](auto state) { add("state " + QByteArray::number(state)); });
        QObject::connect(&socket, &Socket::errorOccurred, &context_,
                         [this](auto error) { add("error " + QByteArray::number(error)); });
        QObject::connect(&socket, &Socket::readyRead, &context_, [this] { add("readyRead"); });
        QObject::connect(&socket, &Socket::bytesWritten, &context_, [this](qint64 bytes) {
            written += bytes;
            add("bytesWritten");
        });
        QObject::connect(&socket, &Socket::readChannelFinished, &context_,
                         [this] { add("readChannelFinished"); });
        QObject::connect(&socket, &Socket::aboutToClose, &context_, [this] { add("aboutToClose"); });
    }

    /// What was said since the last call; what may come several times in a row is there once.
    QByteArrayList take() { return std::exchange(said_, {}); }
    bool has(const QByteArray& what) const { return said_.contains(what); }

    qint64 written = 0;

private:
    void add(const QByteArray& what) {
        const bool may_repeat = what == "readyRead" || what == "bytesWritten";
        if (!may_repeat || said_.isEmpty() || said_.last() != what) {
            said_ += what;
        }
    }

    /// Nothing is heard any more once this is gone.
    QObject context_;
    QByteArrayList said_;
};

inline const QByteArrayList connecting{"state 2", "state 3", "connected"};
inline const QByteArrayList left_well{"state 6", "state 0", "readChannelFinished", "disconnected"};
inline const QByteArrayList lost_peer = QByteArrayList{"error 1"} + left_well;

/// A name that no other process uses.
inline QString name_of(const char* what) {
    return QStringLiteral("%1-%2").arg(QLatin1String(what)).arg(QCoreApplication::applicationPid());
}

/// A server, a socket that is connected to it, and what the server made of it.
struct Pair {
    explicit Pair(const char* name) {
        const auto is_listening = server.listen(name_of(name));
        client.connectToServer(name_of(name));
        if (!is_listening || !client.waitForConnected(patience) ||
            !server.waitForNewConnection(patience)) {
            qFatal("no pair: %s, %s", qPrintable(server.errorString()),
                   qPrintable(client.errorString()));
        }
        accepted.reset(server.nextPendingConnection());
        accepted->setParent(nullptr);
    }

    Server server;
    Socket client;
    std::unique_ptr<Socket> accepted;
};

/// Reads until there are that many bytes, or the patience is over.
template <class Socket>
QByteArray read_bytes(Socket& socket, qint64 count) {
    QByteArray bytes = socket.readAll();
    QElapsedTimer timer;
    timer.start();
    while (bytes.size() < count && timer.elapsed() < patience) {
        QCoreApplication::processEvents(QEventLoop::WaitForMoreEvents, 100);
        bytes += socket.readAll();
    }
    return bytes;
}

/// Sockets' files go to a directory of this process.
class Places {
public:
    Places() {
        qputenv("TMPDIR", directory_.path().toLocal8Bit());
        qputenv("TREENAIL_DIR", directory_.path().toLocal8Bit());
    }

private:
    QTemporaryDir directory_;
};

#define LOCAL_TEST_MAIN(Test)                         \
    int main(int argc, char** argv) {                 \
        const Places places;                          \
        QCoreApplication application(argc, argv);     \
        Test test;                                    \
        return QTest::qExec(&test, argc, argv);       \
    }

#endif
