// treenail through its C++ header, as a C++ program uses it.
//
//     ourscpp WAY BYTES SCHEME[?OPTIONS]      for instance: ourscpp ping 64 'shm?spin=forever'
//
// What ours.c does through the C ABI: whatever the header costs is the difference between the two.
#include "../common/slices.h" /* first: it asks for all of the system's headers */

#include <treenail.hpp>

#include <chrono>
#include <string>

using namespace std::chrono_literals;

static treenail::Listener listener;
static treenail::Channel channel;

/* SCHEME:NAME?OPTIONS out of SCHEME?OPTIONS, the third argument. */
static std::string endpoint()
{
    std::string text = bench_options;
    return text.insert(text.find('?') == text.npos ? text.size() : text.find('?'),
                       std::string(":") + bench_unique_name());
}

static void near_open() { listener = treenail::Listener::open(endpoint()); }
static void near_opened() { channel = listener.accept(10s); }
static void far_open() { channel = treenail::Channel::connect(endpoint(), 10s); }

static void close_all()
{
    channel = {};
    listener = {};
}

BENCH_INLINE void copy_send(const unsigned char *data, size_t size) { channel.send({data, size}); }

BENCH_INLINE void copy_recv(unsigned char *data, size_t size)
{
    BENCH_CHECK(channel.recv({data, size}) == size);
}

static const bench_way copy_way = {copy_send, copy_recv};
BENCH_SLICES(copy, copy_way, bench_size)

static const bench_contestant ways[] = {
    {"ping", nullptr, near_open, far_open, near_opened, copy_ping, copy_echo, close_all, close_all,
     false, nullptr},
    {"flood", nullptr, near_open, far_open, near_opened, copy_drain, copy_flood, close_all,
     close_all, false, nullptr},
};

int main(int argc, char **argv)
{
    return bench_main(argc, argv, ways, sizeof ways / sizeof ways[0]);
}
