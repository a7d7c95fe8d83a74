/// Private to the binding: bytes that come, as a QByteArray.
#ifndef TREENAIL_QT_BYTE_ARRAY_HPP
#define TREENAIL_QT_BYTE_ARRAY_HPP

#include <QByteArray>

#include <cstddef>
#include <limits>
#include <optional>
#include <utility>

namespace treenail::qt::detail {

/// The type of a QByteArray's size: int with Qt 5.
using ByteArraySize = decltype(std::declval<QByteArray>().size());

/// The most bytes that a QByteArray holds; it needs some itself, before and behind them.
constexpr std::size_t byte_array_max =
    static_cast<std::size_t>(std::numeric_limits<ByteArraySize>::max()) - 64;

/// Copies the bytes; nothing if they are too many. Qt 5 would look for a NUL after 2 GiB.
inline std::optional<QByteArray> to_byte_array(const void* data, std::size_t size) {
    if (size > byte_array_max) {
        return std::nullopt;
    }
    return QByteArray(static_cast<const char*>(data), static_cast<ByteArraySize>(size));
}

}  // namespace treenail::qt::detail

#endif
