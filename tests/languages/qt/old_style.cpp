// Programs whose aliases have Qt's names, and that connect by the text of a signature.
#include <treenail/qt/forward.hpp>

// In place of `class QLocalSocket;`, in a header.
using QLocalSocket = treenail::qt::LocalSocket;
using QLocalServer = treenail::qt::LocalServer;

#include <treenail/qt/local_server.hpp>
#include <treenail/qt/local_socket.hpp>

#include <QCoreApplication>
#include <QSignalSpy>
#include <QTemporaryDir>
#include <QThread>
#include <QtTest>

#include <atomic>

/// A class as programs have them, which moc reads with the alias.
class Window : public QObject {
    Q_OBJECT

public:
    std::atomic<int> states{0}, errors{0}, last_state{-1}, last_error{-1};

public Q_SLOTS:
    void showState(QLocalSocket::LocalSocketState state) {
        last_state = state;
        ++states;
    }
    void showError(QLocalSocket::LocalSocketError error) {
        last_error = error;
        ++errors;
    }
};

/// What is derived from it finds the same names.
class Socket : public QLocalSocket {
    Q_OBJECT

public:
    using QLocalSocket::QLocalSocket;
    QLocalSocket::LocalSocketState seen = QLocalSocket::ClosingState;
};

class OldStyleTest : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void signals_are_found_by_their_texts() {
        Window window;
        connect_and_look(window);
    }

    void they_reach_other_threads() {
        QThread thread;
        Window window;
        window.moveToThread(&thread);
        thread.start();
        connect_and_look(window);
        thread.quit();
        QVERIFY(thread.wait());
    }

private:
    static void connect_and_look(Window& window) {
        const QTemporaryDir directory;
        const auto name = directory.path() + QStringLiteral("/server");
        QLocalServer server;
        Socket socket;
        QSignalSpy coming(&server, SIGNAL(newConnection()));
        QVERIFY(connect(&socket, SIGNAL(stateChanged(QLocalSocket::LocalSocketState)), &window,
                        SLOT(showState(QLocalSocket::LocalSocketState))));
        QVERIFY(connect(&socket, SIGNAL(errorOccurred(QLocalSocket::LocalSocketError)), &window,
                        SLOT(showError(QLocalSocket::LocalSocketError))));
        int errors = 1;
#if QT_VERSION < QT_VERSION_CHECK(6, 0, 0)
        QVERIFY(connect(&socket, SIGNAL(error(QLocalSocket::LocalSocketError)), &window,
                        SLOT(showError(QLocalSocket::LocalSocketError))));
        ++errors;
#endif
        socket.connectToServer(name);
        QTRY_COMPARE(window.errors.load(), errors);
        QCOMPARE(window.last_error.load(), int(QLocalSocket::ServerNotFoundError));
        QVERIFY(server.listen(name));
        socket.connectToServer(name);
        QTRY_COMPARE(window.last_state.load(), int(QLocalSocket::ConnectedState));
        QTRY_COMPARE(coming.count(), 1);
    }
};

QTEST_GUILESS_MAIN(OldStyleTest)
#include "old_style.moc"
