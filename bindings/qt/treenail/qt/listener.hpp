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

/// Handshakes go on in the event loop of its thread; one that stalls holds up nobody else.
///
/// Threads. As Channel: every function from any thread, destroying and moving too; newChannel()
/// and errorOccurred() come in the object's own. nextPendingChannel() makes the channel in the
/// thread that calls it.
class Listener : public QObject {
    Q_OBJECT
    Q_PROPERTY(QString endpoint READ endpoint)
    Q_PROPERTY(bool listening READ isListening)
    Q_PROPERTY(QString errorString READ errorString NOTIFY errorOccurred)

public:
    explicit Listener(QObject* parent = nullptr);
    /// Closes; its channels that are still its children end with it.
    ~Listener() override;

    /// Starts listening, such as at "shm:chat". False, with error(): Status::exists says that
    /// somebody alive listens there.
    Q_INVOKABLE bool listen(const QString& endpoint);
    bool isListening() const;
    /// The endpoint to connect to; empty if it doesn't listen.
    QString endpoint() const;

    /// Stops listening. Connections that are pending are dropped, channels that were taken stay.
    Q_INVOKABLE void close();

    bool hasPendingChannels() const;
    /// The next connection, or null if there is none. It is a child of this object, unless another
    /// thread than this object's calls: then it has no parent. Take it out of there with
    /// setParent(nullptr) to move it to another thread or to keep it longer than the listener. It
    /// receives nothing before it is taken.
    Q_INVOKABLE treenail::qt::Channel* nextPendingChannel();
    /// The same as the C++ binding has it, without a QObject: for a Channel to be made elsewhere.
    treenail::Channel takePendingChannel();

    /// So many connections are taken from the system and wait for nextPendingChannel(); others
    /// wait outside. 30 unless another number is set.
    int maxPendingChannels() const;
    void setMaxPendingChannels(int count);

    /// The last failure.
    Status error() const;
    QString errorString() const;

Q_SIGNALS:
    /// Take it with nextPendingChannel(); there is one signal for each.
    void newChannel();
    /// Accepting failed, as there are no descriptors left; it is tried again.
    void errorOccurred(treenail::Status status, const QString& text);

private:
    detail::AcceptQueue* queue_;
};

}  // namespace treenail::qt

#endif
