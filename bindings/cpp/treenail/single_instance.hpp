/// One instance of a program for each user: the first one runs, and later ones hand it their
/// arguments and end.
#ifndef TREENAIL_SINGLE_INSTANCE_HPP
#define TREENAIL_SINGLE_INSTANCE_HPP

#include "channel.hpp"
#include "listener.hpp"
#include "poller.hpp"
#include "start.hpp"
#include "status.hpp"
#include "timeout.hpp"

#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

namespace treenail {

/// Finds out whether this is the first instance of a program that this user runs. If not, it hands
/// the arguments to the first one:
///
///     treenail::SingleInstance instance("org.example.editor");
///     if (instance.hand_over({argv, argv + argc})) return 0;
///     // this is the first one; wherever it waits:
///     auto start = instance.receive();
///
/// The first instance is first until its object ends, or the process, however that ends. Exactly
/// one of those that start at the same time is first. An instance whose arguments were not
/// acknowledged when the first one ends takes its place, or hands them to the one that does.
///
/// Use one object in one thread at a time. Its try_ forms allocate memory, unlike others.
class SingleInstance {
public:
    enum class Role {
        /// hand_over() was not called, or failed.
        none,
        /// This is the first instance.
        first,
        /// The first instance has the arguments.
        handed_over,
        /// The first instance was busy all the time. The arguments lie in its queue, and it gets
        /// them as soon as it looks there; they are lost if it ends before that.
        queued,
    };

    /// How long hand_over() waits for a first instance that is busy.
    static constexpr std::chrono::seconds default_timeout{5};

    /// `name` is the program's own name among all programs of the user, such as
    /// "org.example.editor": a NAME of at most 55 characters, or a path. Programs in other
    /// languages that use this name are instances of the same program.
    explicit SingleInstance(std::string_view name)
        : address_("local:" + escaped(name) + ".instance") {}
    SingleInstance(const SingleInstance&) = delete;
    SingleInstance& operator=(const SingleInstance&) = delete;

    /// Hands the arguments, and the working directory, to the first instance: true, and this
    /// program should end. False: this is the first instance. It waits for the first instance as
    /// long as this one is busy, but no longer than the timeout; see Role::queued.
    /// Status::timed_out: it is busy, and its queue is full. Status::invalid: the name is not a
    /// name, or an argument has a NUL in it.
    bool hand_over(const std::vector<std::string>& arguments, Timeout timeout = default_timeout) {
        return try_hand_over(arguments, timeout).value() != Role::first;
    }
    Result<Role> try_hand_over(const std::vector<std::string>& arguments,
                               Timeout timeout) noexcept {
        std::string message;
        if (!write(message, arguments)) {
            return set_last_error(Status::invalid,
                                  "hand over arguments: one has a NUL in it, which no program can "
                                  "be started with; leave it out");
        }
        const Deadline deadline(timeout);
        role_ = listener_ ? Role::first : Role::none;
        while (role_ == Role::none) {
            auto status = become_first();
            if (status == Status::exists) {
                status = ask_first(message, deadline);
            }
            if (!ok(status)) {
                return status;
            }
        }
        return {Status::ok, role_};
    }

    /// What hand_over() came to.
    Role role() const noexcept { return role_; }

    /// In the first instance: waits for the start of another one. Status::invalid: this isn't the
    /// first instance.
    Start receive(Timeout timeout = no_timeout) { return try_receive(timeout).value(); }
    Result<Start> try_receive(Timeout timeout) noexcept {
        if (!listener_) {
            return not_first();
        }
        const Deadline deadline(timeout);
        for (;;) {
            std::uint64_t keys[16];
            const auto ready = poller_.try_wait(keys, deadline.left());
            if (!ready) {
                return ready.status();
            }
            for (const auto key : *ready) {
                if (key == listener_key) {
                    const auto status = accept();
                    if (!ok(status)) {
                        return status;
                    }
                } else if (auto start = read(key)) {
                    return {Status::ok, *std::move(start)};
                }
            }
        }
    }

    /// In the first instance: a descriptor for poll, epoll and event loops. It is readable while
    /// try_receive() may have something. Only try_receive(now) that returns Status::again makes it
    /// unreadable. Never read, write or close it.
    int fd() const { return try_fd().value(); }
    Result<int> try_fd() const noexcept {
        return listener_ ? poller_.try_fd() : Result<int>(not_first());
    }

    /// Ends being first: the next instance is. Those that wait take its place. Call it before the
    /// program's own cleaning up if a new instance may run meanwhile.
    void close() noexcept {
        poller_ = Poller();
        channels_.clear();
        listener_ = Listener();
        role_ = Role::none;
    }

private:
    static constexpr std::uint64_t listener_key = 0;
    /// Many may start while the first instance is busy.
    static constexpr const char* listener_options = "?backlog=1024";

    class Deadline {
    public:
        explicit Deadline(Timeout timeout) noexcept
            : timeout_(timeout), start_(std::chrono::steady_clock::now()) {}
        /// What is left for the next call: at least a moment, as its time is over then, and not
        /// what a call says that may not wait.
        Timeout left() const noexcept {
            return timeout_.to_c() <= 0 || !over() ? rest() : Timeout(std::chrono::milliseconds(1));
        }
        bool over() const noexcept { return rest().to_c() == now.to_c(); }

    private:
        Timeout rest() const noexcept {
            return timeout_.to_c() <= 0
                       ? timeout_
                       : detail::left(start_ + std::chrono::milliseconds(timeout_.to_c()));
        }

        Timeout timeout_;
        std::chrono::steady_clock::time_point start_;
    };

    static Status not_first() noexcept {
        return set_last_error(Status::invalid,
                              "receive the start of another instance: this isn't the first "
                              "instance; call hand_over() first");
    }

    /// What has a meaning in an endpoint has none in a path.
    static std::string escaped(std::string_view name) {
        std::string text;
        for (const char c : name) {
            text += c == '%' ? "%25" : c == '?' ? "%3F" : std::string(1, c);
        }
        return text;
    }

    static bool write(std::string& message, const std::vector<std::string>& arguments) {
        if (char* directory = ::getcwd(nullptr, 0)) {
            message = directory;
            std::free(directory);
        }
        message += '\0';
        for (const auto& argument : arguments) {
            if (argument.find('\0') != std::string::npos) {
                return false;
            }
            message.append(argument).push_back('\0');
        }
        return true;
    }

    /// Status::exists: another instance is first.
    Status become_first() noexcept {
        auto listener = Listener::try_open(address_ + listener_options);
        if (!listener) {
            return listener.status();
        }
        auto poller = Poller::try_create();
        if (!poller) {
            return poller.status();
        }
        const auto status = poller->try_add(*listener, listener_key);
        if (ok(status)) {
            listener_ = *std::move(listener);
            poller_ = *std::move(poller);
            role_ = Role::first;
        }
        return status;
    }

    /// Leaves the role as it is if the first instance has ended meanwhile.
    Status ask_first(const std::string& message, const Deadline& deadline) noexcept {
        const auto channel = Channel::try_connect(address_, deadline.left());
        const auto id = channel ? channel->try_request_begin(0, message, deadline.left())
                                : Result<std::uint32_t>(channel.status());
        const auto reply = id ? channel->try_request_end(*id, deadline.left())
                              : Result<View>(id.status());
        const bool late = reply == Status::again || reply == Status::timed_out;
        // A long message may be out in part only: it ends with this channel.
        if (reply || (late && id && ok(channel->try_flush(now)))) {
            role_ = reply ? Role::handed_over : Role::queued;
            return Status::ok;
        }
        const bool ended = reply == Status::closed || reply == Status::peer_lost ||
                           reply == Status::not_found || reply == Status::no_space;
        if (late || (ended && deadline.over())) {
            return set_last_error(Status::timed_out,
                                  ("hand over arguments to the first instance at " + address_ +
                                   ": it took none within the time; it may be busy with many, or "
                                   "hang: give it more time, or end it")
                                      .c_str());
        }
        if (!ended) {
            return reply.status();
        }
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
        return Status::ok;
    }

    Status accept() noexcept {
        auto channel = listener_.try_accept(now);
        if (!channel) {
            return channel == Status::again ? Status::ok : channel.status();
        }
        const auto key = ++last_key_;
        const auto status = poller_.try_add(*channel, key);
        if (ok(status)) {
            channels_.emplace(key, *std::move(channel));
        }
        return status;
    }

    std::optional<Start> read(std::uint64_t key) {
        auto& channel = channels_[key];
        std::optional<Start> start;
        {
            const auto view = channel.try_recv_view(now);
            if (view == Status::again) {
                return std::nullopt;
            }
            start.emplace();
            if (view && view->is_request() && start->parse(view->text())) {
                start->request_ = *view;
            } else {
                start.reset();
            }
        }
        (void)poller_.try_remove(key);
        if (start) {
            start->channel_ = std::move(channel);
        }
        channels_.erase(key);
        return start;
    }

    std::string address_;
    Role role_ = Role::none;
    Listener listener_;
    std::map<std::uint64_t, Channel> channels_;
    std::uint64_t last_key_ = listener_key;
    Poller poller_;
};

}  // namespace treenail

#endif
