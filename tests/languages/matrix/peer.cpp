// peer.cpp: one side of a pair of tests/languages/matrix/mod.rs, in C++. What it does is told there.
//
//     peer listen|connect ENDPOINT small|big|requests|survive|die [COUNT]
#include <treenail.hpp>

#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <map>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

using namespace std::chrono_literals;
using treenail::Bytes;
using treenail::Status;

namespace {

constexpr auto patience = 20s;
constexpr std::size_t long_len = 10 * 65536, long_more = 1000, period = 251;
constexpr std::uint32_t small_count = 1000, big_count = 10;
constexpr std::uint32_t askers = 2, asked_each = 150, started_count = 50;
constexpr std::uint32_t asked = askers * asked_each, requests = asked + started_count;

void check(bool condition, const std::string& what) {
    if (!condition) {
        throw std::runtime_error(what);
    }
}

// What is wrong ends the program, from whichever thread, with its text.
template <class Act>
void guarded(Act act) {
    try {
        act();
    } catch (const std::exception& error) {
        std::fprintf(stderr, "%s\n", error.what());
        std::_Exit(1);
    }
}

template <class Act>
std::thread start(Act act) {
    return std::thread([act] { guarded(act); });
}

std::vector<unsigned char> make_pattern() {
    std::vector<unsigned char> bytes(period + long_len + long_more);
    for (std::size_t i = 0; i < bytes.size(); i++) {
        bytes[i] = static_cast<unsigned char>(i % period);
    }
    return bytes;
}

class Side {
public:
    Side(treenail::Channel channel, bool connects, std::uint32_t long_every)
        : channel_(std::move(channel)), connects_(connects), long_every_(long_every) {}

    void exchange(std::uint32_t count) {
        auto sender = start([&] {
            for (std::uint32_t k = 0; k < count; k++) send_number(mine(k));
        });
        for (std::uint32_t k = 0; k < count; k++) receive_number(theirs(k));
        sender.join();
        part();
        std::printf("sent and received %u messages\n", count);
    }

    void ask_and_answer() {
        std::vector<std::thread> threads;
        for (std::uint32_t i = 0; i < askers; i++) {
            threads.push_back(start([this, i] {
                for (std::uint32_t k = i * asked_each; k < (i + 1) * asked_each; k++) ask(mine(k));
            }));
        }
        std::map<std::uint32_t, std::uint32_t> started;
        for (std::uint32_t k = asked; k < requests; k++) {
            started[channel_.request_start(mine(k), payload(mine(k)), patience)] = mine(k);
        }
        std::uint32_t served = 0;
        for (std::uint32_t i = 0; i < requests + started_count; i++) {
            const auto message = channel_.recv_view(patience);
            if (message.is_request()) {
                check_payload(message, message.tag());
                channel_.reply(message, payload(message.tag() + 1), patience);
                served++;
            } else {
                check(message.is_reply(), "a plain message");
                check(started.at(message.id()) == message.tag(), "the reply to another request");
                started.erase(message.id());
                check_payload(message, message.tag() + 1);
            }
        }
        check(served == requests, "requests are missing");
        for (auto& thread : threads) thread.join();
        part();
        std::printf("asked and answered %u requests\n", served);
    }

    // Sends and receives until the peer is lost, which dies by our hand after `count` messages.
    void survive(std::uint32_t count) {
        const auto peer = static_cast<pid_t>(channel_.peer().pid());
        auto sender = start([this] {
            until_lost([&](std::uint32_t k) { send_number(mine(k)); });
        });
        const auto received = until_lost([&](std::uint32_t k) {
            receive_number(theirs(k));
            check(k + 1 != count || ::kill(peer, SIGKILL) == 0, "the peer is gone already");
        });
        sender.join();
        check(received >= count, "lost before it was killed");
        std::printf("lost the peer after %u messages\n", received);
    }

    void be_killed() {
        auto sender = start([this] {
            for (std::uint32_t k = 0;; k++) send_number(mine(k));
        });
        for (std::uint32_t k = 0;; k++) receive_number(theirs(k));
    }

private:
    std::uint32_t mine(std::uint32_t k) const { return 2 * k + (connects_ ? 1 : 0); }
    std::uint32_t theirs(std::uint32_t k) const { return 2 * k + (connects_ ? 0 : 1); }

    Bytes payload(std::uint32_t number) const {
        static const auto pattern = make_pattern();
        const bool is_long = long_every_ != 0 && number / 2 % long_every_ == 0;
        return {&pattern[number % period],
                is_long ? long_len + number % long_more : number * 37 % 301};
    }

    void check_payload(const treenail::Message& message, std::uint32_t number) const {
        check(message.text() == payload(number).text(),
              "message " + std::to_string(number) + " is spoilt");
    }

    // Every other message by a loan.
    void send_number(std::uint32_t number) const {
        const auto bytes = payload(number);
        if (number & 2) {
            channel_.send(number, bytes, patience);
            return;
        }
        auto loan = channel_.loan(bytes.size(), patience);
        std::memcpy(loan.data(), bytes.data(), bytes.size());
        loan.commit(bytes.size(), number);
    }

    // Every other message by a view.
    void receive_number(std::uint32_t number) {
        if (number & 2) {
            check_message(channel_.recv_message(buffer_, patience), number);
        } else {
            check_message(channel_.recv_view(patience), number);
        }
    }

    void check_message(const treenail::Message& message, std::uint32_t number) const {
        check(message.tag() == number && !message.is_request() && !message.is_reply(),
              "message " + std::to_string(message.tag()) + " for " + std::to_string(number));
        check_payload(message, number);
    }

    void ask(std::uint32_t number) const {
        const auto reply = channel_.request(number, payload(number), patience);
        check(reply.tag() == number && reply.is_reply(), "the reply to another request");
        check_payload(reply, number + 1);
    }

    // The listener tells when it has all, and the connector closes then.
    void part() const {
        if (connects_) {
            check(channel_.recv(patience) == "done", "no end");
            return;
        }
        channel_.send("done", patience);
        check(channel_.try_recv_view(patience) == Status::closed, "no close");
    }

    // Does it for 0, 1, 2 … until the peer is lost: how often it was done.
    template <class Act>
    static std::uint32_t until_lost(Act act) {
        for (std::uint32_t k = 0;; k++) {
            try {
                act(k);
            } catch (const treenail::Error& error) {
                if (error.status() != Status::peer_lost) throw;
                return k;
            }
        }
    }

    const treenail::Channel channel_;
    const bool connects_;
    const std::uint32_t long_every_; // 0: no message is long; 2: every other is
    std::vector<unsigned char> buffer_ = std::vector<unsigned char>(long_len + long_more);
};

void play(Side& side, const std::string& scenario, std::uint32_t count) {
    if (scenario == "small") return side.exchange(small_count);
    if (scenario == "big") return side.exchange(big_count);
    if (scenario == "requests") return side.ask_and_answer();
    if (scenario == "survive") return side.survive(count);
    if (scenario == "die") return side.be_killed();
    check(false, "there is no scenario " + scenario);
}

void run(const std::vector<std::string>& arguments) {
    const auto& endpoint = arguments.at(1);
    const auto& scenario = arguments.at(2);
    const bool connects = arguments.at(0) == "connect";
    treenail::Listener listener;
    if (!connects) listener = treenail::Listener::open(endpoint);
    auto channel = connects ? treenail::Channel::connect(endpoint, patience)
                            : listener.accept(patience);
    const bool is_mixed = scenario == "survive" || scenario == "die";
    Side side(std::move(channel), connects, is_mixed ? 2 : scenario == "big" ? 1 : 0);
    const auto count = std::stoul(arguments.at(3));
    play(side, scenario, static_cast<std::uint32_t>(count));
}

}  // namespace

int main(int argc, char** argv) {
    guarded([&] { run({argv + 1, argv + argc}); });
}
