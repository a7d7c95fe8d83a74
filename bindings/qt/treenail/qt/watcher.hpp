/// Private to the binding: a handle's descriptor in the event loop of its object's thread.
#ifndef TREENAIL_QT_WATCHER_HPP
#define TREENAIL_QT_WATCHER_HPP

#include <QCoreApplication>
#include <QEvent>
#include <QSocketNotifier>

#include <utility>

namespace treenail::qt::detail {

/// Calls `(owner->*Ready)()` whenever a treenail descriptor is readable, until it is disabled or
/// destroyed. Make the owner its `parent`, so that it moves to other threads with the owner. Call
/// setEnabled() only in the owner's thread, as with every QSocketNotifier.
///
/// The function may destroy this watcher and its owner: nothing is touched after it. It overrides
/// event() rather than connecting a signal, as that is the same in every Qt, and takes half the
/// time.
template <class Owner, void (Owner::*Ready)()>
class Watcher final : public QSocketNotifier {
public:
    Watcher(int fd, Owner* owner, QObject* parent)
        : QSocketNotifier(fd, QSocketNotifier::Read, parent), owner_(owner) {}

protected:
    bool event(QEvent* event) override {
        if (event->type() != QEvent::SockAct) {
            return QSocketNotifier::event(event);
        }
        (owner_->*Ready)();
        return true;
    }

private:
    Owner* owner_;
};

/// Whether this object also had the last turn in this thread. Only then may it wait in its turn for
/// more; otherwise several objects would hold up each other.
inline bool was_last(const void* whose) {
    thread_local const void* last = nullptr;
    return std::exchange(last, whose) == whose;
}

}  // namespace treenail::qt::detail

#endif
