// A segment's lock, by our own habits and by those of the standard library.
#include "check.hpp"

#include <cstdint>
#include <mutex>
#include <shared_mutex>
#include <vector>

#include <sys/wait.h>

using check::Both;
using treenail::Guard;
using treenail::Segment;

namespace {

// Hands the lock on as a death does.
void die_holding(std::string_view name) {
    auto dying = Segment::open(name);
    CHECK(!dying.lock().owner_died());
}

void a_guard_holds_the_lock_while_it_lives() {
    const Both both;
    {
        const auto held = both.here.guard();
        CHECK(held && !held.owner_died());
        STATUS(both.there.try_guard(now), again);
        STATUS(both.there.try_shared_guard(briefly), timed_out);
        THROWS(both.there.guard(briefly), timed_out);
        THROWS(both.here.shared_guard(now), again);
    }
    auto held = both.there.guard(soon);
    held.unlock();
    held.unlock();
    CHECK(!held);
    const auto one = *both.here.try_shared_guard(now), other = both.there.shared_guard(now);
    CHECK(one && other);
    STATUS(both.here.try_guard(now), again);
}

void a_guard_moves() {
    const Both both, others;
    auto first = both.here.guard();
    Guard second = std::move(first);
    CHECK(!first && second);
    STATUS(both.there.try_lock(now), again);
    first.unlock();
    STATUS(both.there.try_lock(now), again);
    second = others.here.guard();  // which gives the first lock back
    CHECK(both.there.try_lock());
    STATUS(others.there.try_lock(now), again);
    std::swap(first, second);
    second = Guard();
    CHECK(first);
    first = Guard();
    CHECK(others.there.try_lock());
    others.there.close();
    first = others.here.guard();
    CHECK(first.owner_died() && !second.owner_died());
    first.swap(second);
    CHECK(second.owner_died() && !first.owner_died());
}

void a_guard_may_outlive_what_was_locked() {
    Both both;
    const auto held = both.here.guard();
    both.here.close();
    CHECK(held && both.there.guard(soon).owner_died());
    CHECK(!both.there.guard(soon).owner_died());
}

void plain_calls_lock_as_well() {
    const Both both;
    both.here.lock();
    STATUS(both.here.try_lock(now), again);
    STATUS(both.there.try_lock(briefly), timed_out);
    THROWS(both.there.lock(now), again);
    THROWS(both.there.lock_shared(now), again);
    both.here.unlock();
    CHECK(both.here.lock_shared(soon).status() == Status::ok);
    STATUS(both.there.try_lock_shared(now), ok);
    both.there.unlock_shared();
    STATUS(both.here.try_unlock(), ok);
    STATUS(both.here.try_unlock(), invalid);
    both.here.unlock();  // no failure that a guard's end could throw
    { const Guard adopted(both.here.native_handle(), both.here.lock().status()); }
    CHECK(both.there.try_lock());
}

void a_lock_of_a_dead_owner_says_so() {
    const auto name = check::object();
    const auto segment = Segment::create(name, 8);
    die_holding(name);
    char text[8];
    CHECK(segment.shared_guard().owner_died());
    CHECK(segment.lock_shared().owner_died());
    segment.unlock();
    CHECK(segment.read(0, text).owner_died());
    STATUS(segment.try_read(0, text, now), owner_died);
    {
        const auto held = segment.try_guard(now);
        CHECK(held && held == Status::owner_died && held->owner_died());
    }
    CHECK(!segment.guard().owner_died());
    die_holding(name);
    CHECK(segment.write(0, "right").owner_died());
    die_holding(name);
    const auto notice = segment.lock();
    CHECK(notice.owner_died() && notice.status() == Status::owner_died);
    segment.unlock();
    die_holding(name);
    { const std::lock_guard held(segment); }
    CHECK(!segment.guard().owner_died());
}

void a_killed_process_blocks_nobody() {
    const auto name = check::object();
    const auto segment = Segment::create(name, 8);
    const auto child = check::fork_child();
    if (child == 0) {
        const auto own = Segment::open(name);
        const auto held = own.guard();
        own.notify();
        for (;;) pause();
    }
    CHECK(segment.wait(0, soon) == 1);
    STATUS(segment.try_guard(now), again);
    CHECK(kill(child, SIGKILL) == 0);
    CHECK(segment.guard(soon).owner_died());
    CHECK(waitpid(child, nullptr, 0) == child && segment.attached() == 1);
}

void guards_of_the_standard_library_take_it() {
    const Both both;
    {
        const std::lock_guard held(both.here);
        CHECK(!both.there.try_lock() && !both.there.try_lock_shared());
        const auto now = [] { return std::chrono::steady_clock::now(); };
        CHECK(check::in_vain([&] { return both.there.try_lock_for(briefly); }));
        CHECK(check::in_vain([&] { return both.there.try_lock_until(now() + briefly); }));
        CHECK(check::in_vain([&] { return both.there.try_lock_shared_for(briefly); }));
        CHECK(check::in_vain([&] { return both.there.try_lock_shared_until(now() + briefly); }));
        CHECK(!both.there.try_lock_until(std::chrono::system_clock::now() - briefly));
        constexpr auto first = std::chrono::steady_clock::time_point::min();
        CHECK(!both.there.try_lock_until(first) && !both.there.try_lock_shared_until(first));
        const std::unique_lock not_held(both.there, std::try_to_lock);
        CHECK(!not_held);
    }
    {
        const std::unique_lock held(both.here, soon);
        CHECK(held);
    }
    {
        const std::shared_lock one(both.here), other(both.there, soon);
        CHECK(one && other && !both.here.try_lock());
    }
    const Both others;
    {
        const std::scoped_lock held(both.here, others.here);
        CHECK(!both.there.try_lock() && !others.there.try_lock());
    }
    const auto end = std::chrono::steady_clock::now() + soon;
    CHECK(both.here.try_lock() && others.here.try_lock_for(soon));
    both.here.unlock();
    CHECK(both.here.try_lock_shared() && both.there.try_lock_shared_for(soon));
    CHECK(both.there.try_lock_shared_until(end));
    CHECK(both.here.try_lock_shared_until(std::chrono::system_clock::time_point::max()));
}

void only_a_wait_in_vain_is_false() {
    const Both both;
    both.here.close();
    THROWS(both.here.try_lock(), closed);
    THROWS(both.here.try_lock_for(soon), closed);
    THROWS(both.here.try_lock_shared_until(std::chrono::steady_clock::now() + soon), closed);
    THROWS(Segment().try_lock_shared(), invalid);
}

void threads_of_one_handle_exclude_each_other() {
    constexpr unsigned threads_max = 4, each = 2000;
    const auto segment = Segment::create(check::object(), sizeof(std::uint64_t));
    std::vector<std::thread> threads;
    for (unsigned i = 0; i < threads_max; i++) {
        threads.emplace_back([&] {
            for (unsigned n = 0; n < each; n++) {
                const auto held = segment.guard(soon);
                segment.as<std::uint64_t>()++;
            }
        });
    }
    for (auto& thread : threads) {
        thread.join();
    }
    CHECK(segment.as<std::uint64_t>() == std::uint64_t{threads_max} * each);
}

constexpr check::Case cases[] = {
    CASE(a_guard_holds_the_lock_while_it_lives),
    CASE(a_guard_moves),
    CASE(a_guard_may_outlive_what_was_locked),
    CASE(plain_calls_lock_as_well),
    CASE(a_lock_of_a_dead_owner_says_so),
    CASE(a_killed_process_blocks_nobody),
    CASE(guards_of_the_standard_library_take_it),
    CASE(only_a_wait_in_vain_is_false),
    CASE(threads_of_one_handle_exclude_each_other),
};

}  // namespace

int main(int argc, char** argv) { return check::run(argc, argv, cases); }
