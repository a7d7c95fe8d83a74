#include <treenail/qt/unclaimed.hpp>

#include <mutex>
#include <unordered_map>

namespace treenail::qt::detail {

namespace {

/// Above every descriptor: the kernel allows 2^30 at most, and that by special setting only.
constexpr qintptr first = qintptr{1} << 30;
constexpr qintptr last = 0x7FFFFFFF;

struct Store {
    std::mutex mutex;
    std::unordered_map<qintptr, std::unique_ptr<Unclaimed>> connections;
    qintptr next = first;
};

Store& store() {
    static auto* forever = new Store;  // threads may still be at work when statics are destroyed
    return *forever;
}

}  // namespace

quintptr deposit(std::unique_ptr<Unclaimed> connection) {
    const std::lock_guard guard(store().mutex);
    auto& next = store().next;
    while (!store().connections.try_emplace(next, nullptr).second) {
        next = next == last ? first : next + 1;
    }
    store().connections[next] = std::move(connection);
    return static_cast<quintptr>(next);
}

std::unique_ptr<Unclaimed> claim(qintptr number) {
    if (number < first) {
        return nullptr;
    }
    const std::lock_guard guard(store().mutex);
    const auto found = store().connections.find(number);
    if (found == store().connections.end()) {
        return nullptr;
    }
    auto connection = std::move(found->second);
    store().connections.erase(found);
    return connection;
}

}  // namespace treenail::qt::detail
