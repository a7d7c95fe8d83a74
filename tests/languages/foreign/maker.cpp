// Makes an object by Boost; see tests/languages/foreign/mod.rs.
//
//     maker NAME SIZE
#include <boost/interprocess/mapped_region.hpp>
#include <boost/interprocess/shared_memory_object.hpp>

#include <cstdlib>

#include <poll.h>
#include <unistd.h>

namespace ipc = boost::interprocess;

int main(int, char** argv) {
    ipc::shared_memory_object object(ipc::create_only, argv[1], ipc::read_write);
    object.truncate(std::atoll(argv[2]));
    const ipc::mapped_region region(object, ipc::read_write);
    auto* const bytes = static_cast<volatile unsigned char*>(region.get_address());
    bytes[100] = 7;
    alarm(30);
    while (bytes[100] != 9) poll(nullptr, 0, 1);
    const bool right = bytes[101] == 8;
    return ipc::shared_memory_object::remove(argv[1]) && right ? 0 : 1;
}
