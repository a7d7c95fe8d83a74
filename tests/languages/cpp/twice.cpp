// The header in two translation units, and twice in one.
#include <treenail.hpp>
#include <treenail.hpp>

#include "twice.hpp"

int main() {
    const auto mine = here();
    const bool same = mine.forever == there().forever && mine.name == there().name &&
                      mine.version == there().version;
    return same ? 0 : 1;
}
