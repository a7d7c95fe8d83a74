/// What there is, and what nobody alive has left.
#ifndef TREENAIL_LIST_HPP
#define TREENAIL_LIST_HPP

#include "bytes.hpp"
#include "handle.hpp"
#include "status.hpp"

#include <cstddef>
#include <string>
#include <string_view>

namespace treenail {

/// Writes the text of list() to a buffer, with a NUL behind it, and returns its length without the
/// NUL. Status::too_large: the value is the size it needs, with the NUL; it may need more the next
/// time.
inline Result<std::size_t> try_list(Buffer buffer, std::string_view pattern = "*:*") noexcept {
    std::size_t length = 0;
    auto* text = reinterpret_cast<char*>(buffer.data());
    const detail::Terminated meant(pattern);
    const auto status = tn_list(meant.c_str(), text, buffer.size(), &length);
    return {detail::status(status), length};
}

/// Lists what this user has on this machine: listeners, segments, semaphores, and locks of native
/// objects. Each line is a JSON object, with the keys that tn_list names. The pattern is kind:name,
/// with * for any letters. The call takes no lock, and disturbs nobody.
inline std::string list(std::string_view pattern = "*:*") {
    std::string text(4095, '\0');
    auto length = try_list({text.data(), text.size() + 1}, pattern);
    while (length == Status::too_large) {
        // Some more, as others may come meanwhile.
        text.resize(*length + *length / 8);
        length = try_list({text.data(), text.size() + 1}, pattern);
    }
    text.resize(std::move(length).value());
    return text;
}

/// Removes what no live process holds and isn't persist=1, and socket files at which nobody
/// listens. Returns how many it removed. The pattern is as for list().
inline Result<std::size_t> try_sweep(std::string_view pattern = "*:*") noexcept {
    std::size_t count = 0;
    const auto status = tn_sweep(detail::Terminated(pattern).c_str(), &count);
    return {detail::status(status), count};
}
inline std::size_t sweep(std::string_view pattern = "*:*") { return try_sweep(pattern).value(); }

}  // namespace treenail

#endif
