// A message to itself: all that a C++ program needs of the installed files.
#include <iostream>
#include <treenail.hpp>

using namespace std::chrono_literals;

int main(int argc, char** argv) {
    const char* endpoint = argc > 1 ? argv[1] : "";
    auto listener = treenail::Listener::open(endpoint);
    auto client = treenail::Channel::connect_start(endpoint);
    auto server = listener.try_accept(10ms);
    while (server == treenail::Status::timed_out) {  // both handshakes go on in their calls
        (void)client.try_flush(treenail::now);
        server = listener.try_accept(10ms);
    }
    client.send("peg", 10s);
    std::cout << server->recv(10s) << ' ' << treenail::version_text() << '\n';
    return treenail::version() == TN_VERSION ? 0 : 1;
}
