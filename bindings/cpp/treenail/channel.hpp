/// A two-way channel of messages to one peer.
#ifndef TREENAIL_CHANNEL_HPP
#define TREENAIL_CHANNEL_HPP

#include "bytes.hpp"
#include "facts.hpp"
#include "handle.hpp"
#include "message.hpp"
#include "status.hpp"
#include "timeout.hpp"
#include "values.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace treenail {

/// A two-way channel of whole messages to one peer. A message that a send took arrives whole and in
/// order, or not at all. A channel may be used from every thread at any time; none of them owns
/// anything. Each call has the statuses of the C function of its name. try_... calls return their
/// status where the others throw an Error. Values has the calls for messages that are one object.
class Channel : public detail::Handle<tn_channel, tn_channel_free>, public Values<Channel> {
public:
    using Handle::Handle;

    // ---- making one ----

    /// Connects to a listener, and is done when somebody listens there. What is sent before the
    /// other side accepts waits in the socket, and arrives first. If the other side refuses, the
    /// next call tells. Where nobody listens yet, retry=1 keeps trying; without it that is
    /// Status::not_found.
    static Channel connect(std::string_view endpoint, Timeout timeout = no_timeout) {
        return try_connect(endpoint, timeout).value();
    }
    static Result<Channel> try_connect(std::string_view endpoint, Timeout timeout) noexcept {
        tn_channel* made = nullptr;
        const auto status =
            tn_channel_connect(detail::Terminated(endpoint).c_str(), timeout.to_c(), &made);
        return {detail::status(status), Channel(made)};
    }

    /// Begins to connect to a listener, and returns at once. The channel may be unconnected for a
    /// while: the listener's backlog is full, nobody listens yet with retry=1, or early=0. Until it
    /// is connected, its descriptors become readable on progress. Its calls then wait, or return
    /// Status::again or the reason why connecting failed.
    static Channel connect_start(std::string_view endpoint) {
        return try_connect_start(endpoint).value();
    }
    static Result<Channel> try_connect_start(std::string_view endpoint) noexcept {
        tn_channel* made = nullptr;
        const auto status = tn_channel_connect_start(detail::Terminated(endpoint).c_str(), &made);
        return {detail::status(status), Channel(made)};
    }

    /// Makes a channel between exactly two programs: listens, accepts the first program that
    /// connects, and stops listening.
    static Channel create(std::string_view endpoint, Timeout timeout = no_timeout) {
        return try_create(endpoint, timeout).value();
    }
    static Result<Channel> try_create(std::string_view endpoint, Timeout timeout) noexcept {
        tn_channel* made = nullptr;
        const auto status =
            tn_channel_create(detail::Terminated(endpoint).c_str(), timeout.to_c(), &made);
        return {detail::status(status), Channel(made)};
    }

    /// Begins to listen for the one program that the channel is for, and returns at once. Until
    /// that program has connected, the channel is as one from connect_start().
    static Channel create_start(std::string_view endpoint) {
        return try_create_start(endpoint).value();
    }
    static Result<Channel> try_create_start(std::string_view endpoint) noexcept {
        tn_channel* made = nullptr;
        const auto status = tn_channel_create_start(detail::Terminated(endpoint).c_str(), &made);
        return {detail::status(status), Channel(made)};
    }

    /// Makes a private channel and returns both its ends, for tests and for threads of one process:
    /// `auto [one, other] = Channel::pair()`. The options are as behind the ? of an endpoint. The
    /// ends share memory, unless shm=off. Nothing waits, and nobody else can connect.
    static std::pair<Channel, Channel> pair(std::string_view options = {}) {
        return try_pair(options).value();
    }
    static Result<std::pair<Channel, Channel>> try_pair(std::string_view options = {}) noexcept {
        tn_channel* one = nullptr;
        tn_channel* other = nullptr;
        const auto status = tn_channel_pair(detail::Terminated(options).c_str(), &one, &other);
        return {detail::status(status), std::pair(Channel(one), Channel(other))};
    }

    // ---- sending ----

    /// Sends one message, whole or not at all. An empty one is a message too.
    void send(Bytes data, Timeout timeout = no_timeout) const {
        detail::check(try_send(data, timeout));
    }
    Status try_send(Bytes data, Timeout timeout) const noexcept {
        return detail::status(
            tn_channel_send(native_handle(), data.data(), data.size(), timeout.to_c()));
    }

    /// Sends one message with a tag, whole or not at all. An empty one is a message too.
    void send(Tag tag, Bytes data, Timeout timeout = no_timeout) const {
        detail::check(try_send(tag, data, timeout));
    }
    Status try_send(Tag tag, Bytes data, Timeout timeout) const noexcept {
        return detail::status(tn_channel_send_tagged(native_handle(), tag.number(), data.data(),
                                                     data.size(), timeout.to_c()));
    }

    /// Sends one message that is put together from parts: sendv(1, {head, body}).
    void sendv(Tag tag, Span<const Bytes> parts, Timeout timeout = no_timeout) const {
        detail::check(try_sendv(tag, parts, timeout));
    }
    Status try_sendv(Tag tag, Span<const Bytes> parts, Timeout timeout) const noexcept {
        return detail::status(tn_channel_sendv(native_handle(), tag.number(), slices(parts),
                                               parts.size(), timeout.to_c()));
    }

    /// Sends many messages with one wake-up, and returns how many were taken. They are fewer than
    /// all only if the time ran out or the channel ended. The call fails only if none was taken.
    std::size_t send_many(Span<const Bytes> messages, Timeout timeout = no_timeout) const {
        return try_send_many(messages, timeout).value();
    }
    Result<std::size_t> try_send_many(Span<const Bytes> messages, Timeout timeout) const noexcept {
        std::size_t sent = 0;
        const auto status = tn_channel_send_many(native_handle(), slices(messages), messages.size(),
                                                 timeout.to_c(), &sent);
        return {detail::status(status), sent};
    }

    /// Lends room in which the caller writes a message of up to `size` bytes in place.
    Loan loan(std::size_t size, Timeout timeout = no_timeout) const {
        Loan loan;
        detail::check(lend(loan, size, timeout));
        return loan;
    }
    Result<Loan> try_loan(std::size_t size, Timeout timeout) const noexcept {
        return {detail::InPlace(), [&](Loan& loan) { return lend(loan, size, timeout); }};
    }

    /// Waits until every message that sends took is out of this process.
    void flush(Timeout timeout = no_timeout) const { detail::check(try_flush(timeout)); }
    Status try_flush(Timeout timeout) const noexcept {
        return detail::status(tn_channel_flush(native_handle(), timeout.to_c()));
    }

    // ---- receiving ----

    /// Receives one message into a buffer, and returns its length. A request that is received by
    /// this call can't be answered. Status::too_large: the message stays, and the value of try_recv
    /// is the size it needs.
    std::size_t recv(Buffer buffer, Timeout timeout = no_timeout) const {
        return try_recv(buffer, timeout).value();
    }
    Result<std::size_t> try_recv(Buffer buffer, Timeout timeout) const noexcept {
        std::size_t length = 0;
        const auto status = tn_channel_recv(native_handle(), buffer.data(), buffer.size(),
                                            timeout.to_c(), &length);
        return {detail::status(status), length};
    }

    /// Receives one message as a string, or as another container of bytes:
    /// recv<std::vector<std::byte>>().
    template <class Container = std::string>
    Container recv(Timeout timeout = no_timeout) const {
        Container container;
        recv_to(container, timeout);
        return container;
    }

    /// Receives one message into a container. The message replaces the content, and the
    /// container's memory is used again.
    template <class Container>
    void recv_to(Container& container, Timeout timeout = no_timeout) const {
        using Byte = typename Container::value_type;
        static_assert(sizeof(Byte) == 1 && detail::is_plain<Byte>, "a container of bytes");
        const View view = recv_view(timeout);
        const auto* data = static_cast<const Byte*>(view.native().data);
        container.assign(data, data + view.size());
    }

    /// Receives one message into a buffer, with its tag, id and flags. Status::too_large: the
    /// message stays, and the size of try_recv_message's value is the size it needs.
    Message recv_message(Buffer buffer, Timeout timeout = no_timeout) const {
        Message message;
        detail::check(receive(message, buffer, timeout));
        return message;
    }
    Result<Message> try_recv_message(Buffer buffer, Timeout timeout) const noexcept {
        return {detail::InPlace(),
                [&](Message& message) { return receive(message, buffer, timeout); }};
    }

    /// Receives one message in place, without a copy where the transport can do that.
    View recv_view(Timeout timeout = no_timeout) const {
        View view;
        detail::check(lend(view, timeout));
        return view;
    }
    Result<View> try_recv_view(Timeout timeout) const noexcept {
        return {detail::InPlace(), [&](View& view) { return lend(view, timeout); }};
    }

    /// Receives as many messages as are there and fit. Their bytes go to the buffer, 16-byte
    /// aligned. Where each lies, with its tag, id and flags, goes to `messages`, whose front part
    /// is the result. The call waits for the first message only. Requests among them can be
    /// answered. Status::too_large: not even the first fits, and the size of messages[0] is the
    /// size it needs (15 more if the buffer isn't 16-byte aligned).
    Span<const Message> recv_many(Buffer buffer, Span<Message> messages,
                                  Timeout timeout = no_timeout) const {
        return try_recv_many(buffer, messages, timeout).value();
    }
    Result<Span<const Message>> try_recv_many(Buffer buffer, Span<Message> messages,
                                              Timeout timeout) const noexcept {
        std::size_t count = 0;
        const auto status =
            tn_channel_recv_many(native_handle(), buffer.data(), buffer.size(),
                                 reinterpret_cast<tn_message*>(messages.data()), messages.size(),
                                 timeout.to_c(), &count);
        return {detail::status(status), {messages.data(), count}};
    }

    /// Looks for a short while, 50 us at most, whether there is something to receive, and leaves it
    /// there. It is for an event loop that has just handled a message and is about to sleep, though
    /// the next message may come at once. Limit how often you call it in a row. Status::again:
    /// nothing came.
    bool busy_poll() const { return detail::done(try_busy_poll()); }
    Status try_busy_poll() const noexcept {
        return detail::status(tn_channel_busy_poll(native_handle()));
    }

    // ---- asking and answering ----

    /// Sends a request and waits for the reply. Other messages that come meanwhile wait for a
    /// receiving call. Any number of threads may ask at once.
    View request(Tag tag, Bytes data, Timeout timeout = no_timeout) const {
        View reply;
        detail::check(ask(reply, tag, data, timeout));
        return reply;
    }
    Result<View> try_request(Tag tag, Bytes data, Timeout timeout) const noexcept {
        return {detail::InPlace(), [&](View& reply) { return ask(reply, tag, data, timeout); }};
    }

    /// Sends a request and returns its id; request_end() receives the reply, and nothing else does.
    /// The two halves of request(), for event loops and for waiting in pieces.
    std::uint32_t request_begin(Tag tag, Bytes data, Timeout timeout = no_timeout) const {
        return try_request_begin(tag, data, timeout).value();
    }
    Result<std::uint32_t> try_request_begin(Tag tag, Bytes data, Timeout timeout) const noexcept {
        std::uint32_t id = 0;
        const auto status = tn_channel_request_begin(native_handle(), tag.number(), data.data(),
                                                     data.size(), timeout.to_c(), &id);
        return {detail::status(status), id};
    }

    /// Waits for the reply to a request that request_begin() sent, and ends the request.
    /// Status::again, timed_out: the request stays open, and may be waited for again.
    View request_end(std::uint32_t id, Timeout timeout = no_timeout) const {
        View reply;
        detail::check(fetch(reply, id, timeout));
        return reply;
    }
    Result<View> try_request_end(std::uint32_t id, Timeout timeout) const noexcept {
        return {detail::InPlace(), [&](View& reply) { return fetch(reply, id, timeout); }};
    }

    /// Ends a request that was begun; its reply is dropped when it comes.
    void request_cancel(std::uint32_t id) const { detail::check(try_request_cancel(id)); }
    Status try_request_cancel(std::uint32_t id) const noexcept {
        return detail::status(tn_channel_request_cancel(native_handle(), id));
    }

    /// Sends a request and returns its id. The reply is received like any message, with is_reply()
    /// and that id.
    std::uint32_t request_start(Tag tag, Bytes data, Timeout timeout = no_timeout) const {
        return try_request_start(tag, data, timeout).value();
    }
    Result<std::uint32_t> try_request_start(Tag tag, Bytes data, Timeout timeout) const noexcept {
        std::uint32_t id = 0;
        const auto status = tn_channel_request_start(native_handle(), tag.number(), data.data(),
                                                     data.size(), timeout.to_c(), &id);
        return {detail::status(status), id};
    }

    /// Answers a message for which is_request() is true. Its view may have been released before,
    /// and any thread may answer.
    void reply(const Message& request, Bytes data, Timeout timeout = no_timeout) const {
        detail::check(try_reply(request, data, timeout));
    }
    Status try_reply(const Message& request, Bytes data, Timeout timeout) const noexcept {
        return detail::status(tn_channel_reply(native_handle(), &request.native(), data.data(),
                                               data.size(), timeout.to_c()));
    }

    // ---- the rest of its life ----

    /// A descriptor for poll, epoll and event loops. It is readable while there may be a message,
    /// progress of connecting, the end, or something that the library itself has to send, such as
    /// the rest of a long message. Only a receiving call that returns Status::again or timed_out
    /// makes it unreadable. Never read, write or close it; it is the same number until the
    /// channel's end.
    int fd() const { return try_fd().value(); }
    Result<int> try_fd() const noexcept {
        int fd = -1;
        const auto status = tn_channel_fd(native_handle(), &fd);
        return {detail::status(status), fd};
    }

    /// A second descriptor, for room to send. It is readable while a send may succeed, on progress
    /// of connecting, and at the end. It starts readable. Only a send, commit or flush that returns
    /// Status::again or timed_out, or leaves the rest of a message here, makes it unreadable. Wait
    /// for it only while there is something to send. Never read, write or close it; it is the same
    /// number until the channel's end.
    int send_fd() const { return try_send_fd().value(); }
    Result<int> try_send_fd() const noexcept {
        int fd = -1;
        const auto status = tn_channel_send_fd(native_handle(), &fd);
        return {detail::status(status), fd};
    }

    /// Who is at the other end. Status::again: still connecting.
    Peer peer() const { return try_peer().value(); }
    Result<Peer> try_peer() const noexcept {
        Peer peer;
        const auto status = tn_channel_peer(native_handle(), &peer.native());
        return {detail::status(status), peer};
    }

    /// Counts of what has gone through the channel. Status::again: still connecting.
    Stats stats() const { return try_stats().value(); }
    Result<Stats> try_stats() const noexcept {
        Stats stats{};
        stats.struct_size = sizeof stats;
        const auto status = tn_channel_stats(native_handle(), &stats);
        return {detail::status(status), stats};
    }

    /// Ends the channel: every call returns Status::closed at once, in all threads, and the peer is
    /// told. It waits for nothing, so flush first. Open views stay readable. Closing twice is fine.
    void close() const noexcept { tn_channel_close(native_handle()); }

private:
    // These write what is received to where it stays: a copy would cost more than all else here.

    Status receive(Message& message, Buffer buffer, Timeout timeout) const noexcept {
        return detail::status(tn_channel_recv_message(native_handle(), buffer.data(), buffer.size(),
                                                      timeout.to_c(), &message.native_));
    }
    Status lend(Loan& loan, std::size_t size, Timeout timeout) const noexcept {
        return lent(loan, tn_channel_loan(native_handle(), size, timeout.to_c(), &loan.native_));
    }
    Status lend(View& view, Timeout timeout) const noexcept {
        return lent(view, tn_channel_recv_view(native_handle(), timeout.to_c(), &view.native_));
    }
    Status ask(View& reply, Tag tag, Bytes data, Timeout timeout) const noexcept {
        return lent(reply, tn_channel_request(native_handle(), tag.number(), data.data(),
                                              data.size(), timeout.to_c(), &reply.native_));
    }
    Status fetch(View& reply, std::uint32_t id, Timeout timeout) const noexcept {
        return lent(reply, tn_channel_request_end(native_handle(), id, timeout.to_c(),
                                                  &reply.native_));
    }

    /// Unless the call failed, `lent` has to be given back from now on.
    template <class Lent>
    Status lent(Lent& lent, tn_status status) const noexcept {
        if (status >= 0) {
            lent.channel_ = native_handle();
        }
        return detail::status(status);
    }

    static const tn_slice* slices(Span<const Bytes> row) noexcept {
        return reinterpret_cast<const tn_slice*>(row.data());
    }
};

}  // namespace treenail

#endif
