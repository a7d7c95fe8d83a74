// With -fno-exceptions -fno-rtti: the try_ forms are all there, and nothing needs more.
#include <treenail.hpp>

#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>

#include <unistd.h>

#if defined(__cpp_exceptions)
#error "this is to be compiled without exceptions"
#endif

using namespace std::chrono_literals;
using treenail::Channel;
using treenail::Listener;
using treenail::Segment;

namespace {

void require(bool good, const char* what) {
    if (!good) {
        std::fprintf(stderr, "%s: %s\n", what, treenail::last_error());
        std::_Exit(1);
    }
}

void greet(const std::string& endpoint) {
    const auto channel = Channel::try_connect(endpoint, 10s);
    require(bool(channel), "connect");
    require(ok(channel->try_send(7, "hello", 10s)), "send");
    const auto reply = channel->try_request(8, "who?", 10s);
    require(reply && reply->text() == "bare", "request");
}

void share(const std::string& name) {
    const auto segment = Segment::try_create(name, sizeof(int));
    require(bool(segment), "create");
    const auto held = segment->try_guard(10s);
    require(held && !held->owner_died() && !segment->try_lock(), "lock");
    int* number = segment->try_as<int>();
    require(number != nullptr && segment->try_as<int>(1) == nullptr, "as");
    *number = 7;
    require(ok(segment->try_notify()) && *segment->try_wait(0, 10s) == 1, "notify");
    const auto semaphore = treenail::Semaphore::try_create(name, 2);
    require(semaphore && semaphore->try_permit(2, 10s), "acquire");
    require(*semaphore->try_value() == 2, "value");
}

}  // namespace

int main(int, char** argv) {
    const auto name = "bare-" + std::to_string(getpid());
    share(name);
    const auto endpoint = std::string(argv[1]) + ':' + name;
    const auto listener = Listener::try_open(endpoint);
    require(bool(listener), "listen");
    std::thread greeting(greet, endpoint);
    const auto channel = listener->try_accept(10s);
    require(bool(channel), "accept");
    char buffer[16];
    const auto message = channel->try_recv_message(buffer, 10s);
    require(message && message->tag() == 7 && message->text() == "hello", "receive");
    const auto request = channel->try_recv_view(10s);
    require(request && ok(channel->try_reply(*request, "bare", 10s)), "reply");
    require(channel->try_recv_view(10s) == treenail::Status::closed, "close");
    greeting.join();
}
