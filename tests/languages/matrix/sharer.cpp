// sharer.cpp: one of two programs of tests/languages/matrix/sharing.rs, in C++. What it does is told there.
//
//     sharer SIDE NAME share|die|survive
#include <treenail.hpp>

#include <array>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <exception>
#include <shared_mutex>
#include <stdexcept>
#include <string>

#include <csignal>
#include <poll.h>
#include <unistd.h>

using namespace std::chrono_literals;
using treenail::Segment;
using treenail::Semaphore;
using treenail::Status;
using treenail::now;

namespace {

constexpr auto patience = 20s;
constexpr std::size_t size = 8192;
constexpr std::uint64_t turns = 200, additions = 10000;
constexpr std::uint32_t rounds = 300;

struct Turn {
    std::uint64_t number;
    std::array<unsigned char, 256> text;
};

Turn make_turn(std::uint64_t number) {
    Turn turn{number, {}};
    for (std::size_t i = 0; i < turn.text.size(); i++) {
        turn.text[i] = static_cast<unsigned char>((number * 7 + i) % 251);
    }
    return turn;
}

// What is in the segment.
struct Page {
    std::uint64_t a, b;  // equal whenever the lock is free
    Turn turn;
    unsigned char gap[4096 - 16 - sizeof(Turn)];
    std::uint64_t pid;  // of the one that is to die
};

void check(bool condition, const std::string& what) {
    if (!condition) {
        throw std::runtime_error(what);
    }
}

class Sharer {
public:
    Sharer(unsigned side, const std::string& name)
        : side_(side), name_(name), segment_(Segment::open_or_create(name, size)) {}

    void share() {
        const auto first = Semaphore::open_or_create(name_ + "-0", 0);
        const auto second = Semaphore::open_or_create(name_ + "-1", 0);
        take_turns();
        add();
        hand_over(side_ == 0 ? first : second, side_ == 0 ? second : first);
        std::puts("shared");
    }

    void die() {
        const auto semaphore = Semaphore::open_or_create(name_, 2);
        semaphore.acquire(2, patience);
        const auto held = segment_.guard(patience);
        page_.a++;
        page_.pid = static_cast<std::uint64_t>(getpid());
        segment_.notify();
        for (;;) pause();
    }

    void survive() {
        segment_.wait(0, patience);
        check(page_.pid != 0, "nobody is there to die");
        check(!segment_.try_lock(), "the lock is free");
        const auto semaphore = Semaphore::open_or_create(name_, 2);
        check(semaphore.try_permit(1, now) == Status::again, "a unit is free");
        check(kill(static_cast<pid_t>(page_.pid), SIGKILL) == 0, "it is dead already");
        {
            const auto held = segment_.guard(patience);
            check(held.owner_died() && page_.a == page_.b + 1, "a death is not told");
            page_.b = page_.a;
        }
        check(!segment_.guard(patience).owner_died(), "a death is told twice");
        check(semaphore.permit(2, patience).units() == 2, "no permit");
        check(segment_.attached() == 1, "it holds the segment still");
        std::puts("survived");
    }

private:
    void take_turns() {
        for (std::uint64_t number = 1; number <= turns; number++) {
            if (number % 2 != side_) {
                segment_.write(offsetof(Page, turn), treenail::bytes_of(make_turn(number)), patience);
            } else if (number < turns || side_ == 0) {
                see(number);
            }
        }
    }

    void see(std::uint64_t number) {
        const auto wanted = make_turn(number);
        auto version = segment_.version();
        Turn turn = read_turn();
        while (turn.number != number) {
            version = wait_for_change(number, version);
            turn = read_turn();
        }
        check(turn.text == wanted.text, "turn " + std::to_string(number) + " is spoilt");
    }

    Turn read_turn() {
        Turn turn;
        segment_.read(offsetof(Page, turn), {&turn, sizeof turn}, patience);
        return turn;
    }

    // Every other time by the descriptor.
    std::uint64_t wait_for_change(std::uint64_t turn, std::uint64_t version) {
        if ((turn & 2) == 0) {
            return segment_.wait(version, patience);
        }
        pollfd entry{segment_.fd(), POLLIN, 0};
        auto changed = segment_.try_wait(version, now);
        while (changed == Status::again) {
            check(poll(&entry, 1, 20000) == 1, "the descriptor tells of no change");
            changed = segment_.try_wait(version, now);
        }
        return std::move(changed).value();
    }

    // Once with a guard of the standard library, once with our own.
    void add() {
        for (std::uint64_t i = 0; i < additions; i++) {
            if (i % 10 == 0) {
                const std::shared_lock held(segment_, patience);
                check(held && page_.a == page_.b, "half an addition is seen");
            }
            const auto held = i % 10 == 5 ? guard_by_descriptor() : segment_.guard(patience);
            check(!held.owner_died() && page_.a == page_.b, "two add at a time");
            page_.a++;
            page_.b++;
        }
        segment_.notify();
        for (auto version = segment_.version(); sum() < 2 * additions;) {
            version = segment_.wait(version, patience);
        }
    }

    treenail::Guard guard_by_descriptor() {
        pollfd entry{segment_.lock_fd(), POLLIN, 0};
        auto guard = segment_.try_guard(now);
        while (guard == Status::again) {
            check(poll(&entry, 1, 20000) == 1, "the descriptor tells of no unlock");
            guard = segment_.try_guard(now);
        }
        return std::move(guard).value();
    }

    std::uint64_t sum() {
        const auto held = segment_.shared_guard(patience);
        return page_.a;
    }

    static void hand_over(const Semaphore& mine, const Semaphore& theirs) {
        for (std::uint32_t i = 0; i < rounds; i++) {
            theirs.release(i % 3 + 1);
            mine.acquire(i % 3 + 1, patience);
        }
        check(!mine.try_acquire(), "a unit is left");
    }

    const unsigned side_;
    const std::string name_;
    const Segment segment_;
    Page& page_ = segment_.as<Page>();
};

}  // namespace

int main(int argc, char** argv) {
    try {
        check(argc == 4, "usage: sharer SIDE NAME share|die|survive");
        const std::string task = argv[3];
        Sharer sharer(static_cast<unsigned>(std::stoul(argv[1])), argv[2]);
        check(task == "share" || task == "die" || task == "survive", "there is no " + task);
        task == "share" ? sharer.share() : task == "die" ? sharer.die() : sharer.survive();
    } catch (const std::exception& error) {
        std::fprintf(stderr, "%s\n", error.what());
        return 1;
    }
}
