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

/// What was sent arrives whole and in order. Nothing here blocks: what the channel has no room for
/// waits in this object, up to a limit, and flows when the peer has received.
///
/// Threads. Every function may be called from any thread, and the object may be destroyed from any
/// (but for two at once, as ever) and be moved to another at any time. Signals, and the callbacks
/// of requests, come in the object's own thread, whose event loop must run. Destroying it from
/// another thread waits until a slot that just runs is over.
class Channel : public QObject {
    Q_OBJECT
    Q_PROPERTY(QString endpoint READ endpoint NOTIFY stateChanged)
    Q_PROPERTY(State state READ state NOTIFY stateChanged)
    Q_PROPERTY(qint64 bytesToWrite READ bytesToWrite NOTIFY bytesWritten)
    Q_PROPERTY(qint64 maxBytesToWrite READ maxBytesToWrite WRITE setMaxBytesToWrite)
    Q_PROPERTY(QString errorString READ errorString NOTIFY errorOccurred)

public:
    enum State {
        /// No connection: not yet, or not any more.
        Unconnected,
        /// connectTo() was called, but nobody listens yet (retry=1), the listener's backlog is full,
        /// or the endpoint says early=0 or shm=required; what is sent waits.
        Connecting,
        /// Somebody listens there, who may still have to accept.
        Connected,
        /// close() was called, and something still waits to be sent.
        Closing,
    };
    Q_ENUM(State)

    /// The limit of what waits, unless another is set.
    static constexpr qint64 DefaultMaxBytesToWrite = 64 << 20;
    /// What each waiting message counts towards the limit besides its bytes.
    static constexpr qint64 CostPerMessage = 64;

    explicit Channel(QObject* parent = nullptr);
    /// Takes a channel of the C++ binding over, connected or connecting.
    explicit Channel(treenail::Channel channel, QObject* parent = nullptr);
    /// Closes at once; what still waits is lost (close() and disconnected() are for that).
    ~Channel() override;

    // ---- connecting ----

    /// Connects to a listener, such as "shm:chat", which need not have accepted yet: the state is
    /// Connected at once where somebody listens, what is sent arrives once the listener accepts, and
    /// a refusal comes as errorOccurred(). With retry=1 it keeps trying while nobody listens.
    /// connected() or errorOccurred() comes from the event loop. False, with error(): there is a
    /// connection already, or nobody listens.
    Q_INVOKABLE bool connectTo(const QString& endpoint);

    /// Ends the connection as soon as what waits is sent; then comes disconnected(). Nothing can be
    /// sent any more.
    Q_INVOKABLE void close();
    /// Ends the connection at once; what waits is lost. disconnected() comes before this returns if
    /// this is the object's thread.
    Q_INVOKABLE void abort();

    State state() const;
    /// What connectTo() was called with, or where the two sides met.
    QString endpoint() const;

    // ---- sending ----

    /// Sends a message, with a tag of your choice. False, with error(): there is no connection, the
    /// message is longer than the peer takes, or (Status::no_space) more would wait than
    /// maxBytesToWrite() allows; what was sent before isn't touched by it.
    Q_INVOKABLE bool send(const QByteArray& data) { return send(0, data); }
    Q_INVOKABLE bool send(quint32 tag, const QByteArray& data);

    /// The same for anything that QDataStream can write, in the format of Qt 5.15 for all versions.
    /// For a peer without Qt send bytes: a QString's are those of toUtf8().
    template <class T, class = std::enable_if_t<detail::IsStreamed<T>::value>>
    bool send(const T& value) {
        return send(0, toBytes(value));
    }
    template <class T, class = std::enable_if_t<detail::IsStreamed<T>::value>>
    bool send(quint32 tag, const T& value) {
        return send(tag, toBytes(value));
    }
    template <class T>
    static QByteArray toBytes(const T& value) {
        QByteArray bytes;
        QDataStream stream(&bytes, QIODevice::WriteOnly);
        stream.setVersion(QDataStream::Qt_5_15);
        stream << value;
        return bytes;
    }
    /// The other way: nothing if the bytes aren't just a T.
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
    /// 0: nothing waits, what finds no room is refused. What waits already stays.
    void setMaxBytesToWrite(qint64 bytes);

    // ---- asking ----

    /// Sends a request; the future gets the reply, or a RequestError. Cancelling the future gives
    /// the request up. Less than 0 is no time limit.
    QFuture<QByteArray> request(quint32 tag, const QByteArray& data, int timeoutMs = -1);
    /// The same with a callback. It is called once, unless the request is cancelled or the object
    /// destroyed before. The result is for cancelRequest().
    quint64 request(quint32 tag, const QByteArray& data, std::function<void(const Reply&)> done,
                    int timeoutMs = -1);
    /// Gives up a request: its callback is not called any more, if this is the object's thread.
    void cancelRequest(quint64 request);

    // ---- asking about it ----

    /// The last failure: of connecting, of sending, or the end of the connection.
    Status error() const;
    /// The same as one line: what was tried on what, what went wrong, what to do.
    QString errorString() const;
    /// Who is at the other end, as the kernel says; its address is empty without a connection.
    Peer peer() const;
    /// What has gone through this connection; zeros without one.
    Stats stats() const;
    /// The same by their names in Stats, without struct_size, for QML.
    Q_INVOKABLE QVariantMap statistics() const;

Q_SIGNALS:
    void connected();
    /// The end of a connection, after all that the peer had sent was received.
    void disconnected();
    void stateChanged(treenail::qt::Channel::State state);
    void messageReceived(const QByteArray& data, quint32 tag);
    /// The peer waits for request.reply().
    void requestReceived(const treenail::qt::Request& request);
    /// So much of what had to wait was sent.
    void bytesWritten(qint64 bytes);
    /// Connecting failed; or the connection ended otherwise than by a close, and disconnected()
    /// follows; or (Status::too_large) a message that waited is longer than the peer takes, or one
    /// that came than a QByteArray holds (2 GiB with Qt 5), and was dropped. A send() that returns
    /// false doesn't come here.
    void errorOccurred(treenail::Status status, const QString& text);

private:
    std::shared_ptr<detail::ChannelState> shared_;
    detail::ChannelDriver* driver_;
};

}  // namespace treenail::qt

#endif
