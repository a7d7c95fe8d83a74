/// Private to the binding: what a LocalSocket runs on, which is a treenail channel, or a genuine
/// QLocalSocket where the other side knows nothing of treenail.
#ifndef TREENAIL_QT_LOCAL_BACKEND_HPP
#define TREENAIL_QT_LOCAL_BACKEND_HPP

#include <treenail/qt/local_socket.hpp>

#include <QPointer>
#if QT_VERSION >= QT_VERSION_CHECK(6, 2, 0)
#include <QProperty>
#endif

namespace treenail::qt::detail {

/// What a LocalSocket runs on. It has the calls of LocalSocket, and emits the signals of its socket
/// by itself. A backend serves one connection. What it has received can still be read after the
/// connection's end.
///
/// Any signal may destroy the socket, or give it another backend, which destroys this one. So a
/// function that goes on after it has emitted a signal asks InUse first.
class Backend : public QObject {
public:
    explicit Backend(LocalSocket& socket) : QObject(&socket), socket_(socket) {}

    /// Ends its work without a signal: its socket has no more use for it, and may be gone.
    void retire() {
        retired_ = true;
        setParent(nullptr);
        drop();
        deleteLater();
    }

    virtual LocalSocket::LocalSocketState state() const = 0;
    virtual LocalSocket::LocalSocketError error() const = 0;
    virtual qintptr descriptor() const = 0;
    virtual bool isValid() const = 0;
    virtual void setReadBufferSize(qint64 size) = 0;

    virtual qint64 bytesAvailable() const = 0;
    virtual qint64 bytesToWrite() const = 0;
    virtual bool canReadLine() const = 0;
    virtual qint64 read(char* data, qint64 maxSize) = 0;
    virtual qint64 readLine(char* data, qint64 maxSize) = 0;
    virtual qint64 skip(qint64 maxSize) = 0;
    virtual qint64 write(const char* data, qint64 size) = 0;
    virtual bool flush() = 0;

    virtual void disconnectFromServer() = 0;
    /// Ends the connection as disconnectFromServer() does, and drops what was received.
    virtual void close() = 0;
    virtual void abort() = 0;

    virtual bool waitForConnected(int msecs) = 0;
    virtual bool waitForReadyRead(int msecs) = 0;
    virtual bool waitForBytesWritten(int msecs) = 0;
    virtual bool waitForDisconnected(int msecs) = 0;

protected:
    virtual void drop() = 0;

    LocalSocket& socket_;

private:
    friend class InUse;

    bool retired_ = false;
};

/// Whether a backend still serves its socket. It may be asked after the backend is gone.
class InUse {
public:
    explicit InUse(Backend* backend) : backend_(backend) {}
    explicit operator bool() const { return !backend_.isNull() && !backend_->retired_; }

private:
    QPointer<Backend> backend_;
};

}  // namespace treenail::qt::detail

namespace treenail::qt {

struct LocalSocket::Private {
    /// The backend; null before the first connection.
    detail::Backend* backend = nullptr;
    /// The server's name, of this connection or of the next one.
    QString serverName;
    QString fullServerName;
    qint64 readBufferSize = 0;
#if QT_VERSION >= QT_VERSION_CHECK(6, 2, 0)
    QProperty<SocketOptions> options;
#endif

    /// Replaces the backend, which may be at work further up the stack.
    template <class Made>
    Made& use(Made* made) {
        retire();
        backend = made;
        backend->setReadBufferSize(readBufferSize);
        return *made;
    }
    void retire();
    void forgetNames();
    bool isAbstract() const;
};

}  // namespace treenail::qt

#endif
