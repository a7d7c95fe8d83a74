// echo.cpp: a server that sends every message back, and a client for it.
//
//     make -C examples/cpp
//     target/examples-cpp/echo server shm:echo
//     target/examples-cpp/echo client shm:echo hello world
//
// Without words the client sends the lines it reads. The programs of the same name in other
// languages take the same arguments, and any client may talk to any server.
#include <treenail.hpp>

#include <iostream>
#include <string>
#include <string_view>
#include <vector>

using namespace std::chrono_literals;
using treenail::Channel;
using treenail::Listener;
using treenail::Status;

namespace {

// Echoes until the client goes. A request is answered, so Channel::request works too.
void serve(const Channel& channel) {
    for (;;) {
        const auto message = channel.recv_view();
        if (message.is_request()) {
            channel.reply(message, message);
        } else {
            channel.send(message.tag(), message);
        }
    }
}

// One client after the other; chat.cpp shows many at a time.
void run_server(const char* endpoint) {
    const auto listener = Listener::open(endpoint);
    std::cout << "listening at " << endpoint << std::endl;
    for (;;) {
        const auto channel = listener.accept();
        try {
            serve(channel);
        } catch (const treenail::Error& error) {
            if (error.status() != Status::closed) {
                std::cerr << "echo: a client ended: " << error.what() << '\n';
            }
        }
    }
}

// Sends one message and prints what comes back.
void ask(const Channel& channel, std::string_view text) {
    channel.send(text);
    std::cout << channel.recv_view().text() << std::endl;
}

void run_client(const char* endpoint, const std::vector<const char*>& words) {
    const auto channel = Channel::connect(endpoint, 5s);
    for (const char* word : words) {
        ask(channel, word);
    }
    std::string line;
    while (words.empty() && std::getline(std::cin, line)) {
        ask(channel, line);
    }
}

}  // namespace

int main(int argc, char** argv) {
    const std::string_view role = argc > 1 ? argv[1] : "";
    try {
        if (role == "server" && argc == 3) {
            run_server(argv[2]);
        } else if (role == "client" && argc >= 3) {
            run_client(argv[2], {argv + 3, argv + argc});
        } else {
            std::cerr << "usage: echo server ENDPOINT\n       echo client ENDPOINT [WORD ...]\n";
            return 2;
        }
    } catch (const treenail::Error& error) {
        std::cerr << "echo: " << error.what() << '\n';
        return 1;
    }
}
