#include <treenail/qt/genuine_backend.hpp>

namespace treenail::qt::detail {

GenuineBackend::GenuineBackend(LocalSocket& socket)
    : Backend(socket), genuine_(new QLocalSocket(this)) {
    connect(genuine_, &QLocalSocket::readyRead, &socket, &LocalSocket::readyRead);
    connect(genuine_, &QLocalSocket::bytesWritten, &socket, &LocalSocket::bytesWritten);
    connect(genuine_, &QLocalSocket::readChannelFinished, &socket,
            &LocalSocket::readChannelFinished);
    connect(genuine_, &QLocalSocket::disconnected, &socket, &LocalSocket::disconnected);
    connect(genuine_, &QLocalSocket::stateChanged, this, [this] {
        takeNames();
        Q_EMIT socket_.stateChanged(state());
    });
    connect(genuine_, &QLocalSocket::errorOccurred, this,
            [this](QLocalSocket::LocalSocketError error) {
                socket_.setErrorString(genuine_->errorString());
                Q_EMIT socket_.errorOccurred(static_cast<LocalSocket::LocalSocketError>(error));
            });
    connect(genuine_, &QLocalSocket::connected, this, [this] {
        takeNames();
        socket_.QIODevice::open(genuine_->openMode());
        Q_EMIT socket_.connected();
    });
}

void GenuineBackend::connectToServer(const QString& name, QIODevice::OpenMode openMode) {
#if QT_VERSION >= QT_VERSION_CHECK(6, 2, 0)
    genuine_->setSocketOptions(socket_.d->isAbstract() ? QLocalSocket::AbstractNamespaceOption
                                                       : QLocalSocket::NoOptions);
#endif
    genuine_->connectToServer(name, openMode);
}

bool GenuineBackend::setSocketDescriptor(qintptr descriptor, LocalSocket::LocalSocketState state,
                                         QIODevice::OpenMode openMode) {
    const bool is_set = genuine_->setSocketDescriptor(
        descriptor, static_cast<QLocalSocket::LocalSocketState>(state), openMode);
    takeNames();
    return is_set;
}

void GenuineBackend::takeNames() {
    socket_.d->serverName = genuine_->serverName();
    socket_.d->fullServerName = genuine_->fullServerName();
}

LocalSocket::LocalSocketState GenuineBackend::state() const {
    return static_cast<LocalSocket::LocalSocketState>(genuine_->state());
}

LocalSocket::LocalSocketError GenuineBackend::error() const {
    return static_cast<LocalSocket::LocalSocketError>(genuine_->error());
}

qint64 GenuineBackend::readLine(char* data, qint64 maxSize) {
    // QIODevice::readLine keeps room for a NUL, and the caller has done so already.
    return genuine_->readLine(data, maxSize + 1);
}

void GenuineBackend::drop() {
    genuine_->disconnect();
    genuine_->abort();
    genuine_->setParent(nullptr);
    genuine_->deleteLater();
}

}  // namespace treenail::qt::detail
