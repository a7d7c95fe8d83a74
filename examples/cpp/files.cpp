// files.cpp: a folder that takes files, and a client that sends them, checked by hash.
//
//     make -C examples/cpp
//     target/examples-cpp/files server shm:files inbox
//     target/examples-cpp/files client shm:files picture.jpg notes.txt
//
// The programs of the same name in other languages take the same arguments, and any client may send
// to any server. An empty reply to an OFFER or an END says yes; any other says why not.
#include "incoming.hpp"

#include <treenail.hpp>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <iostream>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

using namespace std::chrono_literals;
using treenail::Channel;
using treenail::Listener;
using treenail::Message;
using treenail::Status;

namespace {

enum Kind : std::uint32_t {
    OFFER = 1,  // a request: the file's size as a little-endian 64-bit number, then its name
    CHUNK = 2,  // the file's next bytes, at most chunk_len of them; as many as it takes
    END = 3,    // a request: the SHA-256 of all the file's bytes
};

constexpr std::size_t chunk_len = 65536, size_len = 8, name_len_max = 255, bar_len = 40;

constexpr char bad_name[] =
    "a name has 1 to 255 bytes, begins with no dot, and has no slash or control character in it";

// ---- the server ----

// Whether a name leads only into the folder, and doesn't upset a terminal.
bool is_good_name(std::string_view name) {
    for (const unsigned char byte : name) {
        if (byte == '/' || byte < 32 || byte == 127) {
            return false;
        }
    }
    return !name.empty() && name.size() <= name_len_max && name[0] != '.';
}

std::uint64_t read_u64(const std::byte* bytes) {
    std::uint64_t value = 0;
    for (int i = 7; i >= 0; i--) {
        value = value << 8 | std::to_integer<std::uint64_t>(bytes[i]);
    }
    return value;
}

// One client of the server, on a thread of its own; chat.cpp serves many on one.
class Session {
public:
    Session(Channel channel, int folder) : channel_(std::move(channel)), folder_(folder) {}

    // Serves until the client goes. It copies messages out of the channel: the peer could still
    // change what a view shows, between the hash and the file.
    void run() {
        std::array<std::byte, chunk_len> buffer;
        try {
            for (;;) {
                take(channel_.recv_message(buffer));
            }
        } catch (const treenail::Error& error) {
            drop();
            if (error.status() != Status::closed) {
                std::cerr << std::string("files: a client ended: ") + error.what() + '\n';
            }
        }
    }

private:
    void take(const Message& message) {
        switch (message.tag()) {
        case OFFER:
            drop();
            answer(message, take_offer(message));
            break;
        case CHUNK:
            if (incoming_) {
                incoming_->append(message);
            }
            break;
        case END:
            answer(message, take_end(message));
            break;
        default:
            if (message.is_request()) {
                answer(message, "there is no such request");
            }
        }
    }

    // Gives why not, or nothing.
    std::string take_offer(const Message& offer) {
        if (offer.size() < size_len || !is_good_name(offer.text().substr(size_len))) {
            return bad_name;
        }
        const std::string name(offer.text().substr(size_len));
        if (faccessat(folder_, name.c_str(), F_OK, AT_SYMLINK_NOFOLLOW) == 0) {
            return name + " is there already";
        }
        incoming_.emplace(folder_, name, read_u64(offer.data()));
        if (incoming_->error() == 0) {
            return {};
        }
        const auto why = incoming_->unwritable();
        incoming_.reset();
        return why;
    }

    // Gives why not, or nothing.
    std::string take_end(const Message& end) {
        if (!incoming_) {
            return "no file was offered";
        }
        const auto why = incoming_->keep(end);
        incoming_.reset();
        return why;
    }

    void answer(const Message& request, const std::string& why_not) {
        if (!why_not.empty()) {
            say("refused: " + why_not);
        }
        channel_.reply(request, why_not);
    }

    // Gives up a file whose END has not come.
    void drop() {
        if (incoming_) {
            const auto progress = incoming_->progress();
            incoming_.reset();
            say("dropped " + progress);
        }
    }

    Channel channel_;
    int folder_;
    std::optional<Incoming> incoming_;
};

int run_server(const char* endpoint, const char* path) {
    const int folder = open(path, O_RDONLY | O_DIRECTORY);
    if (folder < 0) {
        std::cerr << "files: " << path << ": " << std::strerror(errno) << '\n';
        return 1;
    }
    const auto listener = Listener::open(endpoint);
    say(std::string("listening at ") + endpoint);
    for (;;) {
        std::thread([folder, channel = listener.accept()]() mutable {
            Session(std::move(channel), folder).run();
        }).detach();
    }
}

// ---- the client ----

// A progress bar, which is redrawn when the percentage changes, and removed when all is sent.
void show_progress(const std::string& name, std::uint64_t done, std::uint64_t size, int& shown) {
    const double share = static_cast<double>(done) / static_cast<double>(size);
    const int percent = static_cast<int>(100 * share);
    if (percent == shown || !isatty(STDERR_FILENO)) {
        return;
    }
    shown = percent;
    const auto filled = static_cast<std::size_t>(percent) * bar_len / 100;
    const auto bar = std::string(filled, '#') + std::string(bar_len - filled, '-');
    std::fprintf(stderr, "\r[%s] %3d %%  %s", bar.c_str(), percent, name.c_str());
    if (done == size) {
        std::fputs("\r\033[K", stderr);
    }
}

// Reads the file into loans: on shm its bytes go straight from the system into the ring.
Hash send_chunks(const Channel& channel, std::FILE* file, const std::string& name,
                 std::uint64_t size) {
    Sha256 sha256;
    int shown = -1;
    for (std::uint64_t sent = 0; sent < size;) {
        auto loan = channel.loan(std::min<std::uint64_t>(size - sent, chunk_len));
        const auto length = std::fread(loan.data(), 1, loan.size(), file);
        if (length == 0) {
            break;  // it has shrunk: the server will say so
        }
        sha256.update({loan.data(), length});
        loan.commit(length, CHUNK);
        sent += length;
        show_progress(name, sent, size, shown);
    }
    return sha256.finish();
}

// Asks, and says why where the answer is no.
bool ask(const Channel& channel, Kind kind, Bytes question, const char* path) {
    const auto why_not = channel.request(kind, question);
    if (!why_not.empty()) {
        std::cerr << "files: " << path << " was refused: " << why_not.text() << '\n';
    }
    return why_not.empty();
}

// Whether the server keeps it.
bool send_file(const Channel& channel, std::FILE* file, const char* path, std::uint64_t size) {
    const std::string_view whole = path;
    const std::string name(whole.substr(whole.rfind('/') + 1));
    std::string offer;
    for (std::size_t i = 0; i < size_len; i++) {
        offer += static_cast<char>(size >> (8 * i));
    }
    if (!ask(channel, OFFER, offer + name, path)) {
        return false;
    }
    const auto hash = send_chunks(channel, file, name, size);
    if (!ask(channel, END, hash, path)) {
        return false;
    }
    report("sent", name, size, hash);
    return true;
}

// Sends one file after the other; one that is refused doesn't hold up the next.
int run_client(const char* endpoint, const std::vector<const char*>& paths) {
    const auto channel = Channel::connect(endpoint, 5s);
    int code = 0;
    for (const char* path : paths) {
        struct stat facts;
        const File file(std::fopen(path, "rb"));
        if (!file || fstat(fileno(file.get()), &facts) < 0 || !S_ISREG(facts.st_mode)) {
            const char* why = file ? "not a regular file" : std::strerror(errno);
            std::cerr << "files: " << path << ": " << why << '\n';
            code = 1;
        } else if (!send_file(channel, file.get(), path,
                              static_cast<std::uint64_t>(facts.st_size))) {
            code = 1;
        }
    }
    return code;
}

}  // namespace

int main(int argc, char** argv) {
    const std::string_view role = argc > 1 ? argv[1] : "";
    try {
        if (role == "server" && argc == 4) {
            return run_server(argv[2], argv[3]);
        }
        if (role == "client" && argc >= 4) {
            return run_client(argv[2], {argv + 3, argv + argc});
        }
    } catch (const treenail::Error& error) {
        std::cerr << "files: " << error.what() << '\n';
        return 1;
    }
    std::cerr << "usage: files server ENDPOINT FOLDER\n       files client ENDPOINT FILE...\n";
    return 2;
}
