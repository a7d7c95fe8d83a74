#include <treenail/qt/local_server.hpp>

#include <treenail.hpp>
#include <treenail/qt/local_name.hpp>
#include <treenail/qt/local_socket.hpp>
#include <treenail/qt/unclaimed.hpp>
#include <treenail/qt/wait.hpp>
#include <treenail/qt/watcher.hpp>

#include <QAbstractEventDispatcher>
#include <QLocalServer>
#include <QPointer>
#if QT_VERSION >= QT_VERSION_CHECK(6, 2, 0)
#include <QProperty>
#endif
#include <QSocketNotifier>

#include <deque>

namespace treenail::qt {

namespace {

/// Connections that one event may bring before timers and others get their turn.
constexpr int event_connections_max = 32;

}  // namespace

/// A genuine QLocalServer, which listens at Qt's own socket and hands its connections on.
class LocalServer::Private final : public QLocalServer {
public:
    explicit Private(LocalServer& server) : QLocalServer(&server), server_(server) {}

    bool listenTo(const QString& name);
    bool listenTo(qintptr descriptor);
    void stop();

    /// Takes what has come to treenail's socket, and hands it on.
    void ready();
    /// Takes one connection and hands it on; false if there is none.
    bool acceptOne();
    /// Stops or goes on accepting, as there is room for more.
    void regulate();
    bool wait(int msec);

    std::deque<QPointer<LocalSocket>> pending;
    int pending_max = 30;
    QString error_string;
    QAbstractSocket::SocketError error = QAbstractSocket::UnknownSocketError;
#if QT_VERSION >= QT_VERSION_CHECK(6, 2, 0)
    QProperty<LocalServer::SocketOptions> options;
#else
    LocalServer::SocketOptions options;
#endif

protected:
    void incomingConnection(quintptr socketDescriptor) override;

private:
    bool listenWithTreenail(const QString& name);
    bool failAsGenuine();
    unsigned mode() const;
    bool hasRoom() const {
        return pending.size() <= static_cast<std::size_t>(std::max(pending_max, 0));
    }

    using ListenerWatcher = detail::Watcher<Private, &Private::ready>;

    LocalServer& server_;
    treenail::Listener listener_;
    ListenerWatcher* watcher_ = nullptr;
};

// ---- listening ----

bool LocalServer::Private::failAsGenuine() {
    error = QLocalServer::serverError();
    error_string = QLocalServer::errorString();
    return false;
}

bool LocalServer::Private::listenTo(const QString& name) {
    QLocalServer::setSocketOptions(QLocalServer::SocketOptions(static_cast<int>(server_.socketOptions())));
    // Qt's class would cut a name off at a NUL; that of no name is the same mistake.
    if (!QLocalServer::listen(name.contains(QChar(QChar::Null)) ? QString() : name)) {
        return failAsGenuine();
    }
    const bool is_abstract = (static_cast<int>(server_.socketOptions()) & 0x8) != 0;
    if (is_abstract || listenWithTreenail(name)) {
        regulate();
        return true;
    }
    QLocalServer::close();
    return false;
}

bool LocalServer::Private::listenTo(qintptr descriptor) {
    return QLocalServer::listen(descriptor) || failAsGenuine();
}

bool LocalServer::Private::listenWithTreenail(const QString& name) {
#if QT_VERSION >= QT_VERSION_CHECK(6, 3, 0)
    const int backlog = listenBacklogSize();
#else
    const int backlog = 50;
#endif
    const auto endpoint = detail::LocalName(name).endpoint_to_listen(mode(), backlog);
    auto listener = treenail::Listener::try_open(endpoint);
    if (!listener) {
        const bool is_used = listener == treenail::Status::exists;
        const bool is_denied = listener == treenail::Status::denied;
        error = is_used     ? QAbstractSocket::AddressInUseError
                : is_denied ? QAbstractSocket::SocketAccessError
                            : QAbstractSocket::UnknownSocketError;
        error_string = is_used ? QLocalServer::tr("%1: Address in use")
                                     .arg(QLatin1String("QLocalServer::listen"))
                               : QString::fromUtf8(treenail::last_error());
        return false;
    }
    listener_ = *std::move(listener);
    if (QAbstractEventDispatcher::instance() != nullptr) {
        watcher_ = new ListenerWatcher(listener_.fd(), this, this);
    }
    return true;
}

/// The mode that the options ask for; 0 if they ask for none.
unsigned LocalServer::Private::mode() const {
    const auto options = server_.socketOptions();
    return (options.testFlag(LocalServer::UserAccessOption) ? 0700u : 0u) |
           (options.testFlag(LocalServer::GroupAccessOption) ? 0070u : 0u) |
           (options.testFlag(LocalServer::OtherAccessOption) ? 0007u : 0u);
}

void LocalServer::Private::stop() {
    for (const auto& socket : pending) {
        delete socket.data();
    }
    pending.clear();
    delete std::exchange(watcher_, nullptr);
    listener_ = treenail::Listener();
    QLocalServer::close();
}

// ---- accepting ----

bool LocalServer::Private::acceptOne() {
    auto channel = listener_.try_accept(treenail::now);
    if (!channel) {
        return false;
    }
    auto connection = std::make_unique<detail::Unclaimed>(detail::Unclaimed{
        *std::move(channel), server_.serverName(), server_.fullServerName()});
    server_.incomingConnection(detail::deposit(std::move(connection)));
    return true;
}

void LocalServer::Private::ready() {
    const QPointer<Private> alive(this);
    int count = 0;
    while (alive && hasRoom() && count < event_connections_max && acceptOne()) {
        ++count;
    }
    if (alive) {
        regulate();
    }
}

/// Of a genuine QLocalSocket.
void LocalServer::Private::incomingConnection(quintptr socketDescriptor) {
    const QPointer<Private> alive(this);
    server_.incomingConnection(socketDescriptor);
    if (alive) {
        regulate();
    }
}

void LocalServer::Private::regulate() {
    const bool has_room = hasRoom();
    if (watcher_ != nullptr) {
        watcher_->setEnabled(has_room);
    }
    // Qt's own server can't be told to wait by its calls: its queue is always empty.
    for (auto* notifier : findChildren<QSocketNotifier*>(QString(), Qt::FindDirectChildrenOnly)) {
        notifier->setEnabled(has_room);
    }
}

/// Takes one connection, as Qt does, whether or not there is room. The others are left to the next
/// calls or the event loop. Returns false when the time is over.
bool LocalServer::Private::wait(int msec) {
    const auto deadline = detail::deadline_after(msec);
    const QPointer<Private> alive(this);
    for (;;) {
        if (acceptOne()) {
            break;
        }
        bool is_over = false;
        QLocalServer::waitForNewConnection(0, &is_over);
        if (!is_over || !alive || !QLocalServer::isListening()) {
            return true;
        }
        const int fd = listener_ ? *listener_.try_fd() : -1;
        if (!detail::wait_for({fd, static_cast<int>(QLocalServer::socketDescriptor())}, deadline)) {
            return false;
        }
    }
    if (alive) {
        regulate();
    }
    return true;
}

// ---- the public face ----

LocalServer::LocalServer(QObject* parent) : QObject(parent), d(new Private(*this)) {}

LocalServer::~LocalServer() {
    if (isListening()) {
        close();
    }
}

void LocalServer::close() {
    if (!isListening()) {
        return;
    }
    d->stop();
    d->error_string.clear();
    d->error = QAbstractSocket::UnknownSocketError;
}

bool LocalServer::listen(const QString& name) {
    if (isListening()) {
        qWarning("LocalServer::listen() called when already listening");
        return false;
    }
    return d->listenTo(name);
}

bool LocalServer::listen(qintptr socketDescriptor) {
    if (isListening()) {
        qWarning("LocalServer::listen() called when already listening");
        return false;
    }
    return d->listenTo(socketDescriptor);
}

bool LocalServer::isListening() const { return d->isListening(); }
QString LocalServer::serverName() const { return d->serverName(); }
QString LocalServer::fullServerName() const { return d->fullServerName(); }
qintptr LocalServer::socketDescriptor() const { return d->socketDescriptor(); }
QString LocalServer::errorString() const { return d->error_string; }
QAbstractSocket::SocketError LocalServer::serverError() const { return d->error; }

bool LocalServer::removeServer(const QString& name) {
    return !name.contains(QChar(QChar::Null)) && QLocalServer::removeServer(name);
}

bool LocalServer::hasPendingConnections() const { return !d->pending.empty(); }

LocalSocket* LocalServer::nextPendingConnection() {
    while (!d->pending.empty()) {
        const auto next = d->pending.front();
        d->pending.pop_front();
        d->regulate();
        if (next) {
            return next;
        }
    }
    return nullptr;
}

void LocalServer::incomingConnection(quintptr socketDescriptor) {
    auto* socket = new LocalSocket(this);
    socket->setSocketDescriptor(static_cast<qintptr>(socketDescriptor));
    d->pending.push_back(socket);
    Q_EMIT newConnection();
}

int LocalServer::maxPendingConnections() const { return d->pending_max; }
void LocalServer::setMaxPendingConnections(int numConnections) { d->pending_max = numConnections; }

bool LocalServer::waitForNewConnection(int msec, bool* timedOut) {
    if (timedOut != nullptr) {
        *timedOut = false;
    }
    if (!isListening()) {
        return false;
    }
    const QPointer<LocalServer> alive(this);
    const bool is_over = !d->wait(msec);
    if (timedOut != nullptr) {
        *timedOut = is_over;
    }
    return alive && hasPendingConnections();
}

#if QT_VERSION >= QT_VERSION_CHECK(6, 3, 0)
void LocalServer::setListenBacklogSize(int size) { d->setListenBacklogSize(size); }
int LocalServer::listenBacklogSize() const { return d->listenBacklogSize(); }
#endif

void LocalServer::setSocketOptions(SocketOptions options) { d->options = options; }
LocalServer::SocketOptions LocalServer::socketOptions() const { return d->options; }
#if QT_VERSION >= QT_VERSION_CHECK(6, 2, 0)
QBindable<LocalServer::SocketOptions> LocalServer::bindableSocketOptions() { return {&d->options}; }
#endif

}  // namespace treenail::qt
