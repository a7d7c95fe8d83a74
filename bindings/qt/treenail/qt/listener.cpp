#include "listener.hpp"

#include "accept_queue.hpp"

namespace treenail::qt {

Listener::Listener(QObject* parent) : QObject(parent), queue_(new detail::AcceptQueue(this)) {
    detail::register_types();
}

Listener::~Listener() {
    queue_->close();
    queue_->leave();
}

bool Listener::listen(const QString& endpoint) { return queue_->open(endpoint); }
bool Listener::isListening() const { return queue_->handle() != nullptr; }

QString Listener::endpoint() const {
    const auto handle = queue_->handle();
    return handle != nullptr ? QString::fromStdString(handle->endpoint()) : QString();
}

void Listener::close() { queue_->close(); }

bool Listener::hasPendingChannels() const { return !queue_->is_empty(); }

Channel* Listener::nextPendingChannel() {
    auto channel = queue_->take();
    return channel ? new Channel(std::move(channel), queue_->is_here() ? this : nullptr) : nullptr;
}

treenail::Channel Listener::takePendingChannel() { return queue_->take(); }

int Listener::maxPendingChannels() const { return queue_->room(); }
void Listener::setMaxPendingChannels(int count) { queue_->set_room(count); }

ListenerStats Listener::stats() const {
    const auto handle = queue_->handle();
    return handle != nullptr ? *handle->try_stats() : ListenerStats{};
}

Status Listener::error() const { return queue_->error().status; }
QString Listener::errorString() const { return queue_->error().text; }

}  // namespace treenail::qt
