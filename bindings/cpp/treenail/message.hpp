/// Messages: what was received, what was lent for reading, and what was lent for writing.
#ifndef TREENAIL_MESSAGE_HPP
#define TREENAIL_MESSAGE_HPP

#include "bytes.hpp"
#include "status.hpp"
#include "timeout.hpp"

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

namespace treenail {

/// A message's type, which the user defines: a number, or an enumerator. It is 0 if none is given.
class Tag {
public:
    constexpr Tag(std::uint32_t number) noexcept : number_(number) {}
    template <class Enum, class = std::enable_if_t<std::is_enum_v<Enum>>>
    constexpr Tag(Enum number) noexcept : number_(static_cast<std::uint32_t>(number)) {}

    constexpr std::uint32_t number() const noexcept { return number_; }

private:
    std::uint32_t number_;
};

/// A received message: its tag, id and flags, and where its bytes are. The bytes belong to a buffer
/// of the caller's, or to a View. A Message can be copied, and answered long after its bytes are
/// gone.
class Message {
public:
    Message() noexcept : native_{} {}
    explicit Message(const tn_message& native) noexcept : native_(native) {}

    const std::byte* data() const noexcept { return static_cast<const std::byte*>(native_.data); }
    std::size_t size() const noexcept { return native_.len; }
    bool empty() const noexcept { return native_.len == 0; }
    const std::byte* begin() const noexcept { return data(); }
    const std::byte* end() const noexcept { return data() + size(); }

    /// The bytes as characters, where they are.
    std::string_view text() const noexcept { return Bytes(native_.data, native_.len).text(); }
    /// The bytes as characters, copied.
    std::string str() const { return std::string(text()); }

    /// The value that send_value() sent, copied: one object of a trivially copyable type.
    /// Status::protocol: the message hasn't exactly the size of a T.
    template <class T>
    T value() const {
        return try_value<T>().value();
    }
    template <class T>
    Result<T> try_value() const noexcept {
        detail::check_value<T>();
        static_assert(std::is_nothrow_default_constructible_v<T> && !std::is_array_v<T>,
                      "a value that is received needs a default constructor; for an array "
                      "take std::array");
        if (native_.len != sizeof(T)) {
            return wrong_size(sizeof(T));
        }
        return {detail::InPlace(), [this](T& value) {
                    std::memcpy(static_cast<void*>(&value), native_.data, sizeof value);
                    return Status::ok;
                }};
    }

    std::uint32_t tag() const noexcept { return native_.tag; }
    /// The number of the request that this is, or that this answers; else 0.
    std::uint32_t id() const noexcept { return native_.id; }
    /// Whether the sender waits for Channel::reply.
    bool is_request() const noexcept { return (native_.flags & TN_MESSAGE_REQUEST) != 0; }
    /// Whether this answers the request with the same id.
    bool is_reply() const noexcept { return (native_.flags & TN_MESSAGE_REPLY) != 0; }

    const tn_message& native() const noexcept { return native_; }

protected:
    friend class Channel;

    tn_message native_;

private:
    [[gnu::cold]] Status wrong_size(std::size_t size) const noexcept {
        char text[200];
        std::snprintf(text, sizeof text,
                      "receive a value of %zu bytes: the message has %zu bytes (tag %lu); let both "
                      "sides use the same type, or tell types apart by their tags",
                      size, native_.len, static_cast<unsigned long>(native_.tag));
        return set_last_error(Status::protocol, text);
    }
};
static_assert(sizeof(Message) == sizeof(tn_message) && std::is_standard_layout_v<Message>,
              "a row of Message is a row of tn_message");

/// A message that the channel lends for reading: nothing is copied on shm. Its bytes are 16-byte
/// aligned, and the peer may still change them (unless views=copy): copy before you validate.
/// An open view holds room in the ring. It must end before its channel does.
class View : public Message {
public:
    View() noexcept = default;
    /// Takes over a view of the C ABI.
    View(const tn_channel* channel, const tn_message& lent) noexcept
        : Message(lent), channel_(channel) {}
    View(View&& other) noexcept
        : Message(std::exchange(other.native_, {})),
          channel_(std::exchange(other.channel_, nullptr)) {}
    View& operator=(View other) noexcept {
        swap(other);
        return *this;
    }
    ~View() { give_back(); }

    void swap(View& other) noexcept {
        std::swap(native_, other.native_);
        std::swap(channel_, other.channel_);
    }

    /// Gives the message back before the view's end. Its tag, id and flags stay, so it can still be
    /// answered. Calling it twice is fine.
    void release() noexcept {
        give_back();
        channel_ = nullptr;
        native_.data = nullptr;
        native_.len = 0;
    }

private:
    friend class Channel;

    void give_back() noexcept {
        if (channel_ != nullptr) {
            (void)tn_channel_release(channel_, &native_);
        }
    }

    const tn_channel* channel_ = nullptr;
};

/// Room that the channel lends for writing a message in place, 16-byte aligned. A loan that isn't
/// committed is discarded at its end. An open loan holds back what is sent after it. It must end
/// before its channel does.
class Loan {
public:
    Loan() noexcept = default;
    /// Takes over a loan of the C ABI.
    Loan(const tn_channel* channel, const tn_loan& lent) noexcept
        : channel_(channel), native_(lent) {}
    Loan(Loan&& other) noexcept
        : channel_(std::exchange(other.channel_, nullptr)),
          native_(std::exchange(other.native_, {})) {}
    Loan& operator=(Loan other) noexcept {
        swap(other);
        return *this;
    }
    ~Loan() { give_back(); }

    void swap(Loan& other) noexcept {
        std::swap(native_, other.native_);
        std::swap(channel_, other.channel_);
    }

    /// Where to write the message; null once the loan is over.
    std::byte* data() const noexcept { return static_cast<std::byte*>(native_.data); }
    std::size_t size() const noexcept { return native_.len; }
    std::byte* begin() const noexcept { return data(); }
    std::byte* end() const noexcept { return data() + size(); }
    /// Where to write the message, as characters; null once the loan is over.
    char* chars() const noexcept { return static_cast<char*>(native_.data); }

    /// Sends the first `length` bytes as a message: without waiting if the loan lies in the ring,
    /// or else as Channel::send does.
    void commit(std::size_t length, Timeout timeout = no_timeout) { commit(length, 0, timeout); }
    /// Sends the first `length` bytes as a message with a tag.
    void commit(std::size_t length, Tag tag, Timeout timeout = no_timeout) {
        detail::check(try_commit(length, tag, timeout));
    }
    Status try_commit(std::size_t length, Timeout timeout) noexcept {
        return try_commit(length, 0, timeout);
    }
    /// Sends the first `length` bytes as a message with a tag. Status::again, timed_out: there is
    /// no room for its first byte. Status::invalid: the loan is over, or `length` is more than its
    /// size. Status::unsupported: there is a tag, and raw=1. After these statuses the loan stays as
    /// it is; after any other it is over.
    Status try_commit(std::size_t length, Tag tag, Timeout timeout) noexcept {
        const auto status = detail::status(
            tn_channel_commit(channel_, &native_, tag.number(), length, timeout.to_c()));
        if (status != Status::again && status != Status::timed_out && status != Status::invalid &&
            status != Status::unsupported) {
            forget();
        }
        return status;
    }

    /// Gives the room back unsent, before the loan's end. Calling it twice is fine.
    void discard() noexcept {
        give_back();
        forget();
    }

    const tn_loan& native() const noexcept { return native_; }

private:
    friend class Channel;

    void give_back() noexcept {
        if (channel_ != nullptr) {
            (void)tn_channel_discard(channel_, &native_);
        }
    }

    void forget() noexcept {
        channel_ = nullptr;
        native_ = tn_loan{};
    }

    const tn_channel* channel_ = nullptr;
    tn_loan native_{};
};

}  // namespace treenail

#endif
