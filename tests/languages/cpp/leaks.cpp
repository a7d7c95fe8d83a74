// Channels, views, loans, messages, requests, errors, segments, locks and semaphores, many of each:
// afterwards no descriptor, no mapping, no object and no memory is left. TREENAIL_LEAKS says how many.
//
// Under AddressSanitizer the heap can't be measured; there LeakSanitizer looks for what is left.
#include "check.hpp"

#include <malloc.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <utility>

using treenail::Segment;
using treenail::Semaphore;

namespace {

// What the process holds of the system.
struct Holdings {
    std::size_t descriptors = 0, mappings = 0, objects = 0, heap_bytes = 0;
};

Holdings count() {
    Holdings held;
    for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
        (void)entry;
        held.descriptors++;
    }
    std::ifstream maps("/proc/self/maps");
    for (std::string line; std::getline(maps, line);) {
        held.mappings += line.find("memfd:") != std::string::npos ||
                         line.find("/dev/shm/") != std::string::npos;
    }
    for (const auto& entry : std::filesystem::directory_iterator("/dev/shm")) {
        const auto mine = "-cpp-" + std::to_string(getpid()) + '-';
        held.objects += entry.path().filename().string().find(mine) != std::string::npos;
    }
#if !defined(__SANITIZE_ADDRESS__)
    held.heap_bytes = mallinfo2().uordblks + mallinfo2().hblkhd;
#endif
    return held;
}

// Caches may fill up, by less than a byte for each round.
constexpr std::size_t heap_slack = 16384;

std::size_t wanted() {
    const char* text = std::getenv("TREENAIL_LEAKS");
    return text == nullptr ? 1000 : std::stoul(text);
}

// Does it all `times` times, after some that fill what is kept for good.
template <class Work>
void repeat(const char* what, std::size_t times, Work work) {
    for (std::size_t i = 0; i < 200; i++) {
        work();
    }
    const auto before = count();
    const auto start = std::chrono::steady_clock::now();
    for (std::size_t i = 0; i < times; i++) {
        work();
    }
    const auto seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start);
    const auto after = count();
    std::cout << times << ' ' << what << " over " << check::scheme << " in " << seconds.count()
              << " s, heap " << before.heap_bytes << " -> " << after.heap_bytes << '\n';
    if (after.descriptors != before.descriptors || after.mappings != before.mappings ||
        after.objects != before.objects ||
        after.heap_bytes > before.heap_bytes + heap_slack) {
        check::fail(__FILE__, __LINE__,
                    std::string(what) + " leave " +
                        std::to_string(after.descriptors - before.descriptors) + " descriptors, " +
                        std::to_string(after.mappings - before.mappings) + " mappings, " +
                        std::to_string(after.objects - before.objects) + " objects");
    }
}

// Both ends, without a thread: each end's handshake goes on in its calls.
std::pair<Channel, Channel> connect(const Listener& listener, const std::string& where) {
    auto client = Channel::connect_start(where);
    for (;;) {
        (void)client.try_flush(now);
        if (auto server = listener.try_accept(now)) {
            client.send("hello", soon);
            return {std::move(client), *std::move(server)};
        }
    }
}

void channels_leave_nothing() {
    const auto where = check::endpoint("ring=4KiB");
    const auto listener = Listener::open(where);
    repeat("channels", wanted(), [&] {
        const auto [client, server] = connect(listener, where);
        const auto fd = client.fd();
        const auto poller = Poller::create();
        poller.add(server, 1);
        poller.add_send(server, 3);
        poller.add_fd(fd, 2);
        const auto unread = server.recv_view(soon);
        CHECK(unread.text() == "hello");
    });
}

void listeners_leave_nothing() {
    const auto where = check::endpoint();
    repeat("listeners", wanted() / 4, [&] {
        const auto listener = Listener::open(where);
        CHECK(listener.fd() >= 0 && listener.endpoint() == where);
    });
}

void attempts_leave_nothing() {
    const auto nobody = check::endpoint();
    repeat("attempts in vain", wanted() / 4, [&] {
        THROWS(Channel::connect(nobody), not_found);
        THROWS(Channel::create(nobody, now), again);
        (void)Channel::try_connect_start("nonsense:");
        (void)Listener::try_open("nonsense:");
    });
}

void messages_leave_nothing() {
    const auto pair = open_pair("ring=64KiB");
    const std::string message(100, 'm');
    repeat("messages", wanted(), [&] {
        pair.client.send(message, soon);
        CHECK(pair.server.recv(soon) == message);
        pair.client.send(message, soon);
        CHECK(pair.server.recv_view(soon).text() == message);
        auto loan = pair.client.loan(message.size(), soon);
        message.copy(loan.chars(), loan.size());
        loan.commit(loan.size());
        auto view = pair.server.recv_view(soon);
        const auto moved = std::move(view);
        const auto never_sent = pair.client.loan(10, soon);
    });
}

void large_messages_leave_nothing() {
    const auto pair = open_pair("ring=4KiB");
    const std::string message(3000, 'f');  // more than half a ring: it goes in fragments
    repeat("large messages", wanted(), [&] {
        pair.client.send(message, soon);
        CHECK(pair.server.recv_view(soon).text() == message);
    });
}

void requests_leave_nothing() {
    const auto pair = open_pair("ring=64KiB");
    repeat("requests", wanted(), [&] {
        const auto id = pair.client.request_begin(1, "?", soon);
        const auto given_up = pair.client.request_begin(1, "?", soon);
        pair.server.reply(pair.server.recv_view(soon), "!", soon);
        CHECK(pair.client.request_end(id, soon).text() == "!");
        pair.client.request_cancel(given_up);
        pair.server.reply(pair.server.recv_view(soon), "too late", soon);
        THROWS(pair.client.recv(now), again);
    });
}

void segments_leave_nothing() {
    const auto name = check::object();
    repeat("segments", wanted() / 4, [&] {
        const auto first = Segment::create(name, 10000), second = Segment::open(name);
        CHECK(first.attached() == 2);
        auto held = first.guard();
        const auto moved = std::move(held);
        CHECK(second.try_guard(now) == Status::again);
        (void)Segment::try_create(name, 1);
        (void)Segment::try_open(name + "-of-nobody");
    });
}

void locks_and_snapshots_leave_nothing() {
    const auto segment = Segment::create(check::object(), 10000);
    const std::string text(1000, 's');
    repeat("locks and snapshots", wanted(), [&] {
        { const auto held = segment.shared_guard(soon); }
        char copy[1000];
        segment.write(100, text, soon);
        segment.read(100, copy, soon);
        CHECK(text.compare(0, text.npos, copy, sizeof copy) == 0);
        CHECK(segment.try_wait(segment.version(), now) == Status::again);
    });
}

void semaphores_leave_nothing() {
    const auto name = check::object();
    repeat("semaphores", wanted() / 4, [&] {
        const auto first = Semaphore::open_or_create(name, 3), second = Semaphore::open_or_create(name, 0);
        second.acquire(2, soon);
        const auto permit = first.permit();
        CHECK(second.try_permit(1, now) == Status::again);
    });
}

// Few, as the kernel takes milliseconds to end what is behind one.
void descriptors_leave_nothing() {
    const auto name = check::object();
    repeat("descriptors", wanted() / 100, [&] {
        const auto segment = Segment::open_or_create(name, 1);
        const auto semaphore = Semaphore::open_or_create(name, 1);
        CHECK(segment.fd() != semaphore.fd());
    });
}

constexpr check::Case cases[] = {
    CASE(channels_leave_nothing),       CASE(listeners_leave_nothing),
    CASE(attempts_leave_nothing),       CASE(messages_leave_nothing),
    CASE(large_messages_leave_nothing), CASE(requests_leave_nothing),
    CASE(segments_leave_nothing),       CASE(locks_and_snapshots_leave_nothing),
    CASE(semaphores_leave_nothing),     CASE(descriptors_leave_nothing),
};

}  // namespace

int main(int argc, char** argv) {
    return check::run(argc, argv, cases, 60s + std::chrono::seconds(wanted() / 200));
}
