// One channel, many threads: each message is whole, goes to one, and a close ends all waits.
#include "check.hpp"

#include <atomic>
#include <cstdint>
#include <vector>

namespace {

constexpr std::uint64_t senders = 3, receivers = 3, each = 2000;

// A message that tells whose it is and whether it is whole.
struct Record {
    std::uint64_t sender, number, sum;
};

void many_send_and_many_receive() {
    const auto pair = open_pair();
    std::atomic<std::uint64_t> total{0}, numbers{0};
    std::vector<std::thread> threads;
    for (std::uint64_t sender = 0; sender < senders; sender++) {
        threads.emplace_back([&, sender] {
            for (std::uint64_t number = 0; number < each; number++) {
                const Record record{sender, number, sender + number};
                pair.client.send(treenail::bytes_of(record), soon);
            }
        });
    }
    for (std::uint64_t i = 0; i < receivers; i++) {
        threads.emplace_back([&] {
            for (;;) {
                Record record{};
                const auto length = pair.server.try_recv({&record, sizeof record}, forever);
                if (length == Status::closed) {
                    return;
                }
                CHECK(length && *length == sizeof record);
                CHECK(record.sender < senders && record.sum == record.sender + record.number);
                numbers += record.number;
                if (++total == senders * each) {
                    pair.server.close();  // which ends the others' waits
                }
            }
        });
    }
    for (auto& thread : threads) {
        thread.join();
    }
    CHECK(total == senders * each && numbers == senders * each * (each - 1) / 2);
}

void views_are_released_by_other_threads() {
    const auto pair = open_pair("ring=16KiB");
    std::thread sending([&] {
        for (std::uint64_t i = 0; i < each; i++) {
            pair.client.send(std::string(200, 'v'), soon);
        }
    });
    for (std::uint64_t i = 0; i < each / 20; i++) {
        std::vector<View> views;
        for (int n = 0; n < 20; n++) {
            views.push_back(pair.server.recv_view(soon));
        }
        std::thread([taken = std::move(views)] {
            for (const auto& view : taken) {
                CHECK(view.text() == std::string(200, 'v'));
            }
        }).join();
    }
    sending.join();
}

void errors_belong_to_their_thread() {
    STATUS(Listener::try_open("mine"), invalid);
    const std::string mine = treenail::last_error();
    std::thread([] {
        STATUS(Listener::try_open("another"), invalid);
        CHECK(std::string(treenail::last_error()).find("another") != std::string::npos);
    }).join();
    CHECK(mine == treenail::last_error() && mine.find("mine") != std::string::npos);
}

constexpr check::Case cases[] = {
    CASE(many_send_and_many_receive),
    CASE(views_are_released_by_other_threads),
    CASE(errors_belong_to_their_thread),
};

}  // namespace

int main(int argc, char** argv) { return check::run(argc, argv, cases); }
