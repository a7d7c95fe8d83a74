/// Waits for many handles at once.
#ifndef TREENAIL_POLLER_HPP
#define TREENAIL_POLLER_HPP

#include "bytes.hpp"
#include "channel.hpp"
#include "handle.hpp"
#include "listener.hpp"
#include "status.hpp"
#include "timeout.hpp"

#include <cstddef>
#include <cstdint>

namespace treenail {

/// A poller: one call that waits for many handles and descriptors at once. Each has a key, which
/// the user chooses. A handle stays the caller's, and leaves the poller by itself when it ends. A
/// poller may be used from every thread at any time. Each call has the statuses of the C function
/// of its name. try_... calls return their status where the others throw an Error.
class Poller : public detail::Handle<tn_poller, tn_poller_free> {
public:
    using Handle::Handle;

    /// Makes a poller that waits for nothing yet.
    static Poller create() { return try_create().value(); }
    static Result<Poller> try_create() noexcept {
        tn_poller* made = nullptr;
        const auto status = tn_poller_new(&made);
        return {detail::status(status), Poller(made)};
    }

    /// Adds a channel's messages and its end: wait gives the key whenever the channel's fd would be
    /// readable. Status::exists: the key, or the channel, is in this poller already.
    void add(const Channel& channel, std::uint64_t key) const {
        detail::check(try_add(channel, key));
    }
    Status try_add(const Channel& channel, std::uint64_t key) const noexcept {
        return detail::status(
            tn_poller_add_channel(native_handle(), channel.native_handle(), key));
    }

    /// Adds a channel's room to send and its end: wait gives the key whenever the channel's send_fd
    /// would be readable. The key must differ from that of the channel's messages. Add it only
    /// while there is something to send.
    void add_send(const Channel& channel, std::uint64_t key) const {
        detail::check(try_add_send(channel, key));
    }
    Status try_add_send(const Channel& channel, std::uint64_t key) const noexcept {
        return detail::status(
            tn_poller_add_channel_send(native_handle(), channel.native_handle(), key));
    }

    /// Adds a listener: wait gives the key whenever accept may get further.
    void add(const Listener& listener, std::uint64_t key) const {
        detail::check(try_add(listener, key));
    }
    Status try_add(const Listener& listener, std::uint64_t key) const noexcept {
        return detail::status(
            tn_poller_add_listener(native_handle(), listener.native_handle(), key));
    }

    /// Adds any descriptor: wait gives the key whenever it is readable. The descriptor stays the
    /// caller's; remove its key before you close it.
    void add_fd(int fd, std::uint64_t key) const { detail::check(try_add_fd(fd, key)); }
    Status try_add_fd(int fd, std::uint64_t key) const noexcept {
        return detail::status(tn_poller_add_fd(native_handle(), fd, key));
    }

    /// Removes what has this key.
    void remove(std::uint64_t key) const { detail::check(try_remove(key)); }
    Status try_remove(std::uint64_t key) const noexcept {
        return detail::status(tn_poller_remove(native_handle(), key));
    }

    /// Waits until something is ready, and writes the keys of what is ready to `keys`. The front
    /// part of `keys` is the result. It is empty if wake was called.
    Span<const std::uint64_t> wait(Span<std::uint64_t> keys, Timeout timeout = no_timeout) const {
        return try_wait(keys, timeout).value();
    }
    Result<Span<const std::uint64_t>> try_wait(Span<std::uint64_t> keys,
                                               Timeout timeout) const noexcept {
        std::size_t count = 0;
        const auto status = tn_poller_wait(native_handle(), timeout.to_c(), keys.data(),
                                           keys.size(), &count);
        return {detail::status(status), {keys.data(), count}};
    }

    /// Makes the current wait return, or the next one if there is none.
    void wake() const { detail::check(try_wake()); }
    /// Makes the current wait return, or the next one if there is none. This form of wake may also
    /// be called from a signal handler.
    Status try_wake() const noexcept { return detail::status(tn_poller_wake(native_handle())); }

    /// A descriptor that is readable while wait would return at once. Never read, write or close
    /// it; it is the same number until the poller's end.
    int fd() const { return try_fd().value(); }
    Result<int> try_fd() const noexcept {
        int fd = -1;
        const auto status = tn_poller_fd(native_handle(), &fd);
        return {detail::status(status), fd};
    }
};

}  // namespace treenail

#endif
