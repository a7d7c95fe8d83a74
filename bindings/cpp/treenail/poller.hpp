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

/// Each handle has a key of the user's choice. It stays the caller's, and leaves the poller by
/// itself when it ends. A poller may be used from every thread at any time. Each call's statuses
/// are those of the C function of its name.
class Poller : public detail::Handle<tn_poller, tn_poller_free> {
public:
    using Handle::Handle;

    /// One that waits for nothing yet.
    static Poller create() { return try_create().value(); }
    static Result<Poller> try_create() noexcept {
        tn_poller* made = nullptr;
        const auto status = tn_poller_new(&made);
        return {detail::status(status), Poller(made)};
    }

    /// Waits for a channel's messages and its end too: the key comes whenever its fd would be
    /// readable. Status::exists: the key, or the channel, is in this poller already.
    void add(const Channel& channel, std::uint64_t key) const {
        detail::check(try_add(channel, key));
    }
    Status try_add(const Channel& channel, std::uint64_t key) const noexcept {
        return detail::status(
            tn_poller_add_channel(native_handle(), channel.native_handle(), key));
    }

    /// Waits for a channel's room to send and its end too: the key, which is another than that of
    /// its messages, comes whenever its send_fd would be readable. Add it only while there is
    /// something to send.
    void add_send(const Channel& channel, std::uint64_t key) const {
        detail::check(try_add_send(channel, key));
    }
    Status try_add_send(const Channel& channel, std::uint64_t key) const noexcept {
        return detail::status(
            tn_poller_add_channel_send(native_handle(), channel.native_handle(), key));
    }

    /// Waits for a listener too: the key comes whenever accept may get on.
    void add(const Listener& listener, std::uint64_t key) const {
        detail::check(try_add(listener, key));
    }
    Status try_add(const Listener& listener, std::uint64_t key) const noexcept {
        return detail::status(
            tn_poller_add_listener(native_handle(), listener.native_handle(), key));
    }

    /// Waits for any descriptor to become readable too. It stays the caller's; remove its key
    /// before it is closed.
    void add_fd(int fd, std::uint64_t key) const { detail::check(try_add_fd(fd, key)); }
    Status try_add_fd(int fd, std::uint64_t key) const noexcept {
        return detail::status(tn_poller_add_fd(native_handle(), fd, key));
    }

    /// Waits no longer for what has this key.
    void remove(std::uint64_t key) const { detail::check(try_remove(key)); }
    Status try_remove(std::uint64_t key) const noexcept {
        return detail::status(tn_poller_remove(native_handle(), key));
    }

    /// Waits until something is ready and writes the keys to `keys`, whose front part is the
    /// result; none: wake was called.
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
    /// The same; this one may also be called from a signal handler.
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
