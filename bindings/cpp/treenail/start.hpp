/// What a later instance of a program has handed to the first one.
#ifndef TREENAIL_START_HPP
#define TREENAIL_START_HPP

#include "channel.hpp"
#include "message.hpp"

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace treenail {

/// What a later instance of the program has handed over. That instance waits until done() is
/// called, or this object ends; if the first instance dies before, the later one takes its place.
/// So call done() when what was asked for is done, or is safe.
class Start {
public:
    Start() noexcept = default;
    Start(Start&&) noexcept = default;
    Start& operator=(Start&& other) noexcept {
        done();
        directory_ = std::move(other.directory_);
        arguments_ = std::move(other.arguments_);
        channel_ = std::move(other.channel_);
        request_ = other.request_;
        return *this;
    }
    ~Start() { done(); }

    /// The arguments that the later instance was started with.
    const std::vector<std::string>& arguments() const noexcept { return arguments_; }
    /// The working directory of the later instance, to which relative names in its arguments
    /// refer; empty if it has been removed.
    const std::string& directory() const noexcept { return directory_; }

    /// Lets the later instance end. Calling it twice is fine.
    void done() noexcept {
        if (channel_) {
            (void)channel_.try_reply(request_, "", now);
            channel_ = Channel();
        }
    }

private:
    friend class SingleInstance;

    /// Reads `directory NUL argument NUL argument NUL`; false if it isn't that.
    bool parse(std::string_view text) {
        if (text.empty() || text.back() != '\0') {
            return false;
        }
        directory_ = next_part(text);
        while (!text.empty()) {
            arguments_.push_back(next_part(text));
        }
        return true;
    }
    static std::string next_part(std::string_view& text) {
        std::string part(text.substr(0, text.find('\0')));
        text.remove_prefix(part.size() + 1);
        return part;
    }

    std::string directory_;
    std::vector<std::string> arguments_;
    Channel channel_;
    Message request_;
};

}  // namespace treenail

#endif
