/// Requests: one that was received and waits for its reply, and what came of one that was sent.
#ifndef TREENAIL_QT_REQUEST_HPP
#define TREENAIL_QT_REQUEST_HPP

#include <treenail/channel.hpp>

#include <QByteArray>
#include <QException>
#include <QMetaType>
#include <QString>

#include <memory>
#include <utility>

namespace treenail::qt {

namespace detail {
class ChannelState;
class ChannelDriver;
}

/// A request from the peer. It can be copied, kept, and answered later from any thread. If its
/// Channel is gone by then, reply() returns false.
class Request {
    Q_GADGET
    Q_PROPERTY(QByteArray data READ data)
    Q_PROPERTY(quint32 tag READ tag)

public:
    /// No request: reply() returns false.
    Request() = default;

    QByteArray data() const { return data_; }
    quint32 tag() const { return request_.tag(); }

    /// Sends the reply, as Channel::send() sends a message. Returns false also if the connection
    /// that the request came through has ended. Of several replies the peer takes the first.
    Q_INVOKABLE bool reply(const QByteArray& data) const;

private:
    friend class detail::ChannelDriver;
    Request(std::weak_ptr<detail::ChannelState> shared, std::weak_ptr<treenail::Channel> connection,
            const Message& request, QByteArray data)
        : shared_(std::move(shared)),
          connection_(std::move(connection)),
          request_(request),
          data_(std::move(data)) {}

    std::weak_ptr<detail::ChannelState> shared_;
    std::weak_ptr<treenail::Channel> connection_;
    Message request_;
    QByteArray data_;
};

/// The result of a request that was sent.
struct Reply {
    /// Status::ok if `data` is the reply. Otherwise there is no reply: Status::timed_out, or how
    /// the connection ended.
    Status status = Status::ok;
    QByteArray data;
    /// What went wrong, and what to do.
    QString text;

    explicit operator bool() const { return ok(status); }
};

#ifndef QT_NO_EXCEPTIONS
/// The exception that the QFuture of a request holds if no reply came. result() throws it, and with
/// Qt 6 onFailed() gets it. If the program is built without exceptions, such a future is cancelled.
class RequestError : public QException {
public:
    RequestError(Status status, const QString& text) : status_(status), text_(text.toUtf8()) {}

    Status status() const { return status_; }
    QString text() const { return QString::fromUtf8(text_); }
    const char* what() const noexcept override { return text_.constData(); }

    void raise() const override { throw *this; }
    RequestError* clone() const override { return new RequestError(*this); }

private:
    Status status_;
    QByteArray text_;
};
#endif

}  // namespace treenail::qt

Q_DECLARE_METATYPE(treenail::Status)
Q_DECLARE_METATYPE(treenail::qt::Request)

#endif
