/// The calls of a channel whose messages are one object each.
#ifndef TREENAIL_VALUES_HPP
#define TREENAIL_VALUES_HPP

#include "bytes.hpp"
#include "message.hpp"
#include "status.hpp"
#include "timeout.hpp"

#include <type_traits>

namespace treenail {

namespace detail {

/// So that send_value(1, 5s) is the number 1 with a timeout, and not a duration with a tag.
template <class T>
using IsNoTimeout = std::enable_if_t<!std::is_convertible_v<T, Timeout>>;

}  // namespace detail


/// The calls of a Channel whose messages are one object of a trivially copyable type each, without
/// a cast: its bytes, as they lie in memory. Both programs must lay the type out alike, as they do
/// on one machine if its members have the same types: std::int32_t, double and the like. Bytes
/// between the members are sent as they are. What isn't trivially copyable, and what refers to
/// other memory, doesn't compile; a pointer within a struct does, and means nothing there.
template <class Channel>
class Values {
public:
    /// Sends the bytes of one object of a trivially copyable type as a message, whole or not at all.
    /// recv_value() of the same type receives it.
    template <class T>
    void send_value(const T& value, Timeout timeout = no_timeout) const {
        detail::check(try_send_value(value, timeout));
    }
    template <class T>
    Status try_send_value(const T& value, Timeout timeout) const noexcept {
        detail::check_value<T>();
        return channel().try_send(Bytes(&value, sizeof value), timeout);
    }

    /// Sends the bytes of one object of a trivially copyable type as a message with a tag.
    template <class T, class = detail::IsNoTimeout<T>>
    void send_value(Tag tag, const T& value, Timeout timeout = no_timeout) const {
        detail::check(try_send_value(tag, value, timeout));
    }
    template <class T>
    Status try_send_value(Tag tag, const T& value, Timeout timeout) const noexcept {
        detail::check_value<T>();
        return channel().try_send(tag, Bytes(&value, sizeof value), timeout);
    }

    /// Receives one object of a trivially copyable type, which send_value() has sent:
    /// recv_value<Point>(). Status::protocol: the next message hasn't exactly the size of a T, and
    /// is gone. For a choice of types receive a View, look at its tag, and take its value().
    template <class T>
    T recv_value(Timeout timeout = no_timeout) const {
        return channel().recv_view(timeout).template value<T>();
    }
    template <class T>
    Result<T> try_recv_value(Timeout timeout) const noexcept {
        const auto view = channel().try_recv_view(timeout);
        return view ? view->template try_value<T>() : Result<T>(view.status());
    }

    /// Sends one object of a trivially copyable type as a request, and waits for the object that is
    /// the reply: request_value<Answer>(tag, question). Status::protocol: the reply hasn't exactly
    /// the size of an Answer.
    template <class Answer, class T>
    Answer request_value(Tag tag, const T& value, Timeout timeout = no_timeout) const {
        detail::check_value<T>();
        return channel().request(tag, Bytes(&value, sizeof value), timeout).template value<Answer>();
    }
    template <class Answer, class T>
    Result<Answer> try_request_value(Tag tag, const T& value, Timeout timeout) const noexcept {
        detail::check_value<T>();
        const auto reply = channel().try_request(tag, Bytes(&value, sizeof value), timeout);
        return reply ? reply->template try_value<Answer>() : Result<Answer>(reply.status());
    }

    /// Answers a request with one object of a trivially copyable type.
    template <class T>
    void reply_value(const Message& request, const T& value, Timeout timeout = no_timeout) const {
        detail::check(try_reply_value(request, value, timeout));
    }
    template <class T>
    Status try_reply_value(const Message& request, const T& value, Timeout timeout) const noexcept {
        detail::check_value<T>();
        return channel().try_reply(request, Bytes(&value, sizeof value), timeout);
    }

private:
    const Channel& channel() const noexcept { return static_cast<const Channel&>(*this); }
};

}  // namespace treenail

#endif
