// A worker of tests/robustness/segments/kills.rs, in C++: what it does is told there.
//
//     worker NAME PAGE PLACE
#include <treenail.hpp>

#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <numeric>
#include <random>

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

namespace {

constexpr auto patience = std::chrono::seconds(10);
constexpr std::size_t wrong = 1;
using Words = std::array<std::uint64_t, 64>;

std::uint64_t sum(const Words& words) {
    return std::accumulate(words.begin() + 1, words.end(), std::uint64_t{0});
}

void work(const char* name, const char* file, int place) {
    const int fd = open(file, O_RDWR);
    void* const mapped = mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (mapped == MAP_FAILED) throw std::runtime_error("no page");
    auto* const page = static_cast<volatile std::uint64_t*>(mapped);
    const auto segment = treenail::Segment::open(name);
    auto& data = segment.as<Words>();
    std::mt19937_64 random(static_cast<std::uint64_t>(getpid()));
    const auto make = [&] {
        Words words;
        for (auto& word : words) word = random();
        words[0] = sum(words);
        return words;
    };
    // A wrong sum is only right where somebody died.
    const auto judge = [&](bool owner_died, const Words& words) {
        if (!owner_died && words[0] != sum(words)) page[wrong] = 1;
    };
    for (;; page[place] = page[place] + 1) {
        switch (random() % 4) {
        case 0: {
            Words words;
            const auto notice = segment.read(0, treenail::Buffer(&words, sizeof words), patience);
            judge(notice.owner_died(), words);
            break;
        }
        case 1: {
            const auto words = make();
            segment.write(0, treenail::Bytes(&words, sizeof words), patience);
            break;
        }
        case 2: {
            const auto guard = segment.shared_guard(patience);
            judge(guard.owner_died(), data);
            break;
        }
        default: {
            const auto words = make();
            const auto guard = segment.guard(patience);
            judge(guard.owner_died(), data);
            for (std::size_t i = 0; i < words.size(); i++) {
                static_cast<volatile std::uint64_t&>(data[i]) = words[i];
            }
        }
        }
    }
}

}  // namespace

int main(int argc, char** argv) {
    try {
        if (argc != 4) throw std::runtime_error("worker NAME PAGE PLACE");
        work(argv[1], argv[2], std::atoi(argv[3]));
    } catch (const std::exception& error) {
        std::fprintf(stderr, "%s\n", error.what());
    }
    return 1;
}
