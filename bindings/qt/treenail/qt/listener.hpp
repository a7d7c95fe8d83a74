/// Listens for channels, for Qt's event loop.
#ifndef TREENAIL_QT_LISTENER_HPP
#define TREENAIL_QT_LISTENER_HPP

#include "channel.hpp"

#include <treenail/listener.hpp>

#include <QObject>
#include <QString>

#include <memory>

namespace treenail::qt {

namespace detail {
class AcceptQueue;
}

/// A listener, with signals: programs connect to its endpoint, and each connection becomes a
/// Channel. Handshakes go on in the event loop of its thread; one that stalls holds up nobody else.
///
/// Threads. Every function may be called from any thread. The object may be destroyed by any thread
/// (but not by two at once), and moved to another at any time. newChannel() and errorOccurred()
/// come in the object's own thread. nextPendingChannel() makes the channel in the thread that calls
/// it.
class Listener : public QObject {
    Q_OBJECT
    Q_PROPERTY(QString endpoint READ endpoint)
    Q_PROPERTY(bool listening READ isListening)
    Q_PROPERTY(QString errorString READ errorString NOTIFY errorOccurred)

public:
    explicit Listener(QObject* parent = nullptr);
    /// Stops listening. Channels that are still children of the listener end with it.
    ~Listener() override;

    /// Starts to listen, such as at "shm:chat". Returns false, with error(), if it can't;
    /// Status::exists says that a live process listens there.
    Q_INVOKABLE bool listen(const QString& endpoint);
    bool isListening() const;
    /// The endpoint to connect to; empty if it doesn't listen.
    QString endpoint() const;

    /// Stops listening. Pending connections are dropped; channels that were taken stay.
    Q_INVOKABLE void close();

    bool hasPendingChannels() const;
    /// Takes the next connection; null if there is none. The channel is a child of this object,
    /// unless another thread than this object's makes the call: then it has no parent. Call
    /// setParent(nullptr) to move it to another thread or to keep it longer than the listener. A
    /// connection receives nothing before it is taken.
    Q_INVOKABLE treenail::qt::Channel* nextPendingChannel();
    /// Takes the next connection as a channel of the C++ binding, which is no QObject: make a
    /// Channel of it elsewhere.
    treenail::Channel takePendingChannel();

    /// How many accepted connections may wait for nextPendingChannel(), 30 unless you set another
    /// number. Further ones wait in the system's backlog.
    int maxPendingChannels() const;
    void setMaxPendingChannels(int count);

    /// Counts what has become of the connections since it began to listen; zeros if it doesn't. An
    /// accepted connection that waits for nextPendingChannel() is among `accepted` and `channels`.
    ListenerStats stats() const;

    /// The status of the last failure.
    Status error() const;
    QString errorString() const;

Q_SIGNALS:
    /// A connection waits for nextPendingChannel(). There is one signal for each.
    void newChannel();
    /// Accepting failed because there are no descriptors left. The listener tries again.
    void errorOccurred(treenail::Status status, const QString& text);

private:
    detail::AcceptQueue* queue_;
};

}  // namespace treenail::qt

#endif
