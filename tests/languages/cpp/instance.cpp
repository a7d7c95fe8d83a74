// One instance: who is first, what the others hand over, and that nothing of it is lost when the
// first one ends.
#include "check.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <array>
#include <atomic>
#include <random>
#include <string>
#include <vector>

using treenail::SingleInstance;
using Role = SingleInstance::Role;

namespace {

using Arguments = std::vector<std::string>;

void the_second_hands_over_and_the_first_hears() {
    const auto name = check::object();
    SingleInstance first(name), second(name);
    CHECK(first.role() == Role::none);
    CHECK(!first.hand_over({"first"}) && first.role() == Role::first);
    CHECK(!first.hand_over({"again"}));
    const Arguments arguments{"second", "", "a file", "\xff\n"};
    std::thread starting([&] { CHECK(second.hand_over(arguments, soon)); });
    CHECK(check::readable(first.fd(), 10s));
    auto start = first.receive(soon);
    char here[4096];
    CHECK(start.arguments() == arguments && start.directory() == getcwd(here, sizeof here));
    CHECK(second.role() == Role::none);  // it waits until that is done
    start.done();
    start.done();
    starting.join();
    CHECK(second.role() == Role::handed_over);
    STATUS(first.try_receive(now), again);
    CHECK(!check::readable(first.fd()));
    STATUS(first.try_receive(briefly), timed_out);
}

void only_the_first_hears() {
    SingleInstance instance(check::object());
    STATUS(instance.try_receive(now), invalid);
    THROWS(instance.receive(), invalid);
    STATUS(instance.try_fd(), invalid);
    STATUS(instance.try_hand_over({std::string("a\0b", 3)}, now), invalid);
    STATUS(SingleInstance("no name").try_hand_over({}, now), invalid);
    STATUS(SingleInstance("").try_hand_over({}, now), invalid);
    CHECK(*instance.try_hand_over({}, now) == Role::first && *instance.try_fd() >= 0);
    instance.close();
    STATUS(instance.try_receive(now), invalid);
}

void a_name_may_be_a_path() {
    char folder[] = "/tmp/treenail-instance-XXXXXX";
    CHECK(mkdtemp(folder) != nullptr);
    const auto name = std::string(folder) + "/100%?";
    {
        SingleInstance first(name), second(name);
        CHECK(!first.hand_over({}));
        CHECK(second.hand_over({}, now));
        struct stat found;
        CHECK(stat((name + ".instance").c_str(), &found) == 0);
    }
    CHECK(rmdir(folder) == 0);
}

void a_busy_first_gets_it_later() {
    const auto name = check::object();
    SingleInstance first(name);
    CHECK(!first.hand_over({}));
    for (const char* argument : {"one", "two"}) {
        SingleInstance second(name);
        CHECK(second.hand_over({argument}, briefly) && second.role() == Role::queued);
    }
    CHECK(first.receive(soon).arguments() == Arguments{"one"});
    CHECK(first.receive(soon).arguments() == Arguments{"two"});
}

void what_is_too_long_to_wait_is_handed_over_when_the_first_looks() {
    const auto name = check::object();
    SingleInstance first(name), second(name);
    const Arguments arguments{std::string(3 << 20, 'x'), "last"};
    CHECK(!first.hand_over({}));
    STATUS(second.try_hand_over(arguments, briefly), timed_out);
    std::thread starting([&] { CHECK(second.hand_over(arguments, soon)); });
    const auto received = first.receive(soon).arguments();  // and it ends: the start is done
    starting.join();
    CHECK(received == arguments && second.role() == Role::handed_over);
    // One that begins to receive it, and goes no further.
    const auto accepting = Listener::open("local:" + name + "-busy.instance");
    SingleInstance third(name + "-busy");
    std::thread waiting([&] { STATUS(third.try_hand_over(arguments, 500ms), timed_out); });
    const auto channel = accepting.accept(soon);
    STATUS(channel.try_recv_view(now), again);
    waiting.join();
}

void who_waits_takes_the_place_of_a_first_that_ends() {
    const auto name = check::object();
    SingleInstance second(name);
    std::thread starting;
    {
        SingleInstance first(name);
        CHECK(!first.hand_over({}));
        starting = std::thread([&] { CHECK(!second.hand_over({"kept"}, forever)); });
        CHECK(check::readable(first.fd(), 10s));
    }
    starting.join();
    CHECK(second.role() == Role::first);
}

void strangers_do_not_disturb() {
    const auto name = check::object();
    SingleInstance first(name), second(name);
    CHECK(!first.hand_over({}));
    const auto address = "local:" + name + ".instance";
    // Each of these wakes a wait that is in vain, and whose time is over some time.
    for (int i = 0; i < 200; i++) {
        Channel::connect(address, soon).send("no request", soon);
        STATUS(first.try_receive(1ms), timed_out);
    }
    const auto silent = Channel::connect(address, soon), talking = Channel::connect(address, soon);
    const auto asking = Channel::connect(address, soon);
    talking.send("no request", soon);
    const auto id = asking.request_begin(0, "not ended by NUL", soon);
    STATUS(first.try_receive(briefly), timed_out);
    STATUS(asking.try_request_end(id, soon), closed);
    std::thread starting([&] { CHECK(second.hand_over({"x"}, soon)); });
    CHECK(first.receive(soon).arguments() == Arguments{"x"});
    starting.join();
}

// ---- many at once, which are killed ----

constexpr std::size_t instances = 40;

// What all processes of the test share. A number's place says what became of its arguments.
struct Shared {
    std::array<std::atomic<unsigned>, instances> handled;
    std::atomic<pid_t> first;
    std::atomic<unsigned> two_firsts;
};

// A lock that ends with its process, before the descriptors that were opened after it.
struct OnlyOne {
    explicit OnlyOne(const std::string& path) : fd(open(path.c_str(), O_RDWR | O_CREAT, 0600)) {
        CHECK(fd >= 0);
    }
    bool take(short kind) const {
        struct flock lock = {};
        lock.l_type = kind;
        return fcntl(fd, F_SETLK, &lock) == 0;
    }
    int fd;
};

bool all_handled(const Shared& shared) {
    for (const auto& one : shared.handled) {
        if (one.load() == 0) return false;
    }
    return true;
}

// A first instance handles some starts, and ends in one of several ways, in the middle of one.
void be_first(SingleInstance& instance, Shared& shared, const OnlyOne& lock, std::size_t self) {
    if (!lock.take(F_WRLCK)) {
        shared.two_firsts++;
    }
    shared.handled[self]++;
    shared.first = getpid();
    for (std::size_t left = 1 + self % 4; !all_handled(shared);) {
        auto start = instance.try_receive(briefly);
        if (!start) {
            continue;
        }
        if (--left == 0 && self % 3 == 0) {
            raise(SIGKILL);
        }
        shared.handled[std::stoul(start->arguments().at(0))]++;
        if (left == 0 && self % 3 == 1) {
            raise(SIGKILL);
        }
        start->done();
        if (left == 0) {
            break;
        }
    }
    CHECK(lock.take(F_UNLCK));
}

void none_is_lost_and_one_is_first_however_the_first_ends() {
    const auto name = check::object(), path = "/tmp/" + name + ".lock";
    auto* shared = static_cast<Shared*>(mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE,
                                             MAP_SHARED | MAP_ANONYMOUS, -1, 0));
    CHECK(shared != MAP_FAILED);
    std::vector<pid_t> children;
    for (std::size_t self = 0; self < instances; self++) {
        children.push_back(check::fork_child());
        if (children.back() == 0) {
            const OnlyOne lock(path);
            SingleInstance instance(name);
            if (!instance.hand_over({std::to_string(self)}, forever)) {
                be_first(instance, *shared, lock, self);
            }
            instance.close();
            _exit(0);
        }
    }
    std::minstd_rand random(static_cast<unsigned>(getpid()));
    std::size_t lost = 0;
    for (std::size_t self = 0; self < instances; self++) {
        if (const auto first = shared->first.exchange(0); first != 0) {
            std::this_thread::sleep_for(std::chrono::microseconds(random() % 3000));
            // The number is still that of a child, if that was not waited for yet.
            for (std::size_t other = self; other < instances; other++) {
                if (children[other] == first) (void)kill(first, SIGKILL);
            }
        }
        int status = 0;
        CHECK(waitpid(children[self], &status, 0) == children[self]);
        const bool killed = WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
        CHECK(killed || (WIFEXITED(status) && WEXITSTATUS(status) == 0));
        lost += shared->handled[self] == 0;
    }
    CHECK(lost == 0);
    CHECK(shared->two_firsts == 0);
    CHECK(unlink(path.c_str()) == 0 && munmap(shared, sizeof(Shared)) == 0);
}

constexpr check::Case cases[] = {
    CASE(the_second_hands_over_and_the_first_hears),
    CASE(only_the_first_hears),
    CASE(a_name_may_be_a_path),
    CASE(a_busy_first_gets_it_later),
    CASE(what_is_too_long_to_wait_is_handed_over_when_the_first_looks),
    CASE(who_waits_takes_the_place_of_a_first_that_ends),
    CASE(strangers_do_not_disturb),
    CASE(none_is_lost_and_one_is_first_however_the_first_ends),
};

}  // namespace

int main(int argc, char** argv) { return check::run(argc, argv, cases); }
