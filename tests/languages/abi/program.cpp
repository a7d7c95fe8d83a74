// A C++17 program as its users would write one: handles in unique_ptr, threads, an event loop.
#include "treenail.h"

#include <cstdlib>
#include <iostream>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <unistd.h>

namespace {

constexpr int32_t soon = 2000;

struct Free {
    void operator()(tn_channel *channel) const { tn_channel_free(channel); }
    void operator()(tn_listener *listener) const { tn_listener_free(listener); }
    void operator()(tn_poller *poller) const { tn_poller_free(poller); }
};
using Channel = std::unique_ptr<tn_channel, Free>;
using Listener = std::unique_ptr<tn_listener, Free>;
using Poller = std::unique_ptr<tn_poller, Free>;

void check(tn_status status, std::string_view what) {
    if (status == TN_OK) return;
    std::cerr << what << ": " << tn_status_name(status) << ": " << tn_last_error() << '\n';
    std::_Exit(1);
}

void check(bool holds, std::string_view what) {
    if (holds) return;
    std::cerr << what << '\n';
    std::_Exit(1);
}

Listener listen(const std::string &endpoint) {
    tn_listener *made = nullptr;
    check(tn_listener_open(endpoint.c_str(), &made), "listen");
    return Listener(made);
}

Channel accept(const Listener &listener) {
    tn_channel *made = nullptr;
    check(tn_listener_accept(listener.get(), soon, &made), "accept");
    return Channel(made);
}

Channel connect(const std::string &endpoint) {
    tn_channel *made = nullptr;
    check(tn_channel_connect(endpoint.c_str(), soon, &made), "connect");
    return Channel(made);
}

// Doubles what it is asked, until the other side closes.
void serve(const Channel &channel) {
    tn_message request{};
    tn_status status{};
    while ((status = tn_channel_recv_view(channel.get(), soon, &request)) == TN_OK) {
        std::string text(static_cast<const char *>(request.data), request.len);
        check(tn_channel_release(channel.get(), &request), "release");
        text += text;
        check(tn_channel_reply(channel.get(), &request, text.data(), text.size(), soon), "reply");
    }
    check(status == TN_CLOSED, "the server ends by the client's close");
}

void ask(const std::string &endpoint) {
    Channel client = connect(endpoint);
    for (int i = 0; i < 100; i++) {
        std::string question = "question " + std::to_string(i);
        tn_message reply{};
        check(tn_channel_request(client.get(), 1, question.data(), question.size(), soon, &reply),
              "request");
        std::string_view text(static_cast<const char *>(reply.data), reply.len);
        check(text == question + question, "the answer is the question, twice");
        check(tn_channel_release(client.get(), &reply), "release");
    }
    tn_channel_close(client.get());
}

void wait_by_poller(const Listener &listener) {
    tn_poller *made = nullptr;
    check(tn_poller_new(&made), "poller");
    Poller poller(made);
    check(tn_poller_add_listener(poller.get(), listener.get(), 1), "add");
    uint64_t key = 0;
    size_t count = 0;
    check(tn_poller_wait(poller.get(), soon, &key, 1, &count), "wait");
    check(key == 1 && count == 1, "the listener is ready");
}

} // namespace

int main(int argc, char **argv) {
    alarm(30);
    std::string scheme = argc > 1 ? argv[1] : "shm";
    std::string endpoint = scheme + ":cxx-" + std::to_string(getpid());
    Listener listener = listen(endpoint);
    std::thread client(ask, endpoint);
    wait_by_poller(listener);
    serve(accept(listener));
    client.join();
    std::cout << "asked and answered over " << scheme << '\n';
}
