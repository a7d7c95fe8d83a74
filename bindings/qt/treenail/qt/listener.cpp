#include "listener.hpp"

#include "porch.hpp"

namespace treenail::qt {

Listener::Listener(QObject* parent) : QObject(parent), porch_(new detail::Porch(this)) {
    detail::register_types();
}

Listener::~Listener() {
    porch_->close();
    porch_->leave();
}

bool Listener::listen(const QString& endpoint) { return porch_->open(endpoint); }
bool Listener::isListening() const { return porch_->handle() != nullptr; }

QString Listener::endpoint() const {
    const auto handle = porch_->handle();
    return handle != nullptr ? QString::fromStdString(handle->endpoint()) : QString();
}

void Listener::close() { porch_->close(); }

bool Listener::hasPendingChannels() const { return !porch_->is_empty(); }

Channel* Listener::nextPendingChannel() {
    auto channel = porch_->take();
    return channel ? new Channel(std::move(channel), porch_->is_here() ? this : nullptr) : nullptr;
}

treenail::Channel Listener::takePendingChannel() { return porch_->take(); }

int Listener::maxPendingChannels() const { return porch_->room(); }
void Listener::setMaxPendingChannels(int count) { porch_->set_room(count); }

Status Listener::error() const { return porch_->error().status; }
QString Listener::errorString() const { return porch_->error().text; }

}  // namespace treenail::qt
