/// The base of every class that owns a handle of the C ABI, and frees it.
#ifndef TREENAIL_HANDLE_HPP
#define TREENAIL_HANDLE_HPP

#include <treenail.h>

#include <cstddef>
#include <memory>
#include <string_view>

namespace treenail::detail {

/// The owner of a handle of the C ABI, which it frees at its end. It can be moved, not copied.
template <class Native, void (*Free)(Native*)>
class Handle {
public:
    /// No handle: every call is Status::invalid.
    Handle() noexcept = default;
    /// Takes over a handle of the C ABI.
    explicit Handle(Native* owned) noexcept : native_(owned) {}

    /// The handle for calls of the C ABI; it stays this object's.
    Native* native_handle() const noexcept { return native_.get(); }
    /// Gives the handle to the caller, who has to free it.
    Native* release() noexcept { return native_.release(); }
    /// Whether there is a handle, closed or not.
    explicit operator bool() const noexcept { return native_ != nullptr; }

private:
    struct Freer {
        void operator()(Native* native) const noexcept { Free(native); }
    };
    std::unique_ptr<Native, Freer> native_;
};

/// A text with a NUL behind it, made without allocating.
class Terminated {
public:
    /// Copies the text. A text that is too long is cut off just past the limit, and a NUL in it
    /// becomes %00. The library refuses both, and says why.
    explicit Terminated(std::string_view text) noexcept {
        char* at = text_;
        for (auto c = text.begin(); c != text.end() && at <= text_ + length_max; ++c) {
            if (*c == '\0') {
                *at++ = '%';
                *at++ = '0';
            }
            *at++ = *c == '\0' ? '0' : *c;
        }
        *at = '\0';
    }

    const char* c_str() const noexcept { return text_; }

private:
    /// The length of the longest endpoint.
    static constexpr std::size_t length_max = 4096;
    char text_[length_max + 4];
};

}  // namespace treenail::detail

#endif
