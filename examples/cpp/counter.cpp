// counter.cpp: many programs add to one counter in shared memory, and any of them may be killed.
//
//     make -C examples/cpp
//     target/examples-cpp/counter show visits &
//     target/examples-cpp/counter add visits 1000000
//     target/examples-cpp/counter crash visits
//
// Each adds to a share of its own, and to the total, under the segment's lock. If one dies between
// the two, the next one that gets the lock is told, and repairs the total. The programs of the same
// name in other languages take the same arguments and share the counter.
#include <treenail.hpp>

#include <array>
#include <csignal>
#include <iostream>
#include <numeric>
#include <stdexcept>
#include <string>
#include <string_view>

using treenail::Guard;
using treenail::Segment;

namespace {

constexpr std::size_t size = 4096, head = 3;

// What is in the segment.
struct Shares {
    std::uint64_t total;  // the sum of all shares, but while somebody adds
    std::uint64_t taken;  // how many shares there are
    std::uint64_t repairs;
    std::array<std::uint64_t, size / 8 - head> shares;
};
static_assert(sizeof(Shares) == size);

class Counter {
public:
    explicit Counter(const char* name) : segment_(Segment::open_or_create(name, size)) {
        if (segment_.size() != size) {
            throw std::runtime_error(std::string(name) + " is no counter");
        }
    }

    void add(unsigned long times) {
        auto& share = take_share();
        for (unsigned long i = 0; i < times; i++) {
            const auto held = enter();
            share += 1;
            it_.total += 1;
        }
        std::cout << "added " << times << '\n';
    }

    // Dies with the lock while the total is not yet right, which no program should do.
    void crash() {
        auto& share = take_share();
        const auto held = enter();
        share += 1;
        std::raise(SIGKILL);
    }

    // Prints the counter, and again for each line of input.
    void show() {
        std::string line;
        do {
            const auto seen = copy();
            std::cout << "total " << seen.total << ", repaired " << seen.repairs << "; shares:";
            for (std::uint64_t i = 0; i < seen.taken; i++) {
                std::cout << ' ' << seen.shares[i];
            }
            std::cout << std::endl;
        } while (std::getline(std::cin, line));
    }

private:
    // Takes the lock as long as the guard lives; what is under it is right then.
    Guard enter() {
        auto held = segment_.guard();
        if (held.owner_died()) {
            it_.total = std::accumulate(it_.shares.begin(), it_.shares.begin() + it_.taken,
                                        std::uint64_t{0});
            it_.repairs++;
        }
        return held;
    }

    // A share of this program's own.
    std::uint64_t& take_share() {
        const auto share = take_number();
        std::cout << "share " << share << std::endl;
        return it_.shares[share];
    }

    std::uint64_t take_number() {
        const auto held = enter();
        if (it_.taken == it_.shares.size()) {
            throw std::runtime_error("all shares are taken");
        }
        return it_.taken++;
    }

    Shares copy() {
        const auto held = enter();
        return it_;
    }

    Segment segment_;
    Shares& it_ = segment_.as<Shares>();
};

}  // namespace

int main(int argc, char** argv) {
    const std::string_view verb = argc > 2 ? argv[1] : "";
    try {
        if (verb == "add" && argc == 4) {
            Counter(argv[2]).add(std::stoul(argv[3]));
        } else if (verb == "crash" && argc == 3) {
            Counter(argv[2]).crash();
        } else if (verb == "show" && argc == 3) {
            Counter(argv[2]).show();
        } else {
            std::cerr << "usage: counter add NAME TIMES\n       counter crash NAME\n"
                         "       counter show NAME\n";
            return 2;
        }
    } catch (const std::exception& error) {
        std::cerr << "counter: " << error.what() << '\n';
        return 1;
    }
}
