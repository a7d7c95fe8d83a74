// chat.cpp: a room with one host and many guests, in terminals.
//
//     make -C examples/cpp
//     target/examples-cpp/chat server shm:chat
//     target/examples-cpp/chat client shm:chat ann
//
// A line that one types goes to all others. The host ends the room with /quit; a guest leaves at
// the end of its input. A guest's first message is its name (tag JOIN); all others are talk (tag
// SAY). The programs of the same name in other languages take the same arguments and talk together.
#include <treenail.hpp>

#include <unistd.h>

#include <iostream>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

using namespace std::chrono_literals;
using treenail::Channel;
using treenail::Listener;
using treenail::Poller;
using treenail::Status;

namespace {

enum Kind : std::uint32_t { JOIN = 1, SAY = 2 };

// What the poller's keys mean; guests have the numbers from FIRST_GUEST.
enum Key : std::uint64_t { STDIN = 0, LISTENER = 1, CHANNEL = 1, FIRST_GUEST = 2 };

constexpr std::size_t name_max = 32;

// Lines out of a descriptor that a poller watches: a stream's own buffer would hide some from it.
class Lines {
public:
    // The whole lines that are there, or nothing at the end of the input.
    std::optional<std::vector<std::string>> read() {
        char chunk[4096];
        const auto got = ::read(STDIN_FILENO, chunk, sizeof chunk);
        if (got <= 0) {
            return std::nullopt;
        }
        rest_.append(chunk, static_cast<std::size_t>(got));
        std::vector<std::string> lines;
        for (std::size_t end; (end = rest_.find('\n')) != std::string::npos;) {
            lines.push_back(rest_.substr(0, end));
            rest_.erase(0, end + 1);
        }
        return lines;
    }

private:
    std::string rest_;
};

class Room {
public:
    explicit Room(const char* endpoint) : listener_(Listener::open(endpoint)) {
        poller_.add(listener_, LISTENER);
        // A file or /dev/null can't be waited for: then the host only listens.
        (void)poller_.try_add_fd(STDIN_FILENO, STDIN);
    }

    void run() {
        std::uint64_t keys[16];
        while (open_) {
            for (const auto key : poller_.wait(keys)) {
                if (key == STDIN) {
                    host_speaks();
                } else if (key == LISTENER) {
                    welcome();
                } else {
                    hear(key);
                }
            }
        }
    }

private:
    struct Guest {
        Channel channel;
        std::string name;  // empty before it joined
    };

    void welcome() {
        auto channel = listener_.try_accept(treenail::now);
        if (channel) {  // else a handshake got further, and nobody is ready yet
            const auto key = next_key_++;
            poller_.add(*channel, key);
            guests_[key].channel = *std::move(channel);
        }
    }

    void host_speaks() {
        const auto lines = input_.read();
        if (!lines) {
            poller_.remove(STDIN);
            return;
        }
        for (const auto& line : *lines) {
            if (line == "/quit") {
                open_ = false;
                return;
            }
            tell_all_but(STDIN, "host: " + line);
        }
    }

    // Receives one message each time the poller reports the guest; it reports it again while there
    // are more.
    void hear(std::uint64_t key) {
        const auto found = guests_.find(key);
        if (found == guests_.end()) {
            return;  // it left while this key was on its way
        }
        auto& guest = found->second;
        const auto message = guest.channel.try_recv_view(treenail::now);
        if (!message) {
            if (message != Status::again) {
                leave(key);
            }
        } else if (message->tag() == JOIN && guest.name.empty()) {
            guest.name = message->text().substr(0, name_max);
            tell_all_but(key, "* " + guest.name + " joined");
        } else if (message->tag() == SAY && !guest.name.empty()) {
            tell_all_but(key, guest.name + ": " + message->str());
        }
    }

    // Nobody is waited for: a guest that has not read for a whole ring of talk is shown out.
    void tell_all_but(std::uint64_t speaker, const std::string& text) {
        std::cout << text << std::endl;
        std::vector<std::uint64_t> deaf;
        for (const auto& [key, guest] : guests_) {
            if (key != speaker && !guest.name.empty() &&
                !ok(guest.channel.try_send(SAY, text, treenail::now))) {
                deaf.push_back(key);
            }
        }
        for (const auto key : deaf) {
            leave(key);
        }
    }

    // Lets a guest go, whose channel leaves the poller by itself; the others are told if it had a
    // name.
    void leave(std::uint64_t key) {
        const auto guest = guests_.extract(key);
        if (guest && !guest.mapped().name.empty()) {
            tell_all_but(key, "* " + guest.mapped().name + " left");
        }
    }

    Listener listener_;
    Poller poller_ = Poller::create();
    std::map<std::uint64_t, Guest> guests_;
    std::uint64_t next_key_ = FIRST_GUEST;
    Lines input_;
    bool open_ = true;
};

void run_server(const char* endpoint) {
    Room room(endpoint);
    std::cout << "listening at " << endpoint << std::endl;
    room.run();
}

// Prints what the room says; false when the room is over.
bool listen_to_room(const Channel& channel) {
    const auto message = channel.try_recv_view(treenail::now);
    switch (message.status()) {
    case Status::ok:
        std::cout << message->text() << std::endl;
        return true;
    case Status::again:
        return true;
    case Status::closed:
        std::cout << "* the host has closed the room" << std::endl;
        return false;
    default:
        std::cout << "* the host is gone" << std::endl;
        return false;
    }
}

// Sends what was typed; false at the end of the input.
bool speak(const Channel& channel, Lines& input) {
    const auto lines = input.read();
    if (!lines) {
        return false;
    }
    for (const auto& line : *lines) {
        if (!ok(channel.try_send(SAY, line, treenail::forever))) {
            break;  // the channel's own event says why
        }
    }
    return true;
}

void run_client(const char* endpoint, const char* name) {
    const auto channel = Channel::connect(endpoint, 5s);
    const auto poller = Poller::create();
    poller.add(channel, CHANNEL);
    poller.add_fd(STDIN_FILENO, STDIN);
    channel.send(JOIN, name);
    Lines input;
    bool here = true;
    while (here) {
        std::uint64_t keys[1];
        for (const auto key : poller.wait(keys)) {
            here = key == STDIN ? speak(channel, input) : listen_to_room(channel);
        }
    }
    (void)channel.try_flush(1s);
}

}  // namespace

int main(int argc, char** argv) {
    const std::string_view role = argc > 1 ? argv[1] : "";
    try {
        if (role == "server" && argc == 3) {
            run_server(argv[2]);
        } else if (role == "client" && argc == 4) {
            run_client(argv[2], argv[3]);
        } else {
            std::cerr << "usage: chat server ENDPOINT\n       chat client ENDPOINT NAME\n";
            return 2;
        }
    } catch (const treenail::Error& error) {
        std::cerr << "chat: " << error.what() << '\n';
        return 1;
    }
}
