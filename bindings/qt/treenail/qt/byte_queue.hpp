/// Private to the binding: bytes on their way, first in, first out, in one piece of memory.
#ifndef TREENAIL_QT_BYTE_QUEUE_HPP
#define TREENAIL_QT_BYTE_QUEUE_HPP

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <memory>

namespace treenail::qt::detail {

class ByteQueue {
public:
    const char* data() const noexcept { return memory_.get() + begin_; }
    std::size_t size() const noexcept { return end_ - begin_; }
    bool empty() const noexcept { return begin_ == end_; }

    void append(const void* bytes, std::size_t size) {
        if (size == 0) {
            return;
        }
        make_room(size);
        std::memcpy(memory_.get() + end_, bytes, size);
        end_ += size;
    }

    /// Drops up to `size` bytes, and says how many there were.
    std::size_t drop(std::size_t size) noexcept {
        size = std::min(size, this->size());
        begin_ += size;
        if (empty()) {
            clear();
        }
        return size;
    }

    /// Moves up to `size` bytes out.
    std::size_t take(char* to, std::size_t size) noexcept {
        size = std::min(size, this->size());
        if (size != 0) {
            std::memcpy(to, data(), size);
        }
        return drop(size);
    }

    /// The bytes up to and with the first newline; 0 if there is none.
    std::size_t line() const noexcept {
        const auto* newline =
            empty() ? nullptr : static_cast<const char*>(std::memchr(data(), '\n', size()));
        return newline == nullptr ? 0 : static_cast<std::size_t>(newline - data()) + 1;
    }

    void clear() noexcept {
        begin_ = end_ = 0;
        if (capacity_ > kept) {
            memory_.reset();
            capacity_ = 0;
        }
    }

private:
    /// What an empty queue keeps: a burst's memory is given back.
    static constexpr std::size_t kept = 1 << 20;

    void make_room(std::size_t more) {
        if (capacity_ - end_ >= more) {
            return;
        }
        const auto size = this->size();
        // Moving to the front must save at least as much as it moves.
        if (begin_ >= size && capacity_ - size >= more) {
            std::memmove(memory_.get(), data(), size);
        } else {
            capacity_ = std::max({2 * capacity_, size + more, std::size_t{4096}});
            std::unique_ptr<char[]> larger(new char[capacity_]);
            if (size != 0) {
                std::memcpy(larger.get(), data(), size);
            }
            memory_ = std::move(larger);
        }
        begin_ = 0;
        end_ = size;
    }

    std::unique_ptr<char[]> memory_;
    std::size_t capacity_ = 0;
    std::size_t begin_ = 0;
    std::size_t end_ = 0;
};

}  // namespace treenail::qt::detail

#endif
