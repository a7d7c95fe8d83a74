// Segments: made and opened, their data, and their changes. Their lock is in lock.cpp.
#include "check.hpp"

#include <array>
#include <cstdint>
#if __cplusplus >= 202002L
#include <span>
#endif

using check::Both;
using treenail::Guard;
using treenail::Notice;
using treenail::Segment;

namespace {

struct Pixel {
    std::uint16_t red, green, blue;
};

// ---- making one ----

void a_segment_is_made_once_and_goes_with_the_last() {
    const auto name = check::object();
    STATUS(Segment::try_open(name), not_found);
    THROWS(Segment::open(name), not_found);
    auto first = Segment::create(name, 5000);
    STATUS(Segment::try_create(name, 5000), exists);
    THROWS(Segment::create(name, 5000), exists);
    auto second = *Segment::try_open(name);
    const auto third = *Segment::try_open_or_create(name, 1);
    CHECK(third.size() == 5000 && third.attached() == 3);
    STATUS(Segment::try_open_or_create(name, 5001), too_large);
    THROWS(Segment::open_or_create(name, 5001), too_large);
    CHECK(Segment::open_or_create(name, 0).size() == 5000);
    CHECK(third.attached() == 3);
    first = {};
    second = {};
    CHECK(third.attached() == 1 && Segment::open_or_create(name, 1).size() == 5000);
    third.close();
    third.close();
    STATUS(Segment::try_open(name), not_found);
    STATUS(Segment::try_open_or_create(name, 0), not_found);
    STATUS(third.try_notify(), closed);
    THROWS(third.guard(), closed);
}

void a_name_can_be_taken_away() {
    const auto name = check::object();
    const auto first = Segment::create(name + "?persist=1", 1);
    Segment::remove(name);
    STATUS(Segment::try_remove(name), not_found);
    THROWS(Segment::remove(name), not_found);
    STATUS(Segment::try_open(name), not_found);
    first.write(0, "x", soon);
}

void wrong_names_and_sizes_say_so() {
    STATUS(Segment::try_create("a/b", 1), invalid);
    STATUS(Segment::try_open_or_create("a?mode=8", 1), invalid);
    THROWS(Segment::open_or_create(std::string_view("a\0b", 3), 1), invalid);
    STATUS(Segment::try_create(check::object(), 0), invalid);
}

// ---- the data ----

void the_data_are_shared_and_are_a_row() {
    const Both both(5000);
    CHECK(both.here.size() == 5000 && both.here.end() - both.here.begin() == 5000);
    CHECK(reinterpret_cast<std::uintptr_t>(both.here.data()) % 4096 == 0);
    both.here.data()[4999] = std::byte{7};
    CHECK(*(both.there.end() - 1) == std::byte{7});
    const Bytes bytes = both.here;
    const Buffer buffer = both.here;
    const Span<std::byte> span = both.here;
    CHECK(bytes.data() == both.here.data() && bytes.size() == 5000);
    CHECK(buffer.data() == both.here.data() && buffer.size() == 5000 && span.size() == 5000);
#if __cplusplus >= 202002L
    const std::span<std::byte> theirs = both.here;
    const std::span<Pixel> pixels = both.here.row<Pixel>();
    CHECK(theirs.size() == 5000 && pixels.size() == 833);
#endif
}

void objects_lie_in_the_data() {
    const Both both(100);
    both.here.as<Pixel>(6).green = 0x1234;
    CHECK(both.there.as<const Pixel>(6).green == 0x1234 && both.there.as<std::uint8_t>(8) == 0x34);
    CHECK((both.here.as<std::array<int, 25>>()[24]) == 0);
    const auto row = both.here.row<Pixel>(10);
    CHECK(row.size() == 15 && row.begin() == both.here.try_as<Pixel>(10));
    row[14].blue = 3;
    CHECK(both.there.as<std::uint16_t>(98) == 3);
}

void what_does_not_fit_is_refused() {
    const Both both(100);
    CHECK(both.here.try_as<std::uint64_t>(88) != nullptr);
    CHECK(both.here.try_as<std::uint64_t>(96) == nullptr);  // four bytes too many
    CHECK(both.here.try_as<std::uint64_t>(4) == nullptr);   // not aligned
    CHECK(both.here.try_as<char>(100) == nullptr);
    CHECK(both.here.try_as<char>(SIZE_MAX) == nullptr);
    CHECK((both.here.try_as<std::array<char, 101>>() == nullptr));
    const auto refused = [](auto call) {
        try {
            call();
        } catch (const treenail::Error& error) {
            return error.status() == Status::invalid && *error.what() != '\0';
        }
        return false;
    };
    CHECK(refused([&] { (void)both.here.as<std::uint64_t>(96); }));
    CHECK(refused([&] { (void)both.here.row<char>(100); }));
    CHECK(refused([] { (void)Segment().as<char>(); }));
}

void snapshots_are_whole_and_are_changes() {
    const Both both(8);
    char text[9] = {};
    CHECK(!both.here.write(2, "abc").owner_died() && both.here.version() == 1);
    CHECK(!both.there.read(0, {text, 8}).owner_died());
    CHECK(std::string_view(text + 2) == "abc" && text[0] == '\0');
    STATUS(both.here.try_write(6, "abc", soon), invalid);
    THROWS(both.here.write(6, "abc"), invalid);
    STATUS(both.here.try_read(9, {}, soon), invalid);
    THROWS(both.here.read(0, text), invalid);
    const auto held = both.here.guard();
    STATUS(both.there.try_write(0, "x", now), again);
    STATUS(both.there.try_read(0, {text, 1}, briefly), timed_out);
}

// ---- changes ----

void changes_are_heard_of() {
    const Both both;
    CHECK(both.here.version() == 0);
    STATUS(both.here.try_wait(0, now), again);
    THROWS(both.here.wait(0, briefly), timed_out);
    std::thread waiting([&] { CHECK(both.there.wait(0) == 1); });
    both.here.notify();
    waiting.join();
    CHECK(*both.there.try_wait(0, now) == 1 && both.there.version() == 1);
    STATUS(both.here.try_notify(), ok);
    CHECK(both.there.wait(1, soon) == 2);
}

void descriptors_tell_of_changes_and_unlocks() {
    const Both both;
    const int fd = both.here.fd();
    CHECK(fd >= 0 && fd == *both.here.try_fd() && check::readable(fd));
    STATUS(both.here.try_wait(0, now), again);
    CHECK(!check::readable(fd));
    both.there.notify();
    CHECK(check::readable(fd, soon) && both.here.wait(0, now) == 1);
    STATUS(both.here.try_wait(1, now), again);
    const int lock_fd = both.here.lock_fd();
    CHECK(lock_fd >= 0 && lock_fd != fd && lock_fd == *both.here.try_lock_fd());
    const auto poller = Poller::create();
    poller.add_fd(fd, 7);
    poller.add_fd(lock_fd, 8);
    std::uint64_t keys[2];
    CHECK(poller.wait(keys, soon).size() == 1 && keys[0] == 8);
    {
        const auto held = both.there.guard();
        STATUS(both.here.try_lock(now), again);
        STATUS(poller.try_wait(keys, now), again);
    }
    CHECK(poller.wait(keys, soon).size() == 1 && keys[0] == 8);
    STATUS(both.here.try_lock(now), ok);
}

// ---- the handle ----

void an_empty_one_fails_safely(const Segment& empty) {
    CHECK(!empty && empty.data() == nullptr && empty.size() == 0 && empty.begin() == empty.end());
    CHECK(empty.version() == 0 && empty.attached() == 0 && empty.try_as<char>() == nullptr);
    STATUS(empty.try_write(0, "", now), invalid);
    STATUS(empty.try_read(0, {}, now), invalid);
    STATUS(empty.try_guard(now), invalid);
    STATUS(empty.try_shared_guard(now), invalid);
    STATUS(empty.try_lock(now), invalid);
    STATUS(empty.try_lock_shared(now), invalid);
    STATUS(empty.try_unlock(), invalid);
    STATUS(empty.try_notify(), invalid);
    STATUS(empty.try_wait(0, now), invalid);
    STATUS(empty.try_fd(), invalid);
    STATUS(empty.try_lock_fd(), invalid);
    THROWS(empty.lock(), invalid);
    THROWS(empty.notify(), invalid);
    THROWS(empty.wait(0), invalid);
    THROWS(empty.fd(), invalid);
    THROWS(empty.lock_fd(), invalid);
    empty.unlock();
    empty.close();
}

void what_is_empty_fails_safely() {
    an_empty_one_fails_safely(Segment());
    Both both;
    auto moved = std::move(both.here);
    an_empty_one_fails_safely(both.here);
    auto held = moved.guard();
    auto again = std::move(moved);  // the guard doesn't mind
    STATUS(both.there.try_lock(now), again);
    tn_segment* native = again.release();
    CHECK(native != nullptr && !again && tn_segment_size(native) == 100);
    again = Segment(native);
    held.unlock();
    CHECK(!Guard() && !Guard().owner_died() && !Notice(Status::ok).owner_died());
}

void a_closed_one_wakes_who_waits() {
    const Both both;
    const auto held = both.here.guard();
    std::thread locking([&] { STATUS(both.there.try_lock(forever), closed); });
    std::thread waiting([&] { STATUS(both.there.try_wait(0, forever), closed); });
    both.there.close();
    locking.join();
    waiting.join();
}

constexpr check::Case cases[] = {
    CASE(a_segment_is_made_once_and_goes_with_the_last),
    CASE(a_name_can_be_taken_away),
    CASE(wrong_names_and_sizes_say_so),
    CASE(the_data_are_shared_and_are_a_row),
    CASE(objects_lie_in_the_data),
    CASE(what_does_not_fit_is_refused),
    CASE(snapshots_are_whole_and_are_changes),
    CASE(changes_are_heard_of),
    CASE(descriptors_tell_of_changes_and_unlocks),
    CASE(what_is_empty_fails_safely),
    CASE(a_closed_one_wakes_who_waits),
};

}  // namespace

int main(int argc, char** argv) { return check::run(argc, argv, cases); }
