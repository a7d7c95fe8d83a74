// The values around the calls: statuses, errors, results, timeouts, bytes; and what is refused by
// the compiler.
#include "check.hpp"

#include <array>
#include <cmath>
#include <list>
#include <type_traits>
#include <vector>
#if __cplusplus >= 202002L
#include <span>
#endif

namespace {

// ---- which conversions there are ----

template <class From>
constexpr bool sends = std::is_convertible_v<From, Bytes>;
template <class From>
constexpr bool receives = std::is_convertible_v<From, Buffer>;

struct Plain {
    int number;
    char letter;
};

static_assert(sends<const char*> && sends<const char (&)[6]> && sends<std::string> &&
              sends<std::string_view> && sends<const std::string&>);
static_assert(sends<std::vector<std::byte>> && sends<std::array<double, 3>> && sends<int (&)[3]> &&
              sends<const unsigned char (&)[3]> && sends<std::vector<Plain>>);
static_assert(sends<View> && sends<const Message&> && sends<Loan&> && sends<Buffer> &&
              sends<std::initializer_list<int>>);
static_assert(!sends<char (&)[8]> && !sends<std::nullptr_t> && !sends<int> && !sends<Plain> &&
              !sends<const wchar_t (&)[3]> && !sends<std::vector<bool>> &&
              !sends<std::list<char>>);
static_assert(!sends<std::vector<const char*>> && !sends<std::vector<std::string>> &&
              !sends<std::vector<Bytes>> && !sends<tn_slice (&)[2]>);

static_assert(receives<char (&)[8]> && receives<std::string&> && receives<std::vector<int>&> &&
              receives<std::array<std::byte, 4>&> && receives<Loan&>);
static_assert(!receives<const char (&)[8]> && !receives<const std::vector<int>&> &&
              !receives<std::vector<int>> && !receives<std::string> && !receives<std::string_view> &&
              !receives<View&> && !receives<std::vector<std::string>&>);

static_assert(std::is_convertible_v<std::vector<Bytes>, Span<const Bytes>> &&
              std::is_convertible_v<std::vector<Bytes>&, Span<Bytes>> &&
              std::is_convertible_v<const Bytes (&)[2], Span<const Bytes>> &&
              std::is_convertible_v<std::uint64_t (&)[2], Span<std::uint64_t>>);
static_assert(!std::is_convertible_v<const Bytes (&)[2], Span<Bytes>> &&
              !std::is_convertible_v<std::vector<Bytes>, Span<Bytes>> &&
              !std::is_convertible_v<std::uint32_t (&)[2], Span<std::uint64_t>>);

#if __cplusplus >= 202002L
static_assert(sends<std::span<const int>> && sends<std::span<std::byte, 4>> &&
              receives<std::span<char>> && !receives<std::span<const char>>);
static_assert(sends<std::u8string> && !sends<const char8_t (&)[3]>);
#endif

// ---- who owns, and who throws ----

template <class T>
constexpr bool is_moved_only =
    std::is_nothrow_default_constructible_v<T> && std::is_nothrow_move_constructible_v<T> &&
    std::is_nothrow_move_assignable_v<T> && std::is_nothrow_destructible_v<T> &&
    !std::is_copy_constructible_v<T> && !std::is_copy_assignable_v<T>;
static_assert(is_moved_only<Listener> && is_moved_only<Channel> && is_moved_only<Poller> &&
              is_moved_only<View> && is_moved_only<Loan> && is_moved_only<treenail::Segment> &&
              is_moved_only<treenail::Guard> && is_moved_only<treenail::Semaphore> &&
              is_moved_only<treenail::Permit>);
static_assert(std::is_nothrow_move_constructible_v<Result<View>> &&
              !std::is_copy_constructible_v<Result<View>> && std::is_copy_constructible_v<Message>);
static_assert(std::is_base_of_v<std::runtime_error, treenail::Error>);

const Channel no_channel;
const treenail::Segment no_segment;
static_assert(noexcept(no_segment.try_guard(now)) && noexcept(no_segment.unlock()) &&
              !noexcept(no_segment.guard()) && !noexcept(no_segment.try_lock()));
const treenail::Semaphore no_semaphore;
static_assert(noexcept(no_semaphore.try_permit(1, now)) && !noexcept(no_semaphore.permit()) &&
              !noexcept(no_semaphore.try_acquire()));
static_assert(noexcept(no_channel.try_send("", now)) && noexcept(no_channel.try_recv_view(now)) &&
              noexcept(Channel::try_connect("", now)) && !noexcept(no_channel.send("")));

// ---- timeouts ----

constexpr std::int32_t ms(Timeout timeout) { return timeout.to_c(); }
constexpr auto most = std::numeric_limits<std::int32_t>::max();

static_assert(ms(now) == TN_NOWAIT && ms(forever) == TN_FOREVER);
static_assert(ms(0s) == 0 && ms(1ns) == 1 && ms(1ms) == 1 && ms(1000001ns) == 2 && ms(5s) == 5000 &&
              ms(1h) == 3600000);
static_assert(ms(std::chrono::duration<double>(1.5)) == 1500 &&
              ms(std::chrono::duration<float, std::milli>(0.25F)) == 1);
static_assert(ms(-1ns) == 0 && ms(-5s) == 0 && ms(std::chrono::hours::min()) == 0);
static_assert(ms(std::chrono::milliseconds(most)) == most &&
              ms(std::chrono::milliseconds(most) + 1ns) == most &&
              ms(std::chrono::hours::max()) == most && ms(std::chrono::nanoseconds::max()) == most);
static_assert(ms(Timeout::from_c(17)) == 17);
static_assert(!std::is_convertible_v<int, Timeout>);

// ---- at run time ----

void every_status_has_its_enumerator() {
    constexpr Status all[] = {
        Status::ok,        Status::owner_died, Status::again,    Status::timed_out,
        Status::closed,    Status::peer_lost,  Status::not_found, Status::exists,
        Status::denied,    Status::invalid,    Status::too_large, Status::no_space,
        Status::protocol,  Status::unsupported, Status::io,       Status::internal,
    };
    for (const auto status : all) {
        CHECK(std::string_view(name(status)).substr(0, 3) == "TN_");
        CHECK(name(status) != std::string_view("TN_UNKNOWN"));
        CHECK(ok(status) == (static_cast<int>(status) >= 0));
    }
    std::size_t known = 0;
    for (int number = -200; number <= 200; number++) {
        known += name(static_cast<Status>(number)) != std::string_view("TN_UNKNOWN");
    }
    CHECK(known == std::size(all));
    CHECK(name(Status::peer_lost) == std::string_view("TN_PEER_LOST"));
}

void a_result_is_a_value_or_a_status() {
    Result<std::string> good(Status::ok, "text");
    CHECK(good && good == Status::ok && good != Status::again && good.status() == Status::ok);
    CHECK(*good == "text" && good->size() == 4 && std::move(good).value() == "text");
    const Result<int> noticed(Status::owner_died, 3);
    CHECK(noticed && *noticed == 3);
    Result<std::string> bad(Status::closed);
    CHECK(!bad && bad == Status::closed && bad->empty());
    (void)Listener::try_open("nonsense");
    THROWS(std::move(bad).value(), closed);
}

void an_error_has_status_and_text() {
    const auto failed = Listener::try_open("nonsense");
    CHECK(failed == Status::invalid);
    const treenail::Error error(failed.status());
    const std::runtime_error& base = error;
    CHECK(error.status() == Status::invalid);
    CHECK(std::string_view(base.what()) == treenail::last_error());
    CHECK(std::string_view(base.what()).find("nonsense") != std::string_view::npos);
    CHECK(treenail::Error(Status::io, "mine").what() == std::string_view("mine"));
}

void no_duration_is_too_odd() {
    CHECK(ms(std::chrono::duration<double>(INFINITY)) == most);
    CHECK(ms(std::chrono::duration<double>(-INFINITY)) == 0);
    CHECK(ms(std::chrono::duration<double>(NAN)) == 0);
}

void bytes_are_what_was_given() {
    CHECK(Bytes("hello").size() == 5 && Bytes("hello").text() == "hello");
    CHECK(Bytes("a\0b").size() == 1 && Bytes(std::string_view("a\0b", 3)).size() == 3);
    CHECK(Bytes().empty() && Bytes().text().empty() && Bytes(std::string_view()).empty());
    CHECK(Bytes("").size() == 0);
    const std::vector<std::uint32_t> numbers{1, 2, 3};
    const Bytes bytes = numbers;
    CHECK(bytes.size() == 12 && bytes.data() == static_cast<const void*>(numbers.data()));
    CHECK(bytes.end() - bytes.begin() == 12 && *bytes.begin() == std::byte{1});
    char text[4] = {'a', 'b', 'c', 'd'};
    CHECK(Bytes(text, 2).text() == "ab");
    const Plain plain{7, 'x'};
    const auto of = treenail::bytes_of(plain);
    CHECK(of.size() == sizeof plain && of.data() == static_cast<const void*>(&plain));
    const Buffer buffer = text;
    CHECK(buffer.size() == 4 && buffer.data() == static_cast<void*>(text) && Buffer().size() == 0);
    const Bytes again = buffer;
    CHECK(again.data() == buffer.data() && again.size() == 4);
    int three[3];
    CHECK(Buffer(three).size() == sizeof three);
}

void spans_are_what_was_given() {
    Bytes pair[] = {"a", "bc"};
    const Span<Bytes> some = pair;
    CHECK(some.size() == 2 && some.data() == pair && some[1].size() == 2 && !some.empty());
    CHECK(some.end() - some.begin() == 2 && Span<Bytes>().empty());
    const std::vector<Bytes> row(3);
    CHECK(Span<const Bytes>(row).size() == 3 && Span<const Bytes>(row).data() == row.data());
}

void tags_are_numbers_or_enumerators() {
    enum class Mine : std::uint8_t { first = 200 };
    constexpr treenail::Tag number = 7, enumerator = Mine::first;
    CHECK(number.number() == 7 && enumerator.number() == 200);
}

void versions_agree() {
    CHECK(treenail::version() == TN_VERSION);
    CHECK(treenail::version_text() == std::string_view(TN_VERSION_TEXT));
}

// An endpoint goes to C with a NUL behind it: neither may be lost, the NUL nor what is after it.
void endpoints_arrive_as_they_are() {
    const auto refused = [](std::string_view endpoint, std::string_view why) {
        STATUS(Listener::try_open(endpoint), invalid);
        CHECK(std::string_view(treenail::last_error()).find(why) != std::string_view::npos);
    };
    refused("", "");
    refused({}, "");
    refused(std::string_view("shm:x\0y", 7), "NUL");
    refused(std::string_view("shm:x?group=a\0b", 15), "NUL");
    refused(std::string_view("shm:x?ring\0=8KiB", 17), "ring%00");
    refused("shm:x?group=a%00b", "NUL");
    refused("shm:/" + std::string(4091, 'x') + "y", "at most 4096 bytes");
    refused("shm:/" + std::string(5000, 'x'), "at most 4096 bytes");
    refused(std::string(5000, '\0'), "");
    const auto longer = check::endpoint() + "&no part of it";
    const auto listener = Listener::open(std::string_view(longer).substr(0, longer.find('&')));
    CHECK(listener);
}

constexpr check::Case cases[] = {
    CASE(every_status_has_its_enumerator), CASE(a_result_is_a_value_or_a_status),
    CASE(an_error_has_status_and_text),    CASE(bytes_are_what_was_given),
    CASE(spans_are_what_was_given),        CASE(tags_are_numbers_or_enumerators),
    CASE(versions_agree),                  CASE(endpoints_arrive_as_they_are),
    CASE(no_duration_is_too_odd),
};

}  // namespace

int main(int argc, char** argv) { return check::run(argc, argv, cases); }
