// What there is, told as text, and swept.
#include "check.hpp"

#include <algorithm>
#include <sys/wait.h>
#include <vector>

namespace {

void what_there_is_is_told() {
    const auto name = check::object();
    const auto segment = treenail::Segment::create(name, 100);
    const auto text = treenail::list("segment:" + name);
    CHECK(text.find(name) != std::string::npos && text.back() == '\n');
    std::string exact(text.size() + 1, '?');
    CHECK(*treenail::try_list(exact, "segment:" + name) == text.size() && exact.c_str() == text);
    char tiny[3];
    const auto cut = treenail::try_list(tiny, "segment:" + name);
    STATUS(cut, too_large);
    CHECK(*cut == text.size() + 1);
    CHECK(treenail::list().find(text) != std::string::npos);
    STATUS(treenail::try_list(tiny, "frames"), invalid);
    THROWS(treenail::list("frames"), invalid);
}

void much_is_told_whole() {
    const auto name = check::object();
    std::vector<treenail::Segment> segments;
    for (int i = 0; i < 40; i++)
        segments.push_back(treenail::Segment::create(name + '-' + std::to_string(i), 8));
    const auto text = treenail::list("segment:" + name + "-*");
    CHECK(std::count(text.begin(), text.end(), '\n') == 40);
}

void what_a_killed_one_left_is_swept() {
    const auto name = check::object();
    const auto child = fork();
    if (child == 0) {
        const auto segment = treenail::Segment::create(name, 100);
        _exit(0);
    }
    CHECK(waitpid(child, nullptr, 0) == child);
    CHECK(treenail::sweep("segment:" + name) == 1);
    CHECK(*treenail::try_sweep("segment:" + name) == 0);
    THROWS(treenail::sweep("frames"), invalid);
}

constexpr check::Case cases[] = {
    CASE(what_there_is_is_told),
    CASE(much_is_told_whole),
    CASE(what_a_killed_one_left_is_swept),
};

}  // namespace

int main(int argc, char** argv) { return check::run(argc, argv, cases); }
