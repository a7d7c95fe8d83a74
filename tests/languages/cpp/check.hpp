// What every C++ program of these tests is built from: checks that say what they saw, a list of
// named cases, endpoints that nobody else uses, and a pair of connected channels.
//
// A program is called with the scheme that it shall use: "shm" or "local".
#ifndef CHECK_HPP
#define CHECK_HPP

#include <treenail.hpp>

#include <poll.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

using namespace std::chrono_literals;
using treenail::Buffer;
using treenail::Bytes;
using treenail::Channel;
using treenail::Listener;
using treenail::Loan;
using treenail::Message;
using treenail::Poller;
using treenail::Result;
using treenail::Span;
using treenail::Status;
using treenail::Timeout;
using treenail::View;
using treenail::forever;
using treenail::now;

namespace check {

// The deadline of everything that is expected to happen.
constexpr auto soon = 10s;
// A wait that is expected to pass in vain.
constexpr auto briefly = 40ms;

inline std::string scheme = "shm";
inline const char* case_name = "";

[[noreturn]] inline void fail(const char* file, int line, const std::string& what) {
    std::fprintf(stderr, "%s:%d: %s over %s: %s\n", file, line, case_name, scheme.c_str(),
                 what.c_str());
    std::_Exit(1);
}

inline Status status_of(Status status) { return status; }
template <class T>
Status status_of(const Result<T>& result) {
    return result.status();
}

inline void expect_status(const char* file, int line, const char* call, Status got, Status want) {
    if (got != want) {
        fail(file, line, std::string(call) + " is " + name(got) + ", not " + name(want) + " (" +
                             treenail::last_error() + ")");
    }
    if (!ok(got) && *treenail::last_error() == '\0') {
        fail(file, line, std::string(call) + " failed without a text");
    }
}

#define CHECK(condition)                                                        \
    do {                                                                        \
        if (!(condition)) check::fail(__FILE__, __LINE__, "not " #condition);   \
    } while (0)

// A try_ form came to this status.
#define STATUS(call, want) \
    check::expect_status(__FILE__, __LINE__, #call, check::status_of(call), Status::want)

// A plain form threw this status, with the library's text.
#define THROWS(call, want)                                                               \
    do {                                                                                 \
        bool threw = false;                                                              \
        try {                                                                            \
            (void)(call);                                                                \
        } catch (const treenail::Error& error) {                                         \
            threw = true;                                                                \
            check::expect_status(__FILE__, __LINE__, #call, error.status(), Status::want); \
            CHECK(std::string_view(error.what()) == treenail::last_error());             \
        }                                                                                \
        CHECK(threw && #call);                                                           \
    } while (0)

struct Case {
    const char* name;
    void (*run)();
};
#define CASE(function) \
    { #function, function }

// Runs all cases, or the one that the second argument names. One that hangs is ended by SIGALRM.
template <std::size_t N>
int run(int argc, char** argv, const Case (&cases)[N], std::chrono::seconds limit = 60s) {
    if (argc > 1) {
        scheme = argv[1];
    }
    for (const auto& one : cases) {
        if (argc > 2 && std::string_view(argv[2]) != one.name) {
            continue;
        }
        case_name = one.name;
        alarm(static_cast<unsigned>(limit.count()));
        try {
            one.run();
        } catch (const std::exception& error) {
            fail(__FILE__, __LINE__, std::string("an exception escaped: ") + error.what());
        }
        std::printf("%s over %s\n", case_name, scheme.c_str());
    }
    return 0;
}

inline bool over_shm() { return scheme == "shm"; }

// An endpoint that nobody else uses, with options.
inline std::string endpoint(std::string_view options = "") {
    static unsigned count;
    auto text = scheme + ":cpp-" + std::to_string(getpid()) + '-' + std::to_string(count++);
    return options.empty() ? text : text.append("?").append(options);
}

// The name of a segment or semaphore that nobody else uses.
inline std::string object() {
    static unsigned count;
    return scheme + "-cpp-" + std::to_string(getpid()) + '-' + std::to_string(count++);
}

// Two handles on one segment, as two processes have them.
struct Both {
    explicit Both(std::size_t size = 100, const std::string& name = object())
        : here(treenail::Segment::create(name, size)), there(treenail::Segment::open(name)) {}

    treenail::Segment here, there;
};

// Whether a wait for `briefly` gave false, and not before its time.
template <class Wait>
bool in_vain(Wait wait) {
    const auto end = std::chrono::steady_clock::now() + briefly;
    return !wait() && std::chrono::steady_clock::now() >= end;
}

// A child that dies with this process; 0 in the child.
inline pid_t fork_child() {
    const auto child = fork();
    CHECK(child >= 0 && (child > 0 || prctl(PR_SET_PDEATHSIG, SIGKILL) == 0));
    return child;
}

inline bool readable(int fd, std::chrono::milliseconds timeout = 0ms) {
    pollfd entry{fd, POLLIN, 0};
    const int count = poll(&entry, 1, static_cast<int>(timeout.count()));
    CHECK(count >= 0 && (entry.revents & POLLNVAL) == 0);
    return count == 1;
}

// Both ends of a channel in this process, and the listener it came from.
struct Pair {
    Listener listener;
    Channel server, client;
};

// Connects from another thread, as each end's handshake needs the other's.
inline Pair open_pair(std::string_view options = "") {
    Pair pair;
    const auto where = endpoint(options);
    pair.listener = Listener::open(where);
    const auto waiting = where + (options.empty() ? "?early=0" : "&early=0");
    std::thread connecting([&] { pair.client = Channel::connect(waiting, soon); });
    pair.server = pair.listener.accept(soon);
    connecting.join();
    // Whoever looks lets the handshake go on: messages go through rings from the first one on.
    for (Channel* end : {&pair.server, &pair.client}) (void)end->try_recv(Buffer{}, 0ms);
    return pair;
}

inline bool aligned_to_16(const void* data) {
    return reinterpret_cast<std::uintptr_t>(data) % 16 == 0;
}

}  // namespace check

using check::briefly;
using check::open_pair;
using check::soon;

#endif
