#include "thread_bound.hpp"

namespace treenail::qt::detail {

namespace {

/// Lets go of a child without ChildRemoved: events are for the parent's own thread.
struct Silent : QObject {
    static void orphan(QObject* child, QObject* parent) {
        (parent->*(&Silent::d_ptr))->receiveChildEvents = 0;
        child->setParent(nullptr);
    }
};

}  // namespace

void ThreadBound::leave() {
    bool now;
    {
        const std::lock_guard living(life_);
        Silent::orphan(this, owner_);
        owner_ = nullptr;
        const auto* home = thread();
        now = calls_ == 0 && (is_here() || home == nullptr || home->isFinished());
    }
    if (now) {
        delete this;
    } else {
        deleteLater();
    }
}

void ThreadBound::watch(int fd, std::shared_ptr<const void> handle) {
    watcher_.reset();
    handle_ = std::move(handle);
    watcher_ = std::make_unique<Watcher<ThreadBound, &ThreadBound::activated>>(fd, this, this);
}

void ThreadBound::watch_room(int fd, std::shared_ptr<const void> handle) {
    room_watcher_.reset();
    handle_ = std::move(handle);
    room_watcher_ =
        std::make_unique<Watcher<ThreadBound, &ThreadBound::room_activated>>(fd, this, this);
}

void ThreadBound::unwatch() {
    watcher_.reset();
    room_watcher_.reset();
    handle_.reset();
}

void ThreadBound::pause(bool paused) {
    if (watcher_ != nullptr) {
        watcher_->setEnabled(!paused);
    }
}

void ThreadBound::pause_room(bool paused) {
    if (room_watcher_ != nullptr) {
        room_watcher_->setEnabled(!paused);
    }
}

void ThreadBound::dispatch(void (ThreadBound::*act)()) {
    call_guarded([this, act] { (this->*act)(); });
    if (owner() == nullptr) {
        unwatch();  // as this object ends only later, and the descriptors stay readable
    }
}

}  // namespace treenail::qt::detail
