#include <treenail/qt/local_socket.hpp>

#include <treenail/qt/channel_backend.hpp>
#include <treenail/qt/local_name.hpp>
#include <treenail/qt/qt_backend.hpp>
#include <treenail/qt/unclaimed.hpp>

namespace treenail::qt {

#if QT_VERSION < QT_VERSION_CHECK(6, 0, 0)
namespace {

/// Qt 5 looks for the types of a signal by moc's names for them when it goes to another thread.
/// Nothing is registered if the program has registered those of Qt's own class.
void register_types() {
    static const bool done = [] {
        constexpr const char* error = "QLocalSocket::LocalSocketError";
        constexpr const char* state = "QLocalSocket::LocalSocketState";
        if (QMetaType::type(error) == QMetaType::UnknownType) {
            qRegisterMetaType<LocalSocket::LocalSocketError>(error);
        }
        if (QMetaType::type(state) == QMetaType::UnknownType) {
            qRegisterMetaType<LocalSocket::LocalSocketState>(state);
        }
        return true;
    }();
    (void)done;
}

}  // namespace
#endif

LocalSocket::LocalSocket(QObject* parent) : QIODevice(parent), d(new Private) {
#if QT_VERSION < QT_VERSION_CHECK(6, 0, 0)
    register_types();
    connect(this, &LocalSocket::errorOccurred, this,
            static_cast<void (LocalSocket::*)(LocalSocketError)>(&LocalSocket::error));
#endif
}

LocalSocket::~LocalSocket() {
    close();
    d->retire();
}

void LocalSocket::Private::retire() {
    if (backend != nullptr) {
        backend->retire();
        backend = nullptr;
    }
}

void LocalSocket::Private::forgetNames() {
    serverName.clear();
    fullServerName.clear();
}

bool LocalSocket::Private::isAbstract() const {
#if QT_VERSION >= QT_VERSION_CHECK(6, 2, 0)
    return options.value().testFlag(AbstractNamespaceOption);
#else
    return false;
#endif
}

// ---- connecting ----

void LocalSocket::connectToServer(OpenMode openMode) {
    if (state() == ConnectedState || state() == ConnectingState) {
        setErrorString(tr("%1: Operation not permitted when socket is in this state")
                           .arg(QLatin1String("QLocalSocket::connectToserver")));
        Q_EMIT errorOccurred(OperationError);
        return;
    }
    if (d->serverName.contains(QChar(QChar::Null))) {
        d->serverName.clear();  // which is no name either; Qt's class would cut it off there
    }
    if (!d->isAbstract() && !d->serverName.isEmpty()) {
        const detail::LocalName name(d->serverName);
        auto channel = treenail::Channel::try_connect_start(name.endpoint_to_connect());
        if (channel) {
            setErrorString(QString());
            d->fullServerName = name.path();
            d->use(new detail::ChannelBackend(*this, *std::move(channel))).connected(openMode);
            return;
        }
    }
    // Nobody speaks treenail there. The genuine socket finds out who listens, or what is wrong.
    d->use(new detail::QtBackend(*this)).connectToServer(d->serverName, openMode);
}

void LocalSocket::connectToServer(const QString& name, OpenMode openMode) {
    setServerName(name);
    connectToServer(openMode);
}

void LocalSocket::disconnectFromServer() {
    if (d->backend != nullptr) {
        d->backend->disconnectFromServer();
    }
}

void LocalSocket::setServerName(const QString& name) {
    if (state() != UnconnectedState) {
        qWarning("LocalSocket::setServerName() called while not in unconnected state");
        return;
    }
    d->serverName = name;
}

QString LocalSocket::serverName() const { return d->serverName; }

QString LocalSocket::fullServerName() const { return d->fullServerName; }

bool LocalSocket::open(OpenMode openMode) {
    connectToServer(openMode);
    return isOpen();
}

void LocalSocket::close() {
    QIODevice::close();
    if (d->backend != nullptr) {
        d->backend->close();
    }
    d->forgetNames();
}

void LocalSocket::abort() {
    if (d->backend != nullptr) {
        d->backend->abort();
    }
#if QT_VERSION >= QT_VERSION_CHECK(6, 0, 0)
    close();
#endif
}

bool LocalSocket::setSocketDescriptor(qintptr socketDescriptor, LocalSocketState socketState,
                                      OpenMode openMode) {
    if (auto claimed = detail::claim(socketDescriptor)) {
        QIODevice::open(openMode);
#if QT_VERSION >= QT_VERSION_CHECK(6, 0, 0)
        d->serverName = claimed->serverName;
        d->fullServerName = claimed->fullServerName;
#endif
        d->use(new detail::ChannelBackend(*this, std::move(claimed->channel))).accepted();
        return true;
    }
    QIODevice::open(openMode);
    return d->use(new detail::QtBackend(*this))
        .setSocketDescriptor(socketDescriptor, socketState, openMode);
}

// ---- what the backend knows ----

bool LocalSocket::isSequential() const { return true; }

LocalSocket::LocalSocketState LocalSocket::state() const {
    return d->backend != nullptr ? d->backend->state() : UnconnectedState;
}

LocalSocket::LocalSocketError LocalSocket::error() const {
    return d->backend != nullptr ? d->backend->error() : UnknownSocketError;
}

bool LocalSocket::isValid() const { return d->backend != nullptr && d->backend->isValid(); }

qintptr LocalSocket::socketDescriptor() const {
    return d->backend != nullptr ? d->backend->descriptor() : -1;
}

qint64 LocalSocket::bytesAvailable() const {
    const auto behind = d->backend != nullptr ? d->backend->bytesAvailable() : 0;
    return QIODevice::bytesAvailable() + behind;
}

qint64 LocalSocket::bytesToWrite() const {
    return d->backend != nullptr ? d->backend->bytesToWrite() : 0;
}

bool LocalSocket::canReadLine() const {
    return QIODevice::canReadLine() || (d->backend != nullptr && d->backend->canReadLine());
}

qint64 LocalSocket::readBufferSize() const { return d->readBufferSize; }

void LocalSocket::setReadBufferSize(qint64 size) {
    d->readBufferSize = size;
    if (d->backend != nullptr) {
        d->backend->setReadBufferSize(size);
    }
}

#if QT_VERSION >= QT_VERSION_CHECK(6, 2, 0)
void LocalSocket::setSocketOptions(SocketOptions options) {
    if (state() != UnconnectedState) {
        qWarning("LocalSocket::setSocketOptions() called while not in unconnected state");
        return;
    }
    d->options = options;
}

LocalSocket::SocketOptions LocalSocket::socketOptions() const { return d->options; }

QBindable<LocalSocket::SocketOptions> LocalSocket::bindableSocketOptions() {
    return {&d->options};
}
#endif

// ---- bytes ----

qint64 LocalSocket::readData(char* data, qint64 maxSize) {
    return d->backend != nullptr ? d->backend->read(data, maxSize) : -1;
}

qint64 LocalSocket::readLineData(char* data, qint64 maxSize) {
    if (maxSize == 0) {
        return 0;
    }
    return d->backend != nullptr ? d->backend->readLine(data, maxSize) : -1;
}

#if QT_VERSION >= QT_VERSION_CHECK(6, 0, 0)
qint64 LocalSocket::skipData(qint64 maxSize) {
    return d->backend != nullptr ? d->backend->skip(maxSize) : -1;
}
#endif

qint64 LocalSocket::writeData(const char* data, qint64 size) {
    return d->backend != nullptr ? d->backend->write(data, size) : -1;
}

bool LocalSocket::flush() { return d->backend != nullptr && d->backend->flush(); }

// ---- waiting ----

bool LocalSocket::waitForConnected(int msecs) {
    if (state() == UnconnectedState) {
        return false;
    }
    return d->backend->waitForConnected(msecs);
}

bool LocalSocket::waitForReadyRead(int msecs) {
    return state() != UnconnectedState && d->backend->waitForReadyRead(msecs);
}

bool LocalSocket::waitForBytesWritten(int msecs) {
    if (state() == UnconnectedState) {
        qWarning("LocalSocket::waitForBytesWritten() is not allowed in UnconnectedState");
        return false;
    }
    return d->backend->waitForBytesWritten(msecs);
}

bool LocalSocket::waitForDisconnected(int msecs) {
    if (state() == UnconnectedState) {
        qWarning("LocalSocket::waitForDisconnected() is not allowed in UnconnectedState");
        return false;
    }
    return d->backend->waitForDisconnected(msecs);
}

}  // namespace treenail::qt
