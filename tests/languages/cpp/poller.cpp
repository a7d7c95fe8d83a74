// The poller: what it waits for, what it is told, and what it tells.
#include "check.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <csignal>
#include <vector>

namespace {

constexpr std::uint64_t listener_key = 1, channel_key = UINT64_MAX, fd_key = 3;

// The keys that are ready now, in order.
std::vector<std::uint64_t> ready(const Poller& poller) {
    std::uint64_t keys[8];
    const auto found = poller.try_wait(keys, now);
    std::vector<std::uint64_t> sorted(found->begin(), found->end());
    std::sort(sorted.begin(), sorted.end());
    return sorted;
}

using Keys = std::vector<std::uint64_t>;

// Whether the key comes, perhaps with others: one wake-up may tell of messages and of room.
bool comes(const Poller& poller, std::uint64_t key) {
    std::uint64_t keys[4];
    const auto found = poller.wait(keys, soon);
    return std::count(found.begin(), found.end(), key) == 1;
}

void it_tells_who_is_ready() {
    const auto pair = open_pair();
    const auto poller = Poller::create();
    poller.add(pair.listener, listener_key);
    poller.add(pair.server, channel_key);
    STATUS(pair.listener.try_accept(now), again);
    STATUS(pair.server.try_recv_view(now), again);
    CHECK(ready(poller).empty());
    pair.client.send("x", soon);
    std::uint64_t keys[4];
    const auto found = poller.wait(keys, soon);
    CHECK(found.size() == 1 && found[0] == channel_key && found.data() == keys);
    CHECK(pair.server.recv(soon) == "x");
    const auto connecting = Channel::connect_start(pair.listener.endpoint());
    std::vector<std::uint64_t> got;
    while (std::count(got.begin(), got.end(), listener_key) == 0) {
        for (const auto key : poller.wait(keys, soon)) {
            got.push_back(key);
            (void)pair.server.try_recv_view(now);
        }
    }
}

void it_waits_in_vain() {
    const auto made = Poller::try_create();
    CHECK(made);
    std::uint64_t keys[1];
    STATUS(made->try_wait(keys, now), again);
    STATUS(made->try_wait(keys, briefly), timed_out);
    THROWS(made->wait(keys, briefly), timed_out);
}

void other_descriptors_are_waited_for() {
    int ends[2];
    CHECK(pipe(ends) == 0);
    const auto poller = Poller::create();
    poller.add_fd(ends[0], fd_key);
    STATUS(poller.try_add_fd(ends[0], 4), exists);
    THROWS(poller.add_fd(-1, 5), invalid);
    CHECK(ready(poller).empty());
    CHECK(write(ends[1], "x", 1) == 1);
    CHECK(ready(poller) == Keys{fd_key});
    poller.remove(fd_key);
    STATUS(poller.try_remove(fd_key), not_found);
    THROWS(poller.remove(fd_key), not_found);
    CHECK(ready(poller).empty());
    close(ends[0]);
    close(ends[1]);
}

void keys_and_handles_are_there_once() {
    auto pair = open_pair();
    const auto poller = Poller::create();
    poller.add(pair.server, channel_key);
    STATUS(poller.try_add(pair.server, 7), exists);
    STATUS(poller.try_add(pair.client, channel_key), exists);
    STATUS(poller.try_add(pair.listener, channel_key), exists);
    THROWS(poller.add(pair.server, 7), exists);
    THROWS(poller.add(pair.listener, channel_key), exists);
    const auto moved = std::move(pair.server);  // the channel stays, whichever object has it
    pair.client.send("x", soon);
    CHECK(ready(poller) == Keys{channel_key});
    { const auto ended = std::exchange(pair.client, {}); }
    STATUS(poller.try_add(pair.listener, channel_key), exists);
}

// Messages and room are two keys, which don't hide each other.
void room_has_a_key_of_its_own() {
    constexpr std::uint64_t room_key = 9;
    const auto pair = open_pair("ring=4KiB");
    const auto poller = Poller::create();
    poller.add(pair.client, channel_key);
    STATUS(poller.try_add_send(pair.client, channel_key), exists);
    poller.add_send(pair.client, room_key);
    STATUS(poller.try_add_send(pair.client, 7), exists);
    CHECK((ready(poller) == Keys{room_key, channel_key}));
    STATUS(pair.client.try_recv_view(now), again);
    CHECK(ready(poller) == Keys{room_key});
    const std::string piece(1000, 'x');
    while (pair.client.try_send(piece, now) == Status::ok) {
    }
    CHECK(ready(poller).empty());
    pair.server.send("x", soon);
    CHECK(comes(poller, channel_key) && pair.client.recv(soon) == "x");
    STATUS(pair.client.try_recv_view(now), again);
    CHECK(ready(poller).empty());
    while (pair.server.try_recv_view(now)) {
    }
    CHECK(comes(poller, room_key));
    STATUS(pair.client.try_send(piece, now), ok);
    STATUS(pair.client.try_recv_view(now), again);
    CHECK(ready(poller) == Keys{room_key});
    poller.remove(room_key);
    CHECK(ready(poller).empty());
}

void a_channel_that_ends_leaves() {
    auto pair = open_pair();
    const auto poller = Poller::create();
    poller.add(pair.server, channel_key);
    poller.add_send(pair.server, 9);
    pair.server = Channel();
    CHECK(ready(poller).empty());
    poller.add(pair.client, channel_key);
    CHECK(ready(poller) == Keys{channel_key});
}

void wake_ends_a_wait_without_keys() {
    const auto poller = Poller::create();
    std::uint64_t keys[4];
    poller.wake();
    CHECK(poller.wait(keys, soon).empty());
    STATUS(poller.try_wait(keys, now), again);
    std::thread waking([&] { STATUS(poller.try_wake(), ok); });
    const auto woken = poller.try_wait(keys, soon);
    CHECK(woken == Status::ok && woken->empty());
    waking.join();
}

const Poller* interrupted;

void a_signal_handler_wakes_it() {
    const auto poller = Poller::create();
    interrupted = &poller;
    std::signal(SIGUSR1, [](int) { (void)interrupted->try_wake(); });
    std::uint64_t keys[1];
    CHECK(std::raise(SIGUSR1) == 0);
    CHECK(poller.wait(keys, soon).empty());
}

void its_descriptor_nests() {
    const auto pair = open_pair();
    const auto inner = Poller::create(), outer = Poller::create();
    inner.add(pair.server, channel_key);
    outer.add_fd(inner.fd(), fd_key);
    CHECK(inner.fd() == *inner.try_fd());
    STATUS(pair.server.try_recv_view(now), again);
    CHECK(ready(inner).empty() && !check::readable(inner.fd()) && ready(outer).empty());
    pair.client.send("x", soon);
    CHECK(check::readable(inner.fd(), 10s) && ready(outer) == Keys{fd_key});
}

// One thread serves them all, each in its turn.
void it_serves_many_channels() {
    constexpr std::size_t count = 20, rounds = 50;
    const auto where = check::endpoint();
    const auto listener = Listener::open(where);
    const auto poller = Poller::create();
    std::vector<Channel> clients, servers;
    for (std::size_t i = 0; i < count; i++) {
        std::thread connecting([&] { clients.push_back(Channel::connect(where, soon)); });
        servers.push_back(listener.accept(soon));
        connecting.join();
        poller.add(servers.back(), i);
    }
    std::thread talking([&] {
        for (std::size_t round = 0; round < rounds; round++) {
            for (const auto& client : clients) {
                client.send("x", soon);
            }
        }
    });
    std::array<std::size_t, count> got{};
    for (std::size_t total = 0; total < count * rounds;) {
        std::uint64_t keys[4];
        for (const auto key : poller.wait(keys, soon)) {
            const bool received = servers[key].try_recv_view(now) == Status::ok;
            got[key] += received;
            total += received;
        }
    }
    talking.join();
    CHECK(std::all_of(got.begin(), got.end(), [](auto each) { return each == rounds; }));
}

constexpr check::Case cases[] = {
    CASE(it_tells_who_is_ready),
    CASE(it_waits_in_vain),
    CASE(other_descriptors_are_waited_for),
    CASE(keys_and_handles_are_there_once),
    CASE(room_has_a_key_of_its_own),
    CASE(a_channel_that_ends_leaves),
    CASE(wake_ends_a_wait_without_keys),
    CASE(a_signal_handler_wakes_it),
    CASE(its_descriptor_nests),
    CASE(it_serves_many_channels),
};

}  // namespace

int main(int argc, char** argv) { return check::run(argc, argv, cases); }
