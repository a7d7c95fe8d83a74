// The bytes on the wire: a plain Unix socket on one side, a Channel on the other. What the channel
// says is compared with golden bytes, and golden bytes are what it is told.
#include "check.hpp"

#include <sys/socket.h>
#include <sys/un.h>

#include <fstream>
#include <sstream>
#include <vector>

namespace {

using Raw = std::vector<unsigned char>;

// The bytes of a file of hexadecimal numbers with comments; pp stands for a byte of our process id.
Raw golden(const std::string& name) {
    std::ifstream file(std::string(GOLDEN_DIRECTORY "/") + name + ".hex");
    CHECK(file.is_open());
    Raw bytes;
    int shift = 0;
    for (std::string line; std::getline(file, line);) {
        std::istringstream words(line.substr(0, line.find('#')));
        for (std::string word; words >> word;) {
            const auto number = word == "pp" ? static_cast<unsigned>(getpid()) >> (8 * shift++)
                                             : std::stoul(word, nullptr, 16);
            bytes.push_back(static_cast<unsigned char>(number));
        }
    }
    return bytes;
}

// A socket that knows nothing of the library.
class Plain {
public:
    explicit Plain(int fd) : fd_(fd) {
        const timeval limit{10, 0};
        CHECK(fd_ >= 0);
        CHECK(setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit) == 0);
    }
    Plain(const Plain&) = delete;
    ~Plain() { ::close(fd_); }

    void say(const char* name) const {
        const auto bytes = golden(name);
        CHECK(::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL) ==
              static_cast<ssize_t>(bytes.size()));
    }

    Raw read(std::size_t count) const {
        Raw bytes(count);
        for (std::size_t at = 0; at < count;) {
            const auto got = ::recv(fd_, bytes.data() + at, count - at, 0);
            CHECK(got > 0);
            at += static_cast<std::size_t>(got);
        }
        return bytes;
    }

    // Reads exactly these bytes.
    void expect(const char* name) const {
        const auto want = golden(name);
        if (read(want.size()) != want) {
            check::fail(__FILE__, __LINE__, std::string("not the bytes of ") + name);
        }
    }

    // Nothing more comes but the end.
    void expect_end() const {
        char more;
        CHECK(::recv(fd_, &more, 1, 0) == 0);
    }

private:
    int fd_;
};

// A path, and a plain socket that listens or connects there.
struct Place {
    std::string path = std::string(std::getenv("TREENAIL_DIR")) + "/golden-" +
                       std::to_string(getpid());
    std::string endpoint = "local:" + path + "?max_message=1000";

    template <class Call>
    int socket_that(Call call) const {
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        CHECK(path.size() < sizeof address.sun_path);
        path.copy(address.sun_path, path.size());
        const int fd = ::socket(AF_UNIX, SOCK_STREAM, 0);
        CHECK(call(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
        return fd;
    }
};

// The library's listener has accepted a plain client.
struct Accepted {
    Place place;
    Listener listener = Listener::open(place.endpoint);
    Plain client{place.socket_that(::connect)};
    Channel channel;

    Accepted() {
        client.say("hello-minimal");
        channel = listener.accept(soon);
        client.expect("hello-local-listener");
    }
};

void a_listener_s_bytes() {
    const Accepted accepted;
    const auto& [place, listener, client, channel] = accepted;
    client.say("data");
    client.say("data-empty");
    const auto data = channel.recv_view(soon);
    CHECK(data.text() == "hello" && data.tag() == 0x01020304 && data.id() == 0);
    CHECK(channel.recv(soon).empty());
    channel.send(0x01020304, "hello", soon);
    client.expect("data");
    channel.sendv(0x01020304, {"he", "llo"}, soon);
    client.expect("data");
    channel.send("", soon);
    client.expect("data-empty");
    auto loan = channel.loan(64, soon);
    std::memcpy(loan.data(), "hello", 5);
    loan.commit(5, 0x01020304);
    client.expect("data");
}

void a_connector_s_bytes() {
    const Place place;
    const int listening = place.socket_that(::bind);
    CHECK(::listen(listening, 1) == 0);
    const auto channel = Channel::connect_start(place.endpoint);
    const Plain server(::accept(listening, nullptr, nullptr));
    server.say("hello-minimal-listener");
    server.say("data");
    CHECK(channel.recv(soon) == "hello");
    server.expect("hello-local");
    channel.send(0x01020304, "hello", soon);
    server.expect("data");
    ::close(listening);
    CHECK(::unlink(place.path.c_str()) == 0);
}

void a_reply_s_bytes() {
    const Accepted accepted;
    accepted.client.say("request");
    const auto request = accepted.channel.recv_view(soon);
    CHECK(request.is_request() && request.tag() == 9 && request.id() == 0x0a0b0c0d);
    CHECK(request.text() == "question");
    accepted.channel.reply(request, "answer", soon);
    accepted.client.expect("reply");
}

void a_request_s_bytes() {
    const Accepted accepted;
    const auto id = accepted.channel.request_start(9, "question", soon);
    auto want = golden("request");
    for (int i = 0; i < 4; i++) {
        want[12 + static_cast<std::size_t>(i)] = static_cast<unsigned char>(id >> (8 * i));
    }
    CHECK(accepted.client.read(want.size()) == want);
}

void fragments_are_one_message() {
    const Accepted accepted;
    accepted.client.say("data-fragments");
    const auto message = accepted.channel.recv_view(soon);
    CHECK(message.text() == "abcdef" && message.tag() == 7);
}

void the_end_s_bytes() {
    const Accepted accepted;
    accepted.channel.close();
    const auto header = accepted.client.read(16);
    CHECK(header[4] == 5 && header[1] == 0 && header[2] == 0 && header[3] == 0);
    (void)accepted.client.read(header[0]);
    accepted.client.expect_end();
}

void the_peer_s_end_is_understood() {
    const Accepted accepted;
    accepted.client.say("data");
    accepted.client.say("close");
    CHECK(accepted.channel.recv(soon) == "hello");
    STATUS(accepted.channel.try_recv_view(soon), closed);
}

constexpr check::Case cases[] = {
    CASE(a_listener_s_bytes),        CASE(a_connector_s_bytes), CASE(a_reply_s_bytes),
    CASE(a_request_s_bytes),         CASE(fragments_are_one_message),
    CASE(the_end_s_bytes),           CASE(the_peer_s_end_is_understood),
};

}  // namespace

int main(int argc, char** argv) { return check::run(argc, argv, cases); }
