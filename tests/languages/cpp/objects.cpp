// Values: one object of a trivially copyable type is a message, in all ways that messages go.
#include "check.hpp"

#include <array>
#include <cstdint>
#include <vector>

namespace {

struct Point {
    double x, y;
    std::int32_t colour;
};
enum class Kind : std::uint32_t { point = 5, number };

bool same(const Point& left, const Point& right) {
    return left.x == right.x && left.y == right.y && left.colour == right.colour;
}

void a_value_arrives_as_it_was() {
    const auto pair = open_pair();
    const Point point{1.5, -2, 7};
    pair.client.send_value(point);
    CHECK(same(pair.server.recv_value<Point>(), point));
    STATUS(pair.client.try_send_value(point, soon), ok);
    CHECK(same(pair.server.recv_value<Point>(soon), point));
    pair.client.send_value(std::array<int, 3>{1, 2, 3}, soon);
    const auto row = pair.server.try_recv_value<std::array<int, 3>>(soon);
    CHECK(row && (*row)[2] == 3);
    pair.client.send_value(42, 5s);  // a number and a timeout, not a tag and a duration
    CHECK(pair.server.recv_value<int>() == 42);
}

void a_value_has_a_tag() {
    const auto pair = open_pair();
    pair.client.send_value(Kind::point, Point{1, 2, 3}, soon);
    STATUS(pair.client.try_send_value(Kind::number, 2.5, now), ok);
    const auto first = pair.server.recv_view(soon);
    CHECK(first.tag() == 5 && same(first.value<Point>(), {1, 2, 3}));
    char buffer[64];
    const auto second = pair.server.recv_message(buffer, soon);
    CHECK(second.tag() == 6 && *second.try_value<double>() == 2.5);
}

void another_size_is_an_error_that_says_so() {
    const auto pair = open_pair();
    for (int i = 0; i < 2; i++) {
        pair.client.send_value(9, std::uint16_t(1), soon);
    }
    pair.client.send("more than four", soon);
    pair.client.send("", soon);
    pair.client.send_value(std::uint32_t(3), soon);
    STATUS(pair.server.try_recv_value<std::uint32_t>(soon), protocol);
    CHECK(std::string_view(treenail::last_error()).find("the message has 2 bytes (tag 9)") !=
          std::string_view::npos);
    THROWS(pair.server.recv_value<std::uint32_t>(soon), protocol);
    THROWS(pair.server.recv_value<std::uint32_t>(soon), protocol);
    THROWS(pair.server.recv_value<std::uint32_t>(soon), protocol);
    CHECK(pair.server.recv_value<std::uint32_t>(soon) == 3);  // what didn't fit is gone
    STATUS(pair.server.try_recv_value<int>(now), again);
    THROWS(pair.server.recv_value<int>(briefly), timed_out);
    pair.client.close();
    STATUS(pair.server.try_recv_value<int>(soon), closed);
    THROWS(pair.server.send_value(1), closed);
}

void a_request_and_its_reply_are_values() {
    const auto pair = open_pair();
    std::thread serving([&] {
        for (int i = 0; i < 3; i++) {
            const auto request = pair.server.recv_view(soon);
            const auto point = request.value<Point>();
            if (i == 0) {
                pair.server.reply_value(request, point.x + point.y, soon);
            } else if (i == 1) {
                STATUS(pair.server.try_reply_value(request, point.x - point.y, soon), ok);
            } else {
                pair.server.reply(request, "no number", soon);
            }
        }
    });
    const Point point{3, 2, 0};
    CHECK(pair.client.request_value<double>(Kind::point, point) == 5);
    CHECK(*pair.client.try_request_value<double>(Kind::point, point, soon) == 1);
    STATUS(pair.client.try_request_value<double>(Kind::point, point, soon), protocol);
    STATUS(pair.client.try_request_value<double>(Kind::point, point, now), again);
    serving.join();
}

void a_failure_of_one_s_own_has_a_text() {
    STATUS(treenail::set_last_error(Status::io, "of a layer above"), io);
    CHECK(treenail::last_error() == std::string_view("of a layer above"));
    STATUS(treenail::set_last_error(Status::ok, "no failure"), invalid);
}

constexpr check::Case cases[] = {
    CASE(a_value_arrives_as_it_was),
    CASE(a_value_has_a_tag),
    CASE(another_size_is_an_error_that_says_so),
    CASE(a_request_and_its_reply_are_values),
    CASE(a_failure_of_one_s_own_has_a_text),
};

}  // namespace

int main(int argc, char** argv) { return check::run(argc, argv, cases); }
