// Semaphores: made and opened, their units, permits, and what comes back.
#include "check.hpp"

#include <atomic>
#include <cstdint>
#include <vector>

#include <sys/wait.h>

using treenail::Permit;
using treenail::Semaphore;

namespace {

// Two handles on one semaphore, as two processes have them.
struct Both {
    explicit Both(std::uint32_t initial, const std::string& name = check::object())
        : here(Semaphore::open_or_create(name, initial)), there(Semaphore::open_or_create(name, 0)) {}

    Semaphore here, there;
};

// ---- making one ----

void the_first_makes_it_and_the_last_takes_it_along() {
    const auto name = check::object();
    STATUS(Semaphore::try_open(name), not_found);
    THROWS(Semaphore::open(name), not_found);
    auto first = Semaphore::create(name, 3);
    STATUS(Semaphore::try_create(name, 3), exists);
    THROWS(Semaphore::create(name, 3), exists);
    const auto second = *Semaphore::try_open_or_create(name, 7);
    CHECK(first.value() == 3 && *second.try_value() == 3);
    CHECK(Semaphore::open(name).value() == 3 && Semaphore::try_open(name)->value() == 3);
    first = {};
    second.release(2);
    CHECK(Semaphore::open_or_create(name, 0).value() == 5);
    second.close();
    second.close();
    CHECK(Semaphore::open_or_create(name, 1).value() == 1);
    STATUS(second.try_value(), closed);
    THROWS(second.acquire(), closed);
    STATUS(Semaphore::try_create("a/b", 1), invalid);
    STATUS(Semaphore::try_open("a/b"), invalid);
    STATUS(Semaphore::try_open_or_create("a/b", 1), invalid);
    THROWS(Semaphore::open_or_create("a?nonsense=1", 1), invalid);
}

void a_name_can_be_taken_away() {
    const auto name = check::object();
    { const auto stays = Semaphore::open_or_create(name + "?persist=1", 4); }
    CHECK(Semaphore::open_or_create(name, 0).value() == 4);
    Semaphore::remove(name);
    STATUS(Semaphore::try_remove(name), not_found);
    THROWS(Semaphore::remove(name), not_found);
}

// ---- units ----

void units_are_taken_and_given_back() {
    const Both both(3);
    both.here.acquire();
    STATUS(both.there.try_acquire(3, now), again);
    STATUS(both.there.try_acquire(3, briefly), timed_out);
    THROWS(both.there.acquire(3, briefly), timed_out);
    STATUS(both.there.try_acquire(2, soon), ok);
    CHECK(both.here.value() == 0);
    both.there.release(2);
    both.here.release();
    CHECK(both.there.value() == 3);
    STATUS(both.here.try_acquire(0, now), invalid);
    STATUS(both.here.try_release(0), invalid);
    STATUS(both.here.try_release(UINT32_MAX), too_large);
    THROWS(both.here.release(INT32_MAX), too_large);
}

void they_are_what_the_standard_library_has() {
    const Both both(1);
    CHECK(both.here.try_acquire() && !both.there.try_acquire());
    const auto now = [] { return std::chrono::steady_clock::now(); };
    CHECK(check::in_vain([&] { return both.there.try_acquire_for(briefly); }));
    CHECK(check::in_vain([&] { return both.there.try_acquire_until(now() + briefly); }));
    CHECK(!both.there.try_acquire_until(std::chrono::steady_clock::time_point::min()));
    both.here.release();
    CHECK(both.there.try_acquire_for(soon));
    both.there.release();
    CHECK(both.here.try_acquire_until(std::chrono::system_clock::now() + soon));
    both.here.close();
    THROWS(both.here.try_acquire(), closed);
    THROWS(both.here.try_acquire_for(soon), closed);
}

void a_permit_holds_units_while_it_lives() {
    const Both both(3);
    {
        const auto permit = both.here.permit();
        const auto more = *both.there.try_permit(2, now);
        CHECK(permit && permit.units() == 1 && more.units() == 2 && both.here.value() == 0);
        STATUS(both.here.try_permit(1, briefly), timed_out);
        THROWS(both.there.permit(1, now), again);
    }
    CHECK(both.here.value() == 3);
    auto permit = both.here.permit(3, soon);
    permit.release();
    permit.release();
    CHECK(!permit && permit.units() == 0 && both.here.value() == 3);
    both.here.acquire(2);
    { const Permit adopted(both.here.native_handle(), 2); }
    CHECK(both.here.value() == 3);
}

void a_permit_moves() {
    Both both(3);
    auto first = both.here.permit(2);
    Permit second = std::move(first);
    CHECK(!first && second.units() == 2);
    first.release();
    CHECK(both.here.value() == 1);
    const auto moved = std::move(both.here);  // the permit doesn't mind
    second = moved.permit(1);
    CHECK(moved.value() == 2);
    std::swap(first, second);
    second = Permit();
    CHECK(moved.value() == 2);
    first = Permit();
    CHECK(moved.value() == 3);
}

// ---- what comes back ----

void what_an_ended_handle_held_comes_back() {
    const auto name = check::object();
    const auto semaphore = Semaphore::open_or_create(name, 3);
    { Semaphore::open_or_create(name, 0).acquire(2); }
    CHECK(semaphore.value() == 3);
    { Semaphore::open_or_create(name + "?undo=0", 0).acquire(2); }
    CHECK(semaphore.value() == 1);
}

void what_a_killed_process_held_comes_back() {
    const auto name = check::object();
    const auto semaphore = Semaphore::create(name, 3);
    const auto told = Semaphore::create(name + "-told", 0);
    const auto child = check::fork_child();
    if (child == 0) {
        const auto own = Semaphore::open(name), tells = Semaphore::open(name + "-told");
        own.acquire(3, soon);
        tells.release();
        for (;;) pause();
    }
    told.acquire(1, soon);
    STATUS(semaphore.try_acquire(1, now), again);
    CHECK(kill(child, SIGKILL) == 0);
    semaphore.acquire(3, soon);
    CHECK(waitpid(child, nullptr, 0) == child && semaphore.value() == 0);
}

// ---- waiting ----

void who_waits_is_woken() {
    const Both both(0);
    std::thread waiting([&] { both.there.acquire(2); });
    both.here.release(2);
    waiting.join();
    std::thread closing([&] { STATUS(both.there.try_acquire(1, forever), closed); });
    both.there.close();
    closing.join();
}

void a_descriptor_tells_of_units() {
    const Both both(0);
    const int fd = both.here.fd();
    CHECK(fd >= 0 && fd == *both.here.try_fd() && check::readable(fd));
    STATUS(both.here.try_acquire(1, now), again);
    CHECK(!check::readable(fd));
    both.there.release();
    CHECK(check::readable(fd, soon));
    STATUS(both.here.try_acquire(1, now), ok);
    STATUS(both.here.try_acquire(1, now), again);
    const auto poller = Poller::create();
    poller.add_fd(fd, 7);
    std::uint64_t keys[1];
    both.there.release();
    CHECK(poller.wait(keys, soon)[0] == 7);
}

void threads_share_the_units() {
    constexpr std::uint32_t units = 2, threads_max = 4, each = 500;
    const auto semaphore = Semaphore::open_or_create(check::object(), units);
    std::atomic<std::uint32_t> inside{0}, most{0};
    std::vector<std::thread> threads;
    for (unsigned i = 0; i < threads_max; i++) {
        threads.emplace_back([&] {
            for (unsigned n = 0; n < each; n++) {
                const auto permit = semaphore.permit(1, soon);
                const auto now_inside = ++inside;
                for (auto seen = most.load(); seen < now_inside;) {
                    most.compare_exchange_weak(seen, now_inside);
                }
                inside--;
            }
        });
    }
    for (auto& thread : threads) {
        thread.join();
    }
    CHECK(most >= 1 && most <= units && semaphore.value() == units);
}

// ---- the handle ----

void an_empty_one_fails_safely(const Semaphore& empty) {
    CHECK(!empty && empty.native_handle() == nullptr);
    STATUS(empty.try_acquire(1, now), invalid);
    STATUS(empty.try_permit(1, now), invalid);
    STATUS(empty.try_release(1), invalid);
    STATUS(empty.try_value(), invalid);
    STATUS(empty.try_fd(), invalid);
    THROWS(empty.acquire(), invalid);
    THROWS(empty.permit(), invalid);
    THROWS(empty.release(), invalid);
    THROWS(empty.value(), invalid);
    THROWS(empty.fd(), invalid);
    THROWS(empty.try_acquire(), invalid);
    empty.close();
}

void what_is_empty_fails_safely() {
    an_empty_one_fails_safely(Semaphore());
    Both both(1);
    auto moved = std::move(both.here);
    an_empty_one_fails_safely(both.here);
    // The name release is for units here.
    tn_semaphore* native = moved.Handle::release();
    CHECK(native != nullptr && !moved);
    moved = Semaphore(native);
    CHECK(moved.value() == 1 && !Permit() && Permit().units() == 0);
}

constexpr check::Case cases[] = {
    CASE(the_first_makes_it_and_the_last_takes_it_along),
    CASE(a_name_can_be_taken_away),
    CASE(units_are_taken_and_given_back),
    CASE(they_are_what_the_standard_library_has),
    CASE(a_permit_holds_units_while_it_lives),
    CASE(a_permit_moves),
    CASE(what_an_ended_handle_held_comes_back),
    CASE(what_a_killed_process_held_comes_back),
    CASE(who_waits_is_woken),
    CASE(a_descriptor_tells_of_units),
    CASE(threads_share_the_units),
    CASE(what_is_empty_fails_safely),
};

}  // namespace

int main(int argc, char** argv) { return check::run(argc, argv, cases); }
