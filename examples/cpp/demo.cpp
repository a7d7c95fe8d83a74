// demo.cpp: what `cargo xtask demo` runs: a server that takes files and messages, and a client that
// sends, checks and measures. The programs of the same name in other languages do the same.
//
//     target/examples-cpp/demo server shm:demo KEPT           takes a client's file, and writes it
//     target/examples-cpp/demo client shm:demo SENT RECEIVED  sends a file, and fetches it back
#include <treenail.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <iterator>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

using namespace std::chrono_literals;
using treenail::Bytes;
using treenail::Channel;
using treenail::Listener;
using treenail::Message;
using treenail::Status;

namespace {

enum Kind : std::uint32_t {
    ECHO = 1,      // comes back as it is
    NUMBER = 2,    // begins with its number, counted from 0; the server checks that none is missing
    NUMBERS = 3,   // ends them; the answer is how many came in order
    CHUNK = 4,     // a piece of a file
    FILE_END = 5,  // ends the file; the answer says that the server has it all
    FETCH = 6,     // asks for the file back: CHUNKs, then FILE_END
};

constexpr std::size_t small_len = 64, chunk_len = 65536;
constexpr int warm_up = 500, rounds = 2000, repeats = 8;
constexpr std::uint64_t number_count = 100000;

using Small = std::array<unsigned char, small_len>;

void require(bool good, const char* what) {
    if (!good) {
        throw std::runtime_error(what);
    }
}

// ---- a file in memory ----

std::string load(const char* path) {
    std::ifstream in(path, std::ios::binary);
    require(in.is_open(), "cannot open the file to send");
    return {std::istreambuf_iterator<char>(in), {}};
}

void store(const std::string& file, const char* path) {
    std::ofstream out(path, std::ios::binary);
    out << file;
    out.close();
    require(out.good(), "cannot write the file");
}

void send_file(const Channel& channel, std::string_view file) {
    for (std::size_t at = 0; at < file.size(); at += chunk_len) {
        channel.send(CHUNK, file.substr(at, chunk_len));
    }
    channel.send(FILE_END, "");
}

// ---- numbers as 8 bytes, the lowest first ----

std::uint64_t read_u64(Bytes bytes) {
    require(bytes.size() >= 8, "a number has 8 bytes");
    std::uint64_t value = 0;
    for (int i = 7; i >= 0; i--) {
        value = value << 8 | std::to_integer<std::uint64_t>(bytes.data()[i]);
    }
    return value;
}

template <class Row>
void write_u64(Row& row, std::uint64_t value) {
    for (std::size_t i = 0; i < 8; i++) {
        row[i] = static_cast<unsigned char>(value >> (8 * i));
    }
}

// ---- the server ----

class Service {
public:
    explicit Service(const Channel& channel) : channel_(channel) {}

    // Serves until the client closes, and gives the last file it sent.
    std::string run() {
        for (;;) {
            auto message = channel_.try_recv_view(treenail::forever);
            if (message == Status::closed) {
                return std::move(file_);
            }
            take(std::move(message).value());
        }
    }

private:
    void take(const Message& message) {
        std::array<unsigned char, 8> count{};
        switch (message.tag()) {
        case ECHO:
            channel_.send(ECHO, message);
            break;
        case NUMBER:
            numbers_ += message.size() >= 8 && read_u64(message) == numbers_;
            break;
        case NUMBERS:
            write_u64(count, numbers_);
            channel_.send(NUMBERS, count);
            numbers_ = 0;
            break;
        case CHUNK:
            if (whole_) {
                file_.clear();
            }
            whole_ = false;
            file_ += message.text();
            break;
        case FILE_END:
            whole_ = true;
            channel_.send(FILE_END, "");
            break;
        case FETCH:
            send_file(channel_, file_);
            break;
        }
    }

    const Channel& channel_;
    std::string file_;
    bool whole_ = false;  // what comes next begins another one
    std::uint64_t numbers_ = 0;
};

void run_server(const char* endpoint, const char* kept) {
    const auto listener = Listener::open(endpoint);
    std::cout << "listening at " << endpoint << std::endl;
    const auto channel = listener.accept();
    store(Service(channel).run(), kept);
}

// ---- the client ----

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
    return std::chrono::duration<double>(Clock::now() - start).count();
}

// Round trips of small messages in microseconds, sorted.
std::vector<double> measure_latency(const Channel& channel) {
    std::vector<double> times;
    Small sent, back;
    for (int round = -warm_up; round < rounds; round++) {
        sent.fill(static_cast<unsigned char>(round));
        const auto start = Clock::now();
        channel.send(ECHO, sent);
        const auto length = channel.recv(back);
        if (round >= 0) {
            times.push_back(seconds_since(start) * 1e6);
        }
        require(length == small_len && sent == back, "another echo came back");
    }
    std::sort(times.begin(), times.end());
    return times;
}

// Small messages one way, a second.
double measure_messages(const Channel& channel) {
    Small text{};
    const auto start = Clock::now();
    for (std::uint64_t number = 0; number < number_count; number++) {
        write_u64(text, number);
        channel.send(NUMBER, text);
    }
    channel.send(NUMBERS, "");
    const auto answer = read_u64(channel.recv_view());
    const double seconds = seconds_since(start);
    require(answer == number_count, "messages are missing or out of order");
    return static_cast<double>(number_count) / seconds;
}

// The file one way, several times: MiB a second.
double measure_file(const Channel& channel, const std::string& file) {
    const auto start = Clock::now();
    for (int i = 0; i < repeats; i++) {
        send_file(channel, file);
        require(channel.recv_view().tag() == FILE_END, "the server has not all of the file");
    }
    return static_cast<double>(file.size()) * repeats / (1 << 20) / seconds_since(start);
}

std::string fetch(const Channel& channel) {
    std::string file;
    channel.send(FETCH, "");
    for (;;) {
        const auto piece = channel.recv_view();
        if (piece.tag() != CHUNK) {
            return file;
        }
        file += piece.text();
    }
}

void run_client(const char* endpoint, const char* sent, const char* received) {
    const auto file = load(sent);
    const auto channel = Channel::connect(endpoint, 5s);
    const bool over_shm = channel.peer().transport() == treenail::Transport::shm;
    const auto times = measure_latency(channel);
    const double messages = measure_messages(channel);
    const double mib = measure_file(channel, file);
    store(fetch(channel), received);
    std::printf("transport=%s median_us=%.2f p99_us=%.2f messages_per_s=%.0f mib_per_s=%.0f\n",
                over_shm ? "shm" : "local", times[rounds / 2], times[rounds * 99 / 100], messages,
                mib);
}

}  // namespace

int main(int argc, char** argv) {
    const std::string_view role = argc > 1 ? argv[1] : "";
    try {
        if (role == "server" && argc == 4) {
            run_server(argv[2], argv[3]);
        } else if (role == "client" && argc == 5) {
            run_client(argv[2], argv[3], argv[4]);
        } else {
            std::cerr << "usage: demo server ENDPOINT KEPT\n"
                         "       demo client ENDPOINT SENT RECEIVED\n";
            return 2;
        }
    } catch (const std::exception& error) {
        std::cerr << "demo: " << error.what() << '\n';
        return 1;
    }
}
