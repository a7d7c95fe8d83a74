// Views and loans: how long they live, who owns them, and what is left of one that was moved from.
#include "check.hpp"

#include <array>
#include <optional>
#include <vector>

namespace {

// Bytes of the ring from the client to the server that are in use; on shm alone.
std::uint64_t in_use(const check::Pair& pair) { return pair.client.stats().ring_used; }

void a_view_is_the_message_in_place() {
    const auto pair = open_pair();
    pair.client.send(5, "in place", soon);
    const auto view = pair.server.recv_view(soon);
    CHECK(view.text() == "in place" && view.str() == "in place" && view.size() == 8);
    CHECK(view.tag() == 5 && view.id() == 0 && !view.is_request() && !view.is_reply());
    CHECK(check::aligned_to_16(view.data()) && !view.empty());
    CHECK(view.native().data == view.data() && view.end() - view.begin() == 8);
    pair.client.send("", soon);
    CHECK(pair.server.try_recv_view(soon)->empty());
    STATUS(pair.server.try_recv_view(now), again);
}

// A view pins its bytes in the ring, and nothing else does: so the fill of the ring shows views.
void a_view_holds_room_until_its_end() {
    const auto pair = open_pair("ring=64KiB");
    const std::string message(10000, 'x');
    {
        pair.client.send(message, soon);
        const auto view = pair.server.recv_view(soon);
        CHECK(!check::over_shm() || in_use(pair) >= message.size());
    }
    CHECK(in_use(pair) == 0);
    pair.client.send(message, soon);
    auto view = pair.server.recv_view(soon);
    view.release();
    CHECK(in_use(pair) == 0 && view.empty() && view.data() == nullptr && view.text().empty());
    view.release();
}

void a_view_moves() {
    const auto pair = open_pair("ring=64KiB");
    const std::string message(10000, 'x');
    CHECK(pair.client.send_many({message, "second"}, soon) == 2);
    auto first = pair.server.recv_view(soon);
    View moved = std::move(first);
    CHECK(moved.text() == message);
    CHECK(first.empty() && first.data() == nullptr && first.tag() == 0);  // NOLINT: what is left
    first.release();
    STATUS(pair.server.try_reply(first, "", soon), invalid);
    moved = pair.server.recv_view(soon);  // gives the first back
    CHECK(moved.text() == "second" && (!check::over_shm() || in_use(pair) < message.size()));
    auto& same = moved;
    moved = std::move(same);
    CHECK(moved.text() == "second");
    first.swap(moved);
    CHECK(first.text() == "second" && moved.empty());
    first = View();
    CHECK(in_use(pair) == 0);
}

void views_end_in_any_order_and_thread_and_after_close() {
    auto pair = open_pair();
    std::vector<View> views;
    for (const char* text : {"a", "b", "c", "d"}) {
        pair.client.send(text, soon);
        views.push_back(pair.server.recv_view(soon));
    }
    views.erase(views.begin() + 2);
    std::thread([view = std::move(views[1])]() mutable { CHECK(view.text() == "b"); }).join();
    const auto server = std::move(pair.server);  // the channel's object moves under its views
    CHECK(views[0].text() == "a" && views[2].text() == "d");
    server.close();
    CHECK(views[0].text() == "a");
    views.clear();
}

// A failure in a destructor would show in the text of the last one.
void what_was_given_away_is_given_back_once() {
    const auto pair = open_pair();
    pair.client.send("x", soon);
    STATUS(Listener::try_open("the last failure"), invalid);
    const std::string before = treenail::last_error();
    {
        auto view = pair.server.recv_view(soon);
        auto loan = pair.client.loan(5, soon);
        const auto other_view = std::move(view);
        const auto other_loan = std::move(loan);
        auto released = pair.client.loan(5, soon);
        released.discard();
    }
    CHECK(before == treenail::last_error());
}

void a_message_outlives_its_view_without_its_bytes() {
    const auto pair = open_pair();
    std::thread asking([&] { CHECK(pair.client.request(6, "?", soon).text() == "!"); });
    auto view = pair.server.recv_view(soon);
    const Message message = view;
    view.release();
    CHECK(view.is_request() && view.id() == message.id() && view.tag() == 6);
    pair.server.reply(message, "!", soon);
    asking.join();
}

void a_loan_is_written_and_committed() {
    const auto pair = open_pair();
    auto loan = pair.client.loan(100, soon);
    CHECK(loan.size() == 100 && check::aligned_to_16(loan.data()));
    CHECK(loan.chars() == static_cast<void*>(loan.data()) && loan.end() - loan.begin() == 100);
    CHECK(loan.native().data == loan.data());
    std::memcpy(loan.data(), "committed", 9);
    loan.commit(9, 4);
    CHECK(loan.data() == nullptr && loan.size() == 0);
    STATUS(loan.try_commit(0, now), invalid);
    THROWS(loan.commit(0), invalid);
    const auto view = pair.server.recv_view(soon);
    CHECK(view.text() == "committed" && view.tag() == 4);
    auto tried = pair.client.try_loan(1, now);
    CHECK(tried && tried->size() == 1);
    STATUS(tried->try_commit(2, now), invalid);
    *tried->data() = std::byte{'1'};
    STATUS(tried->try_commit(1, 5, now), ok);
    const auto last = pair.server.recv_view(soon);
    CHECK(last.text() == "1" && last.tag() == 5);
}

void a_loan_that_ends_is_not_sent() {
    const auto pair = open_pair();
    { const auto forgotten = pair.client.loan(10, soon); }
    auto given_back = pair.client.loan(10, soon);
    given_back.discard();
    CHECK(given_back.data() == nullptr && given_back.size() == 0);
    given_back.discard();
    STATUS(given_back.try_commit(0, now), invalid);
    pair.client.send("next", soon);  // which an open loan would hold back
    CHECK(pair.server.recv(soon) == "next");
    STATUS(pair.server.try_recv_view(now), again);
}

void a_loan_larger_than_the_ring_is_sent_like_a_message() {
    const auto pair = open_pair("ring=4KiB");
    constexpr std::size_t size = 1 << 20;
    const std::string filling(1000, 'f');
    auto loan = pair.client.loan(size, soon);
    std::memset(loan.data(), 'x', size);
    std::size_t sent = 0;
    while (pair.client.try_send(filling, now) == Status::ok) {
        sent++;
    }
    STATUS(loan.try_commit(size, now), again);
    STATUS(loan.try_commit(size, 3, briefly), timed_out);
    CHECK(loan.size() == size);
    std::thread committing([&] { loan.commit(size, 3, soon); });
    for (; sent > 0; sent--) {
        CHECK(pair.server.recv(soon) == filling);
    }
    const auto view = pair.server.recv_view(soon);
    CHECK(view.size() == size && view.tag() == 3 && view.str() == std::string(size, 'x'));
    committing.join();
    CHECK(loan.data() == nullptr && pair.client.stats().pending_bytes == 0);
}

void a_loan_moves() {
    const auto pair = open_pair();
    auto first = pair.client.loan(10, soon);
    *first.data() = std::byte{'m'};
    Loan moved = std::move(first);
    CHECK(first.data() == nullptr && first.size() == 0);  // NOLINT: what is left
    STATUS(first.try_commit(0, now), invalid);
    first.discard();
    auto& same = moved;
    moved = std::move(same);
    first.swap(moved);
    first.commit(1);
    CHECK(pair.server.recv(soon) == "m");
    first = pair.client.loan(10, soon);
    first = pair.client.loan(20, soon);  // gives the other back
    CHECK(first.size() == 20);
    first = Loan();
    pair.client.send("next", soon);
    CHECK(pair.server.recv(soon) == "next");
}

void no_loan_is_to_be_had() {
    const auto pair = open_pair("max_message=1KiB");
    STATUS(pair.client.try_loan(2000, soon), too_large);
    THROWS(pair.client.loan(2000), too_large);
    auto loan = pair.client.loan(10, soon);
    pair.server.close();
    if (check::over_shm()) {  // elsewhere it may still be sent, as nobody has looked at the socket
        STATUS(loan.try_commit(5, soon), closed);
        CHECK(loan.data() == nullptr);
    }
    STATUS(pair.client.try_recv_view(soon), closed);
    STATUS(pair.client.try_loan(10, soon), closed);
}

constexpr check::Case cases[] = {
    CASE(a_view_is_the_message_in_place),
    CASE(a_view_holds_room_until_its_end),
    CASE(a_view_moves),
    CASE(views_end_in_any_order_and_thread_and_after_close),
    CASE(what_was_given_away_is_given_back_once),
    CASE(a_message_outlives_its_view_without_its_bytes),
    CASE(a_loan_is_written_and_committed),
    CASE(a_loan_that_ends_is_not_sent),
    CASE(a_loan_larger_than_the_ring_is_sent_like_a_message),
    CASE(a_loan_moves),
    CASE(no_loan_is_to_be_had),
};

}  // namespace

int main(int argc, char** argv) { return check::run(argc, argv, cases); }
