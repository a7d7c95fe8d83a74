// A worker of tests/robustness/semaphores/kills.rs, in C++: what it does is told there.
//
//     worker NAME PAGE PLACE
#include <treenail.hpp>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <stdexcept>
#include <thread>

#include <fcntl.h>
#include <sys/mman.h>

namespace {

constexpr auto patience = std::chrono::seconds(10);

void work(const char* name, const char* file, int place) {
    const int fd = open(file, O_RDWR);
    void* const mapped = mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (mapped == MAP_FAILED) throw std::runtime_error("no page");
    auto* const page = static_cast<volatile std::uint64_t*>(mapped);
    const auto semaphore = treenail::Semaphore::open_or_create(name, 0);
    for (std::uint32_t round = 0;; round++) {
        const auto count = 1 + round % 3;
        semaphore.acquire(count, patience);
        if (round % 5 == 0) std::this_thread::yield();
        semaphore.release(1);
        if (count > 1) semaphore.release(count - 1);
        page[place] = page[place] + 1;
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
