// Asking and answering, in one call, in two halves, and by hand.
#include "check.hpp"

#include <vector>

namespace {

// Answers each request with its text twice, until the other side closes.
void serve(const Channel& channel) {
    for (;;) {
        auto request = channel.try_recv_view(soon);
        if (request == Status::closed) {
            return;
        }
        CHECK(request && request->is_request() && request->id() != 0);
        channel.reply(*request, request->str() + request->str(), soon);
    }
}

void a_request_is_answered() {
    const auto pair = open_pair();
    std::thread serving([&] { serve(pair.server); });
    const auto reply = pair.client.request(3, "ab");
    CHECK(reply.text() == "abab" && reply.is_reply() && reply.tag() == 3);
    CHECK(pair.client.try_request(3, "c", soon)->text() == "cc");
    pair.client.close();
    serving.join();
}

void threads_ask_at_once() {
    const auto pair = open_pair();
    std::thread serving([&] { serve(pair.server); });
    std::vector<std::thread> asking;
    for (int i = 0; i < 4; i++) {
        asking.emplace_back([&, text = std::to_string(i)] {
            for (int n = 0; n < 200; n++) {
                CHECK(pair.client.request(0, text, soon).text() == text + text);
            }
        });
    }
    for (auto& thread : asking) {
        thread.join();
    }
    pair.client.close();
    serving.join();
}

void nobody_answers_in_time() {
    const auto pair = open_pair();
    STATUS(pair.client.try_request(1, "?", now), again);
    STATUS(pair.client.try_request(1, "?", briefly), timed_out);
    THROWS(pair.client.request(1, "?", briefly), timed_out);
    pair.server.close();
    THROWS(pair.client.request(1, "?"), closed);
}

void a_started_request_is_answered_by_a_message() {
    const auto pair = open_pair();
    const auto id = pair.client.request_start(9, "started", soon);
    const auto second = pair.client.try_request_start(9, "tried", soon);
    CHECK(id != 0 && second && *second != id);
    for (const char* text : {"started", "tried"}) {
        char buffer[16];
        const auto request = pair.server.recv_message(buffer, soon);
        CHECK(request.text() == text);
        STATUS(pair.server.try_reply(request, request, soon), ok);
    }
    const auto reply = pair.client.recv_view(soon);
    CHECK(reply.is_reply() && reply.id() == id && reply.tag() == 9 && reply.text() == "started");
    CHECK(pair.client.recv_view(soon).id() == *second);
}

void a_begun_request_is_answered_at_its_end() {
    const auto pair = open_pair();
    const auto id = pair.client.request_begin(2, "begun", soon);
    STATUS(pair.client.try_request_end(id, now), again);
    STATUS(pair.client.try_request_end(id, briefly), timed_out);
    THROWS(pair.client.request_end(id, now), again);
    const auto request = pair.server.recv_view(soon);
    pair.server.send("in between", soon);
    pair.server.reply(request, "done", soon);
    const auto reply = pair.client.request_end(id);
    CHECK(reply.text() == "done" && reply.id() == id && reply.tag() == 2);
    CHECK(pair.client.recv(soon) == "in between");
    STATUS(pair.client.try_request_end(id, soon), invalid);
    const auto tried = pair.client.try_request_begin(2, "tried", soon);
    pair.server.reply(pair.server.recv_view(soon), "done", soon);
    CHECK(pair.client.try_request_end(*tried, soon)->text() == "done");
}

void a_cancelled_request_is_forgotten() {
    const auto pair = open_pair();
    const auto id = pair.client.request_begin(2, "begun", soon);
    pair.client.request_cancel(id);
    STATUS(pair.client.try_request_cancel(id), invalid);
    THROWS(pair.client.request_cancel(id), invalid);
    THROWS(pair.client.request_end(id), invalid);
    pair.server.reply(pair.server.recv_view(soon), "too late", soon);
    pair.server.send("next", soon);
    CHECK(pair.client.recv(soon) == "next" && pair.client.stats().late_replies == 1);
}

void only_a_request_is_answered() {
    const auto pair = open_pair();
    pair.client.send("no request", soon);
    const auto view = pair.server.recv_view(soon);
    STATUS(pair.server.try_reply(view, "", soon), invalid);
    THROWS(pair.server.reply(view, ""), invalid);
    STATUS(pair.server.try_reply(Message(), "", soon), invalid);
    pair.client.request_start(1, "once", soon);
    const auto once = pair.server.recv_view(soon);
    pair.server.reply(once, "answer", soon);
    STATUS(pair.server.try_reply(once, "another", soon), invalid);
}

constexpr check::Case cases[] = {
    CASE(a_request_is_answered),
    CASE(threads_ask_at_once),
    CASE(nobody_answers_in_time),
    CASE(a_started_request_is_answered_by_a_message),
    CASE(a_begun_request_is_answered_at_its_end),
    CASE(a_cancelled_request_is_forgotten),
    CASE(only_a_request_is_answered),
};

}  // namespace

int main(int argc, char** argv) { return check::run(argc, argv, cases); }
