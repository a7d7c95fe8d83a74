/// Arguments and results of calls: Bytes to read, a Buffer to write, a Span of several things.
/// None of them owns anything; each is meant as an argument, and lives no longer than its bytes.
#ifndef TREENAIL_BYTES_HPP
#define TREENAIL_BYTES_HPP

#include <treenail.h>

#include <cstddef>
#include <functional>
#include <initializer_list>
#include <iterator>
#include <string_view>
#include <type_traits>
#include <utility>
#if __cplusplus >= 202002L
#include <span>
#endif

namespace treenail {

namespace detail {

template <class T>
using Element = std::remove_pointer_t<decltype(std::data(std::declval<T&>()))>;

template <class T>
inline constexpr bool is_character =
    std::is_same_v<T, char> || std::is_same_v<T, wchar_t> || std::is_same_v<T, char16_t> ||
#if defined(__cpp_char8_t)
    std::is_same_v<T, char8_t> ||
#endif
    std::is_same_v<T, char32_t>;

/// Whether an object's bytes mean the same to another process, as far as a compiler can tell.
template <class T>
inline constexpr bool is_plain =
    std::is_trivially_copyable_v<T> && !std::is_pointer_v<T> &&
    !std::is_base_of_v<tn_slice, T>;

/// Whether T is a row of plain elements, with std::data and std::size.
template <class T, class = void>
struct IsRow : std::false_type {};
template <class T>
struct IsRow<T, std::void_t<Element<T>, decltype(std::size(std::declval<T&>()))>>
    : std::bool_constant<is_plain<std::remove_cv_t<Element<T>>>> {};

/// An array of characters may be a text with a NUL behind it, or bytes: one has to say which.
template <class T>
inline constexpr bool is_text_array =
    std::is_array_v<T> && is_character<std::remove_cv_t<std::remove_extent_t<T>>>;

template <class T>
constexpr std::size_t size_in_bytes(T& row) noexcept {
    return static_cast<std::size_t>(std::size(row)) * sizeof(Element<T>);
}

}  // namespace detail

/// Bytes to read. They convert from a string literal, a string, a string_view, and whatever else
/// has data() and size() of trivially copyable elements, such as a vector, an array, a span, a
/// View.
class Bytes : private tn_slice {
public:
    constexpr Bytes() noexcept : tn_slice{nullptr, 0} {}
    constexpr Bytes(const void* data, std::size_t size) noexcept : tn_slice{data, size} {}

    /// The characters before the NUL.
    constexpr Bytes(const char* text) noexcept : Bytes(text, std::string_view(text).size()) {}
    Bytes(std::nullptr_t) = delete;
    /// A buffer of characters: say Bytes(data, size), or std::string_view(data).
    template <std::size_t N>
    Bytes(char (&)[N]) = delete;

    template <class T, class = std::enable_if_t<detail::IsRow<const T>::value &&
                                                !detail::is_text_array<T> &&
                                                !std::is_base_of_v<Bytes, T>>>
    constexpr Bytes(const T& row) noexcept : Bytes(std::data(row), detail::size_in_bytes(row)) {}

    const std::byte* data() const noexcept { return static_cast<const std::byte*>(tn_slice::data); }
    constexpr std::size_t size() const noexcept { return len; }
    constexpr bool empty() const noexcept { return len == 0; }
    const std::byte* begin() const noexcept { return data(); }
    const std::byte* end() const noexcept { return data() + len; }

    /// The bytes as characters.
    std::string_view text() const noexcept {
        return {static_cast<const char*>(tn_slice::data), len};
    }
};
static_assert(sizeof(Bytes) == sizeof(tn_slice) && std::is_trivially_copyable_v<Bytes>,
              "a row of Bytes is a row of slices");

/// The bytes of one object.
template <class T>
Bytes bytes_of(const T& object) noexcept {
    static_assert(detail::is_plain<T>, "its bytes mean nothing to another process");
    return {&object, sizeof object};
}

namespace detail {

/// Whether an object of this type only refers to what it means, which lies elsewhere.
template <class T>
struct Refers : std::is_pointer<T> {};
template <class T, class Traits>
struct Refers<std::basic_string_view<T, Traits>> : std::true_type {};
template <class T>
struct Refers<std::reference_wrapper<T>> : std::true_type {};
#if __cplusplus >= 202002L
template <class T, std::size_t N>
struct Refers<std::span<T, N>> : std::true_type {};
#endif
template <>
struct Refers<Bytes> : std::true_type {};
template <>
struct Refers<std::nullptr_t> : std::true_type {};

/// Refuses, in words, a type whose objects can't be sent as one value.
template <class T>
constexpr void check_value() noexcept {
    using Element = std::remove_cv_t<std::remove_all_extents_t<T>>;
    static_assert(!std::is_pointer_v<Element> && !std::is_member_pointer_v<Element>,
                  "a pointer means nothing in another process: send the object that it points to");
    static_assert(std::is_pointer_v<Element> || !Refers<Element>::value,
                  "this type only refers to its bytes: use send() for them");
    static_assert(!is_text_array<T>, "use send() for a text");
    static_assert(std::is_trivially_copyable_v<Element>,
                  "this type isn't trivially copyable (it may own memory, as std::string does): "
                  "send its content, by send() or as a struct of plain members");
}

}  // namespace detail

/// Bytes to write. A Buffer converts from an array, and whatever else has data() and size() of
/// trivially copyable elements that aren't const, such as a vector, a string, a span, a Loan. All
/// of its size is used, none is added.
class Buffer {
public:
    constexpr Buffer() noexcept = default;
    constexpr Buffer(void* data, std::size_t size) noexcept : data_(data), size_(size) {}

    /// Takes a temporary only if it is a view, such as a span.
    template <class T, class = std::enable_if_t<detail::IsRow<T>::value &&
                                                !std::is_const_v<detail::Element<T>> &&
                                                !std::is_base_of_v<Buffer, T>>>
    constexpr Buffer(T& row) noexcept : Buffer(std::data(row), detail::size_in_bytes(row)) {}
    template <class T, class = std::enable_if_t<detail::IsRow<const T>::value &&
                                                !std::is_const_v<detail::Element<const T>> &&
                                                !std::is_base_of_v<Buffer, T>>,
              class = void>
    constexpr Buffer(const T& row) noexcept : Buffer(std::data(row), detail::size_in_bytes(row)) {}

    std::byte* data() const noexcept { return static_cast<std::byte*>(data_); }
    constexpr std::size_t size() const noexcept { return size_; }

private:
    void* data_ = nullptr;
    std::size_t size_ = 0;
};

/// Several elements in a row. A Span converts from an array, a vector, and (a Span of const) a list
/// in braces.
template <class T>
class Span {
    template <class Row>
    using IsOurs = std::is_convertible<detail::Element<Row> (*)[], T (*)[]>;

public:
    constexpr Span() noexcept = default;
    constexpr Span(T* data, std::size_t size) noexcept : data_(data), size_(size) {}

    template <class Row, class = std::enable_if_t<IsOurs<Row>::value>>
    constexpr Span(Row& row) noexcept
        : Span(std::data(row), static_cast<std::size_t>(std::size(row))) {}
    template <class Row, class = std::enable_if_t<IsOurs<const Row>::value>, class = void>
    constexpr Span(const Row& row) noexcept
        : Span(std::data(row), static_cast<std::size_t>(std::size(row))) {}

    template <class U = T, class = std::enable_if_t<std::is_const_v<U>>>
    constexpr Span(std::initializer_list<std::remove_const_t<U>> list) noexcept
        : Span(std::data(list), list.size()) {}

    constexpr T* data() const noexcept { return data_; }
    constexpr std::size_t size() const noexcept { return size_; }
    constexpr bool empty() const noexcept { return size_ == 0; }
    constexpr T* begin() const noexcept { return data_; }
    constexpr T* end() const noexcept { return data_ + size_; }
    constexpr T& operator[](std::size_t i) const noexcept { return data_[i]; }

private:
    T* data_ = nullptr;
    std::size_t size_ = 0;
};

}  // namespace treenail

#if __cplusplus >= 202002L
/// Lets a std::span be made of a Span that a call returns.
template <class T>
inline constexpr bool std::ranges::enable_borrowed_range<treenail::Span<T>> = true;
#endif

#endif
