// What each of the two translation units of twice.cpp sees in treenail.hpp.
#include <treenail.hpp>

struct Seen {
    const void* forever;
    const char* name;
    std::uint32_t version;
};

inline Seen here() {
    return {&treenail::forever, name(treenail::Status::closed), treenail::version()};
}

Seen there();
