// Sending and receiving copies: one message, parts, many; what doesn't fit, and what doesn't come.
#include "check.hpp"

#include <array>
#include <vector>

namespace {

enum class Kind : std::uint32_t { greeting = 7 };

// The next message: its tag and its text.
std::pair<std::uint32_t, std::string> next(const Channel& channel) {
    char buffer[256];
    const auto message = channel.recv_message(buffer, soon);
    CHECK(!message.is_request() && !message.is_reply() && message.id() == 0);
    return {message.tag(), message.str()};
}

void every_send_arrives() {
    const auto pair = open_pair();
    using Got = std::pair<std::uint32_t, std::string>;
    pair.client.send("plain");
    CHECK(next(pair.server) == Got(0, "plain"));
    pair.client.send(Kind::greeting, std::string("tagged"), soon);
    CHECK(next(pair.server) == Got(7, "tagged"));
    pair.client.send(8, std::vector<char>{'v', 'e', 'c'}, soon);
    CHECK(next(pair.server) == Got(8, "vec"));
    STATUS(pair.client.try_send(std::string_view("tried"), now), ok);
    CHECK(next(pair.server) == Got(0, "tried"));
    STATUS(pair.client.try_send(9, "tried and tagged", now), ok);
    CHECK(next(pair.server) == Got(9, "tried and tagged"));
    pair.client.sendv(10, {"he", "llo", std::array<char, 1>{'!'}}, soon);
    CHECK(next(pair.server) == Got(10, "hello!"));
    const std::vector<Bytes> parts{"ab", "", "cd"};
    STATUS(pair.client.try_sendv(Kind::greeting, parts, soon), ok);
    CHECK(next(pair.server) == Got(7, "abcd"));
    pair.client.sendv(11, {});
    CHECK(next(pair.server) == Got(11, ""));
    pair.client.send("");
    CHECK(next(pair.server) == Got(0, ""));
    CHECK(pair.client.send_many({"one", "", "three"}, soon) == 3);
    CHECK(*pair.client.try_send_many(parts, soon) == 3);
    for (const char* text : {"one", "", "three", "ab", "", "cd"}) {
        CHECK(next(pair.server) == Got(0, text));
    }
}

void every_receive_gets_it() {
    const auto pair = open_pair();
    const auto& [listener, server, client] = pair;
    char buffer[8];
    for (int i = 0; i < 9; i++) {
        client.send("message", soon);
    }
    CHECK(server.recv(buffer) == 7 && std::string_view(buffer, 7) == "message");
    CHECK(*server.try_recv(buffer, now) == 7);
    const std::string text = server.recv();
    CHECK(text == "message" && server.recv(soon) == text);
    CHECK(server.recv<std::vector<std::byte>>(soon).size() == 7);
    CHECK(server.recv<std::vector<unsigned char>>().back() == 'e');
    std::string kept(100, '?');
    const auto* place = kept.data();
    server.recv_to(kept, soon);
    CHECK(kept == "message" && kept.data() == place);
    CHECK(server.recv_message(buffer).text() == "message");
    const auto message = server.try_recv_message(buffer, now);
    CHECK(message->size() == 7 && message->data() == static_cast<void*>(buffer));
    CHECK(message->end() - message->begin() == 7 && !message->empty());
    STATUS(server.try_recv(buffer, now), again);
}

void too_small_a_buffer_leaves_the_message() {
    const auto pair = open_pair();
    pair.client.send(3, "ten bytes!", soon);
    char buffer[9];
    const auto length = pair.server.try_recv(buffer, soon);
    STATUS(length, too_large);
    CHECK(*length == 10);
    const auto message = pair.server.try_recv_message(buffer, soon);
    STATUS(message, too_large);
    CHECK(message->size() == 10 && message->tag() == 0);
    THROWS(pair.server.recv(buffer), too_large);
    THROWS(pair.server.recv_message(buffer), too_large);
    CHECK(pair.server.recv() == "ten bytes!");
}

void many_are_received_at_once() {
    const auto pair = open_pair();
    alignas(16) std::array<std::byte, 4096> buffer;
    Message messages[4];
    STATUS(pair.server.try_recv_many(buffer, messages, now), again);
    THROWS(pair.server.recv_many(buffer, messages, briefly), timed_out);
    CHECK(pair.client.send_many({"a", "bc", "", "def", "five"}, soon) == 5);
    std::vector<std::string> got;
    while (got.size() < 5) {
        for (const auto& message : pair.server.recv_many(buffer, messages, soon)) {
            CHECK(message.empty() || check::aligned_to_16(message.data()));
            got.emplace_back(message.text());
        }
    }
    CHECK((got == std::vector<std::string>{"a", "bc", "", "def", "five"}));
    pair.client.send(std::string(5000, 'x'), soon);
    STATUS(pair.server.try_recv_many(buffer, messages, soon), too_large);
    CHECK(messages[0].size() == 5000);
}

void a_batch_says_of_each_message_what_it_is() {
    const auto pair = open_pair();
    alignas(16) std::array<std::byte, 4096> buffer;
    Message messages[4];
    pair.client.send(7, "tagged", soon);
    const auto tagged = pair.server.recv_many(buffer, messages, soon);
    CHECK(tagged.size() == 1 && tagged[0].tag() == 7 && tagged[0].text() == "tagged");
    CHECK(!tagged[0].is_request() && tagged[0].id() == 0);
    const auto id = pair.client.request_start(8, "question", soon);
    const auto asked = pair.server.recv_many(buffer, messages, soon);
    CHECK(asked.size() == 1 && asked[0].is_request() && asked[0].id() == id);
    pair.server.reply(asked[0], "answer", soon);
    const auto answered = pair.client.recv_many(buffer, messages, soon);
    CHECK(answered.size() == 1 && answered[0].is_reply() && answered[0].id() == id);
    CHECK(answered[0].tag() == 8 && answered[0].str() == "answer");
}

void big_messages_cross() {
    const auto pair = open_pair();
    std::vector<std::uint32_t> numbers(1 << 20);
    for (std::size_t i = 0; i < numbers.size(); i++) {
        numbers[i] = static_cast<std::uint32_t>(i * 7);
    }
    std::thread sending([&] { pair.client.send(numbers, soon); });
    std::vector<std::uint32_t> back(numbers.size());
    CHECK(pair.server.recv(back, soon) == numbers.size() * sizeof(std::uint32_t));
    sending.join();
    CHECK(back == numbers);
}

void nothing_comes_in_time() {
    const auto pair = open_pair();
    char buffer[8];
    std::string text = "kept";
    STATUS(pair.server.try_recv(buffer, now), again);
    STATUS(pair.server.try_recv(buffer, briefly), timed_out);
    STATUS(pair.server.try_recv_message(buffer, now), again);
    STATUS(pair.server.try_recv_view(briefly), timed_out);
    THROWS(pair.server.recv(buffer, now), again);
    THROWS(pair.server.recv(briefly), timed_out);
    THROWS(pair.server.recv_to(text, now), again);
    THROWS(pair.server.recv_view(-1s), again);
    CHECK(text == "kept");
}

void a_full_channel_says_so_and_is_flushed() {
    const auto pair = open_pair("ring=4KiB&max_message=64KiB");
    const std::string piece(1000, 'x');
    std::size_t sent = 0;
    while (pair.client.try_send(piece, now) == Status::ok) {
        sent++;
    }
    STATUS(pair.client.try_send(piece, now), again);
    STATUS(pair.client.try_send(piece, briefly), timed_out);
    STATUS(pair.client.try_sendv(1, {piece, piece}, briefly), timed_out);
    STATUS(pair.client.try_send_many({piece, piece}, briefly), timed_out);
    THROWS(pair.client.send(piece, now), again);
    THROWS(pair.client.send(5, piece, briefly), timed_out);
    THROWS(pair.client.sendv(5, {piece}, briefly), timed_out);
    THROWS(pair.client.send_many({piece}, briefly), timed_out);
    THROWS(pair.client.send(std::string(70000, 'x')), too_large);
    for (std::size_t i = 0; i < sent; i++) {
        CHECK(pair.server.recv(soon) == piece);
    }
    STATUS(pair.client.try_flush(soon), ok);
    pair.client.flush();
    CHECK(pair.client.stats().pending_bytes == 0);
}

void what_does_not_fit_stays_in_the_channel_until_flushed() {
    const auto pair = open_pair("ring=4KiB");
    const std::string large(4 << 20, 'x');
    pair.client.send(large, briefly);
    CHECK(pair.client.stats().pending_bytes > 0);
    STATUS(pair.client.try_flush(briefly), timed_out);
    THROWS(pair.client.flush(now), again);
    std::thread receiving([&] { CHECK(pair.server.recv(soon) == large); });
    pair.client.flush(soon);
    receiving.join();
}

void the_descriptor_tells_when() {
    const auto pair = open_pair();
    const int fd = pair.server.fd();
    CHECK(fd >= 0 && *pair.server.try_fd() == fd);
    STATUS(pair.server.try_recv_view(now), again);
    CHECK(!check::readable(fd));
    pair.client.send("x", soon);
    CHECK(check::readable(fd, 10s));
    CHECK(pair.server.recv(soon) == "x");
}

void another_descriptor_tells_when_there_is_room() {
    const auto pair = open_pair("ring=4KiB");
    const int fd = pair.client.fd(), send_fd = pair.client.send_fd();
    CHECK(send_fd >= 0 && send_fd != fd && *pair.client.try_send_fd() == send_fd);
    STATUS(pair.client.try_recv_view(now), again);
    CHECK(check::readable(send_fd) && !check::readable(fd));
    const std::string piece(1000, 'x');
    while (pair.client.try_send(piece, now) == Status::ok) {
    }
    CHECK(!check::readable(send_fd));
    while (pair.server.try_recv_view(now)) {
    }
    CHECK(check::readable(send_fd, 10s));
    STATUS(pair.client.try_send(piece, now), ok);
    STATUS(pair.client.try_recv_view(now), again);
    CHECK(check::readable(send_fd) && !check::readable(fd));
}

void a_busy_poll_leaves_what_it_finds() {
    const auto pair = open_pair();
    CHECK(!pair.server.busy_poll());
    STATUS(pair.server.try_busy_poll(), again);
    pair.client.send("x", soon);
    CHECK(check::readable(pair.server.fd(), 10s));
    CHECK(pair.server.busy_poll());
    STATUS(pair.server.try_busy_poll(), ok);
    CHECK(pair.server.recv(now) == "x");
    THROWS(Channel().busy_poll(), invalid);
}

constexpr check::Case cases[] = {
    CASE(every_send_arrives),
    CASE(every_receive_gets_it),
    CASE(too_small_a_buffer_leaves_the_message),
    CASE(many_are_received_at_once),
    CASE(a_batch_says_of_each_message_what_it_is),
    CASE(big_messages_cross),
    CASE(nothing_comes_in_time),
    CASE(a_full_channel_says_so_and_is_flushed),
    CASE(what_does_not_fit_stays_in_the_channel_until_flushed),
    CASE(the_descriptor_tells_when),
    CASE(another_descriptor_tells_when_there_is_room),
    CASE(a_busy_poll_leaves_what_it_finds),
};

}  // namespace

int main(int argc, char** argv) { return check::run(argc, argv, cases); }
