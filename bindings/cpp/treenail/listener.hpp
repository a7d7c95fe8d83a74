/// Listens for connections.
#ifndef TREENAIL_LISTENER_HPP
#define TREENAIL_LISTENER_HPP

#include "bytes.hpp"
#include "channel.hpp"
#include "facts.hpp"
#include "handle.hpp"
#include "status.hpp"
#include "timeout.hpp"

#include <cstddef>
#include <string>
#include <string_view>

namespace treenail {

/// A listener: programs connect to its endpoint, and each connection becomes a Channel. It may be
/// used from every thread at any time. Handshakes go on whenever accept is called; one that stalls
/// holds up nobody else. Each call has the statuses of the C function of its name. try_... calls
/// return their status where the others throw an Error.
class Listener : public detail::Handle<tn_listener, tn_listener_free> {
public:
    using Handle::Handle;

    /// Starts listening. Status::exists: somebody alive listens there.
    static Listener open(std::string_view endpoint) { return try_open(endpoint).value(); }
    static Result<Listener> try_open(std::string_view endpoint) noexcept {
        tn_listener* made = nullptr;
        const auto status = tn_listener_open(detail::Terminated(endpoint).c_str(), &made);
        return {detail::status(status), Listener(made)};
    }

    /// Waits for the next connection whose HELLO has come, and returns its channel. The peer may
    /// have ended already; what it sent is still received. The channel belongs to the caller, and
    /// may outlive the listener.
    Channel accept(Timeout timeout = no_timeout) const { return try_accept(timeout).value(); }
    Result<Channel> try_accept(Timeout timeout) const noexcept {
        tn_channel* made = nullptr;
        const auto status = tn_listener_accept(native_handle(), timeout.to_c(), &made);
        return {detail::status(status), Channel(made)};
    }

    /// The endpoint to connect to.
    std::string endpoint() const {
        std::string text(255, '\0');
        auto length = try_endpoint({text.data(), text.size() + 1});
        if (length == Status::too_large) {
            text.resize(*length - 1);
            length = try_endpoint({text.data(), text.size() + 1});
        }
        text.resize(std::move(length).value());
        return text;
    }
    /// Writes the endpoint to connect to into a buffer, with a NUL behind it, and returns its
    /// length without the NUL. Status::too_large: the value is the size it needs, with the NUL.
    Result<std::size_t> try_endpoint(Buffer buffer) const noexcept {
        std::size_t length = 0;
        auto* text = reinterpret_cast<char*>(buffer.data());
        const auto status = tn_listener_endpoint(native_handle(), text, buffer.size(), &length);
        return {detail::status(status), length};
    }

    /// Counts what has become of the connections so far. They stay when the listener is closed.
    ListenerStats stats() const { return try_stats().value(); }
    Result<ListenerStats> try_stats() const noexcept {
        ListenerStats stats{};
        stats.struct_size = sizeof stats;
        const auto status = ::tn_listener_stats(native_handle(), &stats);
        return {detail::status(status), stats};
    }

    /// A descriptor that is readable while accept may get further. Never read, write or close it;
    /// it is the same number until the listener's end. Every 5 s it becomes readable, so that
    /// accept looks whether the socket's file is still there.
    int fd() const { return try_fd().value(); }
    Result<int> try_fd() const noexcept {
        int fd = -1;
        const auto status = tn_listener_fd(native_handle(), &fd);
        return {detail::status(status), fd};
    }

    /// Stops listening. Threads that wait in accept get Status::closed. Channels that were accepted
    /// stay. Closing twice is fine.
    void close() const noexcept { tn_listener_close(native_handle()); }
};

}  // namespace treenail

#endif
