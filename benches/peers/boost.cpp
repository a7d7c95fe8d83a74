// Boost.Interprocess message_queue: one queue a direction, as many bytes as treenail's rings have.
#include "../common/slices.h" /* first: it asks for all of the system's headers */

#include <boost/interprocess/ipc/message_queue.hpp>
#include <memory>
#include <string>

using boost::interprocess::create_only;
using boost::interprocess::message_queue;
using boost::interprocess::open_only;

static std::unique_ptr<message_queue> to_far, to_near;

static std::string name_of(const char *direction)
{
    return std::string(bench_unique_name()) + direction;
}

static std::unique_ptr<message_queue> create(const char *direction)
{
    const std::size_t slots = bench_size <= 1024 ? 256 * 1024 / bench_size : 16;
    return std::make_unique<message_queue>(create_only, name_of(direction).c_str(), slots, bench_size);
}

static void near_open()
{
    to_far = create(".far");
    to_near = create(".near");
}

static void far_open()
{
    to_far = std::make_unique<message_queue>(open_only, name_of(".far").c_str());
    to_near = std::make_unique<message_queue>(open_only, name_of(".near").c_str());
}

static void near_close()
{
    message_queue::remove(name_of(".far").c_str());
    message_queue::remove(name_of(".near").c_str());
}

static void receive(message_queue &queue, unsigned char *data, size_t size)
{
    message_queue::size_type length = 0;
    unsigned priority = 0;
    queue.receive(data, size, length, priority);
    BENCH_CHECK(length == size);
}

static void near_send(const unsigned char *data, size_t size) { to_far->send(data, size, 0); }
static void near_recv(unsigned char *data, size_t size) { receive(*to_near, data, size); }
static void far_send(const unsigned char *data, size_t size) { to_near->send(data, size, 0); }
static void far_recv(unsigned char *data, size_t size) { receive(*to_far, data, size); }

static const bench_way near_way = {near_send, near_recv};
static const bench_way far_way = {far_send, far_recv};
BENCH_SLICES(near, near_way, bench_size)
BENCH_SLICES(far, far_way, bench_size)

static const bench_contestant ways[] = {
    {"ping", nullptr, near_open, far_open, nullptr, near_ping, far_echo, near_close, nullptr, false,
     nullptr},
    {"flood", nullptr, near_open, far_open, nullptr, near_drain, far_flood, near_close, nullptr, false,
     nullptr},
};

int main(int argc, char **argv)
{
    return bench_main(argc, argv, ways, sizeof ways / sizeof ways[0]);
}
