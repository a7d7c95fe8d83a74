/// A two-way channel of messages to one peer, for Qt's event loop.
#ifndef TREENAIL_QT_CHANNEL_HPP
#define TREENAIL_QT_CHANNEL_HPP

#include "request.hpp"

#include <QByteArray>
#include <QDataStream>
#include <QFuture>
#include <QIODevice>
#include <QObject>
#include <QString>
#include <QVariantMap>

#include <functional>
#include <memory>
#include <optional>
#include <type_traits>

namespace treenail::qt {

namespace detail {
class ChannelDriver;

template <class T, class = void>
struct IsStreamed : std::false_type {};
template <class T>
struct IsStreamed<
    T, std::void_t<decltype(std::declval<QDataStream&>() << std::declval<const T&>())>>
    : std::bool_constant<!std::is_convertible_v<const T&, QByteArray>> {};
}  // namespace detail

/// A two-way channel of messages to one peer, with signals. What was sent arrives whole and in
/// order. No call blocks: messages for which the channel has no room wait in this object, up to a
/// limit, and are sent when the peer has received.
///
/// Threads. Every function may be called from any thread. The object may be destroyed by any thread
/// (but not by two at once), and moved to another at any time. Signals, and the callbacks of
/// requests, come in the object's own thread, whose event loop must run. If another thread destroys
/// the object while one of its slots runs, the destructor waits for the end of the slot.
class Channel : public QObject {
    Q_OBJECT
    Q_PROPERTY(QString endpoint READ endpoint NOTIFY stateChanged)
    Q_PROPERTY(State state READ state NOTIFY stateChanged)
    Q_PROPERTY(qint64 bytesToWrite READ bytesToWrite NOTIFY bytesWritten)
    Q_PROPERTY(qint64 maxBytesToWrite READ maxBytesToWrite WRITE setMaxBytesToWrite)
    Q_PROPERTY(QString errorString READ errorString NOTIFY errorOccurred)

public:
    enum State {
        /// There is no connection, not yet or not any more.
        Unconnected,
        /// connectTo() was called, but nobody listens yet (retry=1), or the listener's backlog is
        /// full, or the endpoint says early=0 or shm=required. What is sent waits.
        Connecting,
        /// Somebody listens there, but may not have accepted yet.
        Connected,
        /// close() was called, and something still waits to be sent.
        Closing,
    };
    Q_ENUM(State)

    /// The value of maxBytesToWrite() unless you set another.
    static constexpr qint64 DefaultMaxBytesToWrite = 64 << 20;
    /// Each waiting message counts as this many bytes more than it has.
    static constexpr qint64 CostPerMessage = 64;

    explicit Channel(QObject* parent = nullptr);
    /// Takes over a channel of the C++ binding, connected or connecting.
    explicit Channel(treenail::Channel channel, QObject* parent = nullptr);
    /// Closes the channel at once, and what still waits is lost. To send it first, call close() and
    /// wait for disconnected().
    ~Channel() override;

    // ---- connecting ----

    /// Connects to a listener, such as "shm:chat". The state is Connected as soon as somebody
    /// listens there. What is sent before the listener accepts arrives once it does, and if it
    /// refuses, errorOccurred() comes. With retry=1 the channel keeps trying while nobody listens,
    /// for so many milliseconds; a timeout below 0 is no limit. When they are over,
    /// errorOccurred(Status::timed_out, ...) comes, and the state is Unconnected again.
    /// connected() or errorOccurred() comes from the event loop. Returns false, with error(), if
    /// there is a connection already, or if nobody listens.
    Q_INVOKABLE bool connectTo(const QString& endpoint, int timeoutMs = -1);

    /// Ends the connection as soon as what waits is sent; then disconnected() comes. No more can be
    /// sent after this call.
    Q_INVOKABLE void close();
    /// Ends the connection at once; what waits is lost. If this is the object's thread,
    /// disconnected() comes before this call returns.
    Q_INVOKABLE void abort();

    State state() const;
    /// The endpoint that connectTo() was called with, or the address at which the two sides met.
    QString endpoint() const;

    // ---- sending ----

    /// Sends a message, with a tag of your choice or 0. Returns false, with error(), if there is no
    /// connection, if the message is longer than the peer takes, or (Status::no_space) if more
    /// would wait than maxBytesToWrite() allows. Messages that were sent before stay as they are.
    Q_INVOKABLE bool send(const QByteArray& data) { return send(0, data); }
    Q_INVOKABLE bool send(quint32 tag, const QByteArray& data);

    /// Sends the bytes that QDataStream writes for a value, in the format of Qt 5.15 whatever the
    /// version of Qt. To a peer without Qt send bytes instead: those of a QString are toUtf8().
    template <class T, class = std::enable_if_t<detail::IsStreamed<T>::value>>
    bool send(const T& value) {
        return send(0, toBytes(value));
    }
    template <class T, class = std::enable_if_t<detail::IsStreamed<T>::value>>
    bool send(quint32 tag, const T& value) {
        return send(tag, toBytes(value));
    }
    /// The bytes that QDataStream writes for a value, in the format of Qt 5.15.
    template <class T>
    static QByteArray toBytes(const T& value) {
        QByteArray bytes;
        QDataStream stream(&bytes, QIODevice::WriteOnly);
        stream.setVersion(QDataStream::Qt_5_15);
        stream << value;
        return bytes;
    }
    /// The value whose toBytes() these are; nothing if the bytes aren't exactly one T.
    template <class T>
    static std::optional<T> fromBytes(const QByteArray& bytes) {
        QDataStream stream(bytes);
        stream.setVersion(QDataStream::Qt_5_15);
        T value{};
        stream >> value;
        return stream.status() == QDataStream::Ok && stream.atEnd() ? std::optional<T>(value)
                                                                   : std::nullopt;
    }

    /// The bytes that were sent and are still in this process.
    qint64 bytesToWrite() const;
    qint64 maxBytesToWrite() const;
    /// Sets how many bytes may wait. With 0 nothing waits, and a message without room is refused.
    /// What waits already stays.
    void setMaxBytesToWrite(qint64 bytes);

    // ---- asking ----

    /// Sends a request. The future gets the reply, or a RequestError. Cancelling the future gives
    /// the request up. A timeout below 0 is no limit.
    QFuture<QByteArray> request(quint32 tag, const QByteArray& data, int timeoutMs = -1);
    /// Sends a request. The callback gets the reply, or why there is none. It is called once,
    /// unless the request is cancelled or the object destroyed before. Pass the result to
    /// cancelRequest().
    quint64 request(quint32 tag, const QByteArray& data, std::function<void(const Reply&)> done,
                    int timeoutMs = -1);
    /// Gives a request up. If this is the object's thread, its callback is never called after this.
    void cancelRequest(quint64 request);

    // ---- asking about it ----

    /// The status of the last failure: of connecting, of sending, or of the connection's end.
    Status error() const;
    /// The last failure as one line: what was tried on what, what went wrong, what to do.
    QString errorString() const;
    /// Who is at the other end, as the kernel says. Without a connection its address is empty.
    Peer peer() const;
    /// Counts of what has gone through this connection; zeros without one.
    Stats stats() const;
    /// Counts of what has gone through this connection, by their names in Stats, for QML.
    Q_INVOKABLE QVariantMap statistics() const;

Q_SIGNALS:
    void connected();
    /// The end of a connection, after all that the peer had sent was received.
    void disconnected();
    void stateChanged(treenail::qt::Channel::State state);
    void messageReceived(const QByteArray& data, quint32 tag);
    /// The peer waits for request.reply().
    void requestReceived(const treenail::qt::Request& request);
    /// This many bytes of what had to wait were sent.
    void bytesWritten(qint64 bytes);
    /// Connecting failed, or the connection ended otherwise than by a close, and disconnected()
    /// follows. With Status::too_large a message was dropped: one that waited was longer than the
    /// peer takes, or one that came is longer than a QByteArray holds (2 GiB with Qt 5). A send()
    /// that returns false doesn't cause this signal.
    void errorOccurred(treenail::Status status, const QString& text);

private:
    std::shared_ptr<detail::ChannelState> shared_;
    detail::ChannelDriver* driver_;
};

}  // namespace treenail::qt

#endif
