// The handles themselves: owning, moving, letting go, closing; and that an empty one fails safely
// in every call there is.
#include "check.hpp"

#include <array>
#include <vector>

namespace {

void empty_channel(const Channel& empty) {
    char buffer[8];
    Message slots[2];
    std::string text;
    CHECK(!empty && empty.native_handle() == nullptr);
    STATUS(empty.try_send("", now), invalid);
    STATUS(empty.try_send(1, "", now), invalid);
    STATUS(empty.try_sendv(1, {""}, now), invalid);
    STATUS(empty.try_send_many({""}, now), invalid);
    STATUS(empty.try_loan(1, now), invalid);
    STATUS(empty.try_flush(now), invalid);
    STATUS(empty.try_recv(buffer, now), invalid);
    STATUS(empty.try_recv_message(buffer, now), invalid);
    STATUS(empty.try_recv_view(now), invalid);
    STATUS(empty.try_recv_many(buffer, slots, now), invalid);
    STATUS(empty.try_request(1, "", now), invalid);
    STATUS(empty.try_request_begin(1, "", now), invalid);
    STATUS(empty.try_request_end(1, now), invalid);
    STATUS(empty.try_request_cancel(1), invalid);
    STATUS(empty.try_request_start(1, "", now), invalid);
    STATUS(empty.try_reply(Message(), "", now), invalid);
    STATUS(empty.try_fd(), invalid);
    STATUS(empty.try_send_fd(), invalid);
    STATUS(empty.try_peer(), invalid);
    STATUS(empty.try_stats(), invalid);
    THROWS(empty.send(""), invalid);
    THROWS(empty.send(1, ""), invalid);
    THROWS(empty.sendv(1, {""}), invalid);
    THROWS(empty.send_many({""}), invalid);
    THROWS(empty.loan(1), invalid);
    THROWS(empty.flush(), invalid);
    THROWS(empty.recv(), invalid);
    THROWS(empty.recv(buffer), invalid);
    THROWS(empty.recv_to(text), invalid);
    THROWS(empty.recv_message(buffer), invalid);
    THROWS(empty.recv_view(), invalid);
    THROWS(empty.recv_many(buffer, slots), invalid);
    THROWS(empty.request(1, ""), invalid);
    THROWS(empty.request_begin(1, ""), invalid);
    THROWS(empty.request_end(1), invalid);
    THROWS(empty.request_start(1, ""), invalid);
    THROWS(empty.reply(Message(), ""), invalid);
    THROWS(empty.fd(), invalid);
    THROWS(empty.send_fd(), invalid);
    THROWS(empty.peer(), invalid);
    THROWS(empty.stats(), invalid);
    empty.close();
}

void empty_listener(const Listener& empty) {
    char buffer[8];
    CHECK(!empty);
    STATUS(empty.try_accept(now), invalid);
    STATUS(empty.try_endpoint(buffer), invalid);
    STATUS(empty.try_fd(), invalid);
    STATUS(empty.try_stats(), invalid);
    THROWS(empty.stats(), invalid);
    THROWS(empty.accept(), invalid);
    THROWS(empty.endpoint(), invalid);
    THROWS(empty.fd(), invalid);
    empty.close();
}

void empty_poller(const Poller& empty) {
    std::uint64_t keys[1];
    CHECK(!empty);
    STATUS(empty.try_add(Channel(), 1), invalid);
    STATUS(empty.try_add_send(Channel(), 1), invalid);
    STATUS(empty.try_add(Listener(), 1), invalid);
    STATUS(empty.try_add_fd(0, 1), invalid);
    STATUS(empty.try_remove(1), invalid);
    STATUS(empty.try_wait(keys, now), invalid);
    STATUS(empty.try_wake(), invalid);
    STATUS(empty.try_fd(), invalid);
    THROWS(empty.add(Channel(), 1), invalid);
    THROWS(empty.add_send(Channel(), 1), invalid);
    THROWS(empty.wait(keys), invalid);
    THROWS(empty.wake(), invalid);
    THROWS(empty.fd(), invalid);
}

void what_is_empty_fails_safely() {
    empty_channel(Channel());
    empty_listener(Listener());
    empty_poller(Poller());
    CHECK(View().empty() && Loan().size() == 0 && Message().data() == nullptr);
}

void what_was_moved_from_fails_safely() {
    auto pair = open_pair();
    auto poller = Poller::create();
    const auto listener = std::move(pair.listener);
    const auto channel = std::move(pair.client);
    const auto moved = std::move(poller);
    empty_channel(pair.client);
    empty_listener(pair.listener);
    empty_poller(poller);
    CHECK(listener && channel && moved);
    channel.send("still there", soon);
    CHECK(pair.server.recv(soon) == "still there");
}

void assigning_ends_what_was_there() {
    auto first = open_pair();
    auto second = open_pair();
    first.client = std::move(second.client);
    STATUS(first.server.try_recv_view(soon), closed);
    first.client.send("to the second", soon);
    CHECK(second.server.recv(soon) == "to the second");
    std::swap(first, second);
    second.client.send("again", soon);
    CHECK(first.server.recv(soon) == "again");
}

void a_scope_ends_a_channel() {
    auto pair = open_pair();
    pair.client.send("last", soon);
    { const auto ended = std::move(pair.client); }
    CHECK(pair.server.recv(soon) == "last");
    STATUS(pair.server.try_recv_view(soon), closed);
    STATUS(pair.server.try_send("", now), closed);
    THROWS(pair.server.recv(), closed);
    THROWS(pair.server.send("x"), closed);
}

void closing_ends_all_calls() {
    const auto pair = open_pair();
    pair.server.send("never read", soon);
    std::thread waiting([&] { STATUS(pair.server.try_recv_view(forever), closed); });
    pair.client.close();
    pair.client.close();
    waiting.join();
    STATUS(pair.client.try_recv_view(now), closed);
    STATUS(pair.client.try_send("", now), closed);
    STATUS(pair.client.try_loan(1, now), closed);
    STATUS(pair.client.try_flush(now), closed);
    STATUS(pair.client.try_request(1, "", now), closed);
    CHECK(pair.client);
}

void handles_come_from_c_and_go_there() {
    tn_listener* made = nullptr;
    const auto where = check::endpoint();
    CHECK(tn_listener_open(where.c_str(), &made) == TN_OK);
    Listener listener(made);
    CHECK(listener.native_handle() == made && listener.endpoint() == where);
    tn_listener* mine = listener.release();
    CHECK(mine == made && !listener);
    tn_listener_free(mine);
    Channel nothing(nullptr);
    CHECK(!nothing && nothing.release() == nullptr);
}

void they_live_in_containers() {
    std::vector<Channel> channels;
    std::vector<check::Pair> pairs;
    for (int i = 0; i < 5; i++) {
        pairs.push_back(open_pair());
        channels.push_back(std::move(pairs.back().client));
    }
    channels.erase(channels.begin(), channels.begin() + 2);
    channels.front().send("the third", soon);
    CHECK(pairs[2].server.recv(soon) == "the third");
    STATUS(pairs[1].server.try_recv_view(soon), closed);
}

constexpr check::Case cases[] = {
    CASE(what_is_empty_fails_safely),
    CASE(what_was_moved_from_fails_safely),
    CASE(assigning_ends_what_was_there),
    CASE(a_scope_ends_a_channel),
    CASE(closing_ends_all_calls),
    CASE(handles_come_from_c_and_go_there),
    CASE(they_live_in_containers),
};

}  // namespace

int main(int argc, char** argv) { return check::run(argc, argv, cases); }
