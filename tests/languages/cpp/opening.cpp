// Listeners, the four ways to a channel, and what is known about it then.
#include "check.hpp"

#include <array>
#include <optional>
#include <sys/socket.h>

namespace {

void a_listener_accepts() {
    const auto where = check::endpoint();
    const auto listener = Listener::open(where);
    CHECK(listener && listener.native_handle() != nullptr);
    CHECK(listener.endpoint() == where);
    CHECK(listener.fd() == *listener.try_fd() && listener.fd() >= 0);
    STATUS(listener.try_accept(now), again);
    CHECK(!check::readable(listener.fd()));
    STATUS(listener.try_accept(briefly), timed_out);
    THROWS(listener.accept(briefly), timed_out);
    std::optional<Channel> client;
    std::thread connecting([&] { client = Channel::connect(where, soon); });
    CHECK(check::readable(listener.fd(), 10s));
    const auto server = listener.accept();
    connecting.join();
    client->send("hello", soon);
    CHECK(server.recv(soon) == "hello");
}

void an_endpoint_is_told_in_any_buffer() {
    const auto listener = Listener::open(check::endpoint("mode=0600"));
    const auto text = listener.endpoint();
    std::array<char, 512> large;
    CHECK(*listener.try_endpoint(large) == text.size() && large.data() == text);
    std::string exact(text.size() + 1, '?');
    CHECK(listener.try_endpoint(exact) == Status::ok && exact.c_str() == text);
    char tiny[3];
    const auto cut = listener.try_endpoint(tiny);
    STATUS(cut, too_large);
    CHECK(*cut == text.size() + 1);
}

void a_long_endpoint_is_told_whole() {
    std::string way = std::getenv("TREENAIL_DIR");
    const auto name = "/cpp-" + std::to_string(getpid());
    way.append(400 - way.size() - name.size(), '/');
    const auto where = check::scheme + ":" + way + name;
    const auto listener = Listener::open(where);
    CHECK(listener.endpoint() == where && where.size() > 400);
}

void names_are_taken_once() {
    const auto where = check::endpoint();
    auto listener = Listener::open(where);
    STATUS(Listener::try_open(where), exists);
    THROWS(Listener::open(where), exists);
    listener = {};
    CHECK(Listener::try_open(where));
}

void a_closed_listener_wakes_who_waits() {
    const auto listener = Listener::open(check::endpoint());
    std::thread waiting([&] { STATUS(listener.try_accept(forever), closed); });
    listener.close();
    listener.close();
    waiting.join();
    THROWS(listener.accept(), closed);
}

void nobody_is_there() {
    const auto where = check::endpoint();
    STATUS(Channel::try_connect(where, soon), not_found);
    THROWS(Channel::connect(where), not_found);
    STATUS(Channel::try_connect(where + "?retry=1", briefly), timed_out);
    THROWS(Channel::connect(where + "?retry=1", now), again);
    STATUS(Channel::try_create(where, briefly), timed_out);
    THROWS(Channel::create(where, now), again);
    STATUS(Channel::try_connect("nonsense", soon), invalid);
    STATUS(Channel::try_connect_start("nonsense"), invalid);
    THROWS(Channel::connect_start("nonsense"), invalid);
    STATUS(Channel::try_create_start("nonsense"), invalid);
    THROWS(Channel::create_start("nonsense"), invalid);
}

void two_programs_create_and_connect() {
    const auto where = check::endpoint();
    std::thread creating([&] {
        const auto made = Channel::create(where, soon);
        CHECK(made.recv(soon) == "to who created");
        made.send("to who connected", soon);
        STATUS(made.try_recv_view(soon), closed);
    });
    const auto channel = Channel::connect(where + "?retry=1", soon);
    channel.send("to who created", soon);
    CHECK(channel.recv(soon) == "to who connected");
    channel.close();
    creating.join();
}

void one_thread_does_it_all() {
    const auto where = check::endpoint();
    const auto listener = Listener::open(where);
    const auto client = Channel::connect(where, soon);
    client.send("early", soon);
    const auto server = listener.accept(soon);
    CHECK(server.recv(soon) == "early");
    server.send("answer", soon);
    CHECK(client.recv(soon) == "answer");
    Channel gone = Channel::connect_start(where);
    gone.send(7, "last words", soon);
    gone = Channel();
    const auto left = listener.accept(soon);
    const auto words = left.recv_view(soon);
    CHECK(words.text() == "last words" && words.tag() == 7);
    STATUS(left.try_recv_view(soon), closed);
}

void a_refusal_is_told_by_the_next_calls() {
    const auto where = check::endpoint();
    const auto listener = Listener::open(where + "?max_channels=1");
    const auto first = Channel::connect(where, soon);
    const auto held = listener.accept(soon);
    const auto refused = Channel::connect(where, soon);
    STATUS(listener.try_accept(briefly), timed_out);
    STATUS(refused.try_recv_view(soon), no_space);
    THROWS(refused.send("more", soon), no_space);
}

void both_ends_start_and_get_on_in_their_calls() {
    const auto where = check::endpoint();
    const auto created = Channel::create_start(where);
    STATUS(created.try_peer(), again);
    THROWS(created.stats(), again);
    const auto connected = Channel::connect_start(where + "?early=0");
    STATUS(connected.try_stats(), again);
    THROWS(connected.peer(), again);
    const int fds[] = {created.send_fd(), connected.send_fd()};
    while (!connected.try_peer() || !created.try_peer()) {
        CHECK(check::readable(fds[0], 10ms) || check::readable(fds[1], 10s));
        (void)created.try_flush(now);
        (void)connected.try_flush(now);
    }
    connected.send("over", soon);
    CHECK(created.recv(soon) == "over");
}

void a_pair_has_both_ends() {
    auto [one, other] = Channel::pair();
    one.send("across", soon);
    CHECK(other.recv(soon) == "across");
    other.send("and back", soon);
    CHECK(one.recv(soon) == "and back");
    CHECK(one.peer().address() == "pair");
    CHECK(one.stats().ring_bytes > 0);
    one = {};
    STATUS(other.try_recv(Buffer{}, soon), closed);
    const auto on_sockets = Channel::pair("shm=off");
    CHECK(on_sockets.first.stats().ring_bytes == 0);
    STATUS(Channel::try_pair("nonsense"), invalid);
    THROWS(Channel::pair("ring=tiny"), invalid);
}

void a_socketpair_is_adopted() {
    int ends[2];
    CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
    const auto adopting = [](int number) { return "fd:" + std::to_string(number); };
    const auto connected = Channel::connect(adopting(ends[0]), soon);
    const auto created = Channel::create(adopting(ends[1]), soon);
    connected.send("across", soon);
    CHECK(created.recv(soon) == "across");
    STATUS(Channel::try_connect(adopting(ends[0]), soon), invalid);
    STATUS(Listener::try_open(adopting(ends[1])), invalid);
    STATUS(Listener::try_open("fd:systemd"), not_found);
}

void a_listener_chooses_its_name() {
    const auto listener = Listener::open(check::scheme + ":*");
    const auto where = listener.endpoint();
    CHECK(where.find('*') == std::string::npos);
    const auto client = Channel::connect(where, soon);
    client.send("found", soon);
    CHECK(listener.accept(soon).recv(soon) == "found");
    STATUS(Channel::try_connect(check::scheme + ":*", soon), invalid);
}

void a_peer_is_known() {
    const auto pair = open_pair();
    const auto peer = pair.client.peer();
    CHECK(peer.pid() == getpid() && peer.uid() == getuid() && peer.gid() == getgid());
    using treenail::Transport;
    CHECK(peer.transport() == (check::over_shm() ? Transport::shm : Transport::local));
    CHECK(!peer.address().empty());
    CHECK(peer.fallback().empty());
    const treenail::ListenerStats stats = pair.listener.stats();
    CHECK(stats.accepted == 1 && stats.channels == 1 && stats.refused_full == 0);
    CHECK(pair.listener.try_stats()->pending == 0);
    CHECK(pair.server.try_peer()->pid() == getpid());
    const auto socket = open_pair("peer_uid=any");
    CHECK(socket.client.peer().address() != peer.address());
}

void statistics_count() {
    const auto pair = open_pair();
    pair.client.send("12345", soon);
    CHECK(pair.server.recv(soon) == "12345");
    const auto sent = pair.client.stats();
    CHECK(sent.messages_sent == 1 && sent.bytes_sent == 5 && sent.messages_received == 0);
    CHECK((sent.ring_bytes > 0) == check::over_shm());
    const auto received = pair.server.try_stats();
    CHECK(received && received->messages_received == 1 && received->bytes_received == 5);
    CHECK(received->struct_size == sizeof(treenail::Stats));
}

constexpr check::Case cases[] = {
    CASE(a_listener_accepts),
    CASE(an_endpoint_is_told_in_any_buffer),
    CASE(a_long_endpoint_is_told_whole),
    CASE(names_are_taken_once),
    CASE(a_closed_listener_wakes_who_waits),
    CASE(nobody_is_there),
    CASE(two_programs_create_and_connect),
    CASE(one_thread_does_it_all),
    CASE(a_refusal_is_told_by_the_next_calls),
    CASE(both_ends_start_and_get_on_in_their_calls),
    CASE(a_pair_has_both_ends),
    CASE(a_socketpair_is_adopted),
    CASE(a_listener_chooses_its_name),
    CASE(a_peer_is_known),
    CASE(statistics_count),
};

}  // namespace

int main(int argc, char** argv) { return check::run(argc, argv, cases); }
