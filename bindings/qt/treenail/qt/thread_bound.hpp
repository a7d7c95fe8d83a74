/// Private: the receiver of events for an object that other threads may destroy.
#ifndef TREENAIL_QT_THREAD_BOUND_HPP
#define TREENAIL_QT_THREAD_BOUND_HPP

#include "watcher.hpp"

#include <QObject>
#include <QThread>

#include <memory>
#include <mutex>
#include <utility>

namespace treenail::qt::detail {

/// A helper object that receives the events of its owner, and lives in the owner's thread. It is a
/// child of the owner, so QObject::moveToThread() moves both.
///
/// An owner may be destroyed by a thread that isn't its own. A notifier, timer or event that is on
/// its way then needs a receiver that is still alive. So all of them are sent to the helper, which
/// ends in the owner's thread. The owner itself receives none.
class ThreadBound : public QObject {
public:
    explicit ThreadBound(QObject* owner) : QObject(owner), owner_(owner) {}

    /// The last call of the owner's destructor, from any thread. Nothing reaches the owner after
    /// it. Waits until a call for the owner in another thread is over. Deletes the helper, now or
    /// later, in its own thread.
    void leave();

    /// Calls in the owner's thread, if the owner still lives then: at once if this is that thread.
    template <class Call>
    void run(Call call) {
        if (is_here()) {
            call_guarded(call);
        } else {
            post(std::move(call));
        }
    }
    /// Calls in the owner's thread, if the owner still lives then, and always from the event loop.
    template <class Call>
    void post(Call call) {
        QMetaObject::invokeMethod(
            this, [this, call = std::move(call)]() mutable { call_guarded(call); },
            Qt::QueuedConnection);
    }

    /// Whether this is the thread of the owner and the helper; a slot may have moved them.
    bool is_here() const { return QThread::currentThread() == thread(); }

protected:
    /// The descriptor is readable. Called in the owner's thread while the owner lives. What it
    /// calls may destroy the owner, see owner().
    virtual void ready() = 0;
    /// The second descriptor is readable. Called in the owner's thread while the owner lives.
    virtual void has_room() {}

    /// Null once the owner is gone.
    QObject* owner() const { return owner_; }

    // These are for the owner's thread only. `handle` keeps the descriptors open.

    /// Waits for a descriptor.
    void watch(int fd, std::shared_ptr<const void> handle);
    /// Waits for a second descriptor too.
    void watch_room(int fd, std::shared_ptr<const void> handle);
    bool watches_room() const { return room_watcher_ != nullptr; }
    /// Waits for neither any more.
    void unwatch();
    /// Stops or continues to watch a descriptor.
    void pause(bool paused);
    void pause_room(bool paused);

    /// Calls if the owner still lives. Nothing but the call itself can end the owner meanwhile.
    template <class Call>
    void call_guarded(Call&& call) {
        const std::lock_guard living(life_);
        ++calls_;
        if (owner_ != nullptr) {
            call();
        }
        --calls_;
    }

private:
    void activated() { dispatch(&ThreadBound::ready); }
    void room_activated() { dispatch(&ThreadBound::has_room); }
    void dispatch(void (ThreadBound::*act)());

    /// Held during every call: an owner that another thread destroys waits for its end.
    std::recursive_mutex life_;
    QObject* owner_;
    int calls_ = 0;
    std::shared_ptr<const void> handle_;
    std::unique_ptr<QSocketNotifier> watcher_;
    std::unique_ptr<QSocketNotifier> room_watcher_;
};

}  // namespace treenail::qt::detail

#endif
