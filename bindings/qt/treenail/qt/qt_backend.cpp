#include <treenail/qt/qt_backend.hpp>

namespace treenail::qt::detail {

QtBackend::QtBackend(LocalSocket& socket)
    : Backend(socket), qt_socket_(new QLocalSocket(this)) {
    connect(qt_socket_, &QLocalSocket::readyRead, &socket, &LocalSocket::readyRead);
    connect(qt_socket_, &QLocalSocket::bytesWritten, &socket, &LocalSocket::bytesWritten);
    connect(qt_socket_, &QLocalSocket::readChannelFinished, &socket,
            &LocalSocket::readChannelFinished);
    connect(qt_socket_, &QLocalSocket::disconnected, &socket, &LocalSocket::disconnected);
    connect(qt_socket_, &QLocalSocket::stateChanged, this, [this] {
        takeNames();
        Q_EMIT socket_.stateChanged(state());
    });
    connect(qt_socket_, &QLocalSocket::errorOccurred, this,
            [this](QLocalSocket::LocalSocketError error) {
                socket_.setErrorString(qt_socket_->errorString());
                Q_EMIT socket_.errorOccurred(static_cast<LocalSocket::LocalSocketError>(error));
            });
    connect(qt_socket_, &QLocalSocket::connected, this, [this] {
        takeNames();
        socket_.QIODevice::open(qt_socket_->openMode());
        Q_EMIT socket_.connected();
    });
}

void QtBackend::connectToServer(const QString& name, QIODevice::OpenMode openMode) {
#if QT_VERSION >= QT_VERSION_CHECK(6, 2, 0)
    qt_socket_->setSocketOptions(socket_.d->isAbstract() ? QLocalSocket::AbstractNamespaceOption
                                                       : QLocalSocket::NoOptions);
#endif
    qt_socket_->connectToServer(name, openMode);
}

bool QtBackend::setSocketDescriptor(qintptr descriptor, LocalSocket::LocalSocketState state,
                                         QIODevice::OpenMode openMode) {
    const bool is_set = qt_socket_->setSocketDescriptor(
        descriptor, static_cast<QLocalSocket::LocalSocketState>(state), openMode);
    takeNames();
    return is_set;
}

void QtBackend::takeNames() {
    socket_.d->serverName = qt_socket_->serverName();
    socket_.d->fullServerName = qt_socket_->fullServerName();
}

LocalSocket::LocalSocketState QtBackend::state() const {
    return static_cast<LocalSocket::LocalSocketState>(qt_socket_->state());
}

LocalSocket::LocalSocketError QtBackend::error() const {
    return static_cast<LocalSocket::LocalSocketError>(qt_socket_->error());
}

qint64 QtBackend::readLine(char* data, qint64 maxSize) {
    // QIODevice::readLine keeps room for a NUL, and the caller has done so already.
    return qt_socket_->readLine(data, maxSize + 1);
}

void QtBackend::drop() {
    qt_socket_->disconnect();
    qt_socket_->abort();
    qt_socket_->setParent(nullptr);
    qt_socket_->deleteLater();
}

}  // namespace treenail::qt::detail
