#include "shared_memory.hpp"

#include "last_error.hpp"
#include "object_name.hpp"
#include "watcher.hpp"

#include <treenail.hpp>

#include <QMetaMethod>
#include <QThread>

#include <algorithm>
#include <atomic>
#include <limits>
#include <utility>

namespace treenail::qt {

namespace {

using Size = decltype(std::declval<SharedMemory>().size());

SharedMemory::SharedMemoryError code_of(Status status) {
    switch (status) {
    case Status::not_found: return SharedMemory::NotFound;
    case Status::exists: return SharedMemory::AlreadyExists;
    case Status::denied: return SharedMemory::PermissionDenied;
    case Status::invalid: return SharedMemory::KeyError;
    case Status::too_large: return SharedMemory::InvalidSize;
    case Status::no_space: return SharedMemory::OutOfResources;
    default: return SharedMemory::UnknownError;
    }
}

QString not_attached(const char* call) {
    return QStringLiteral("SharedMemory::%1: no segment is attached; call create() or attach() first")
        .arg(QLatin1String(call));
}

}  // namespace

class SharedMemory::Private {
public:
    explicit Private(SharedMemory* owner) : q(owner) {}

    void set_key(const QString& new_key, const QString& new_native_key) {
        if (segment) {
            q->detach();
        }
        key = new_key;
        native_key = new_native_key;
    }

    bool fail(SharedMemoryError code, const QString& text) {
        error.set(code, text);
        return false;
    }
    bool fail(Status status) {
        error.set(code_of(status), last_error());
        return false;
    }

    bool has_key(const char* call) {
        return !native_key.isEmpty() ||
               fail(KeyError, QStringLiteral("SharedMemory::%1: the key is empty; call setKey() first")
                                  .arg(QLatin1String(call)));
    }

    std::string name_for(AccessMode mode) const {
        const bool says_itself = native_key.contains(QLatin1String("access="));
        return mode == ReadWrite || says_itself ? native_key.toStdString()
                                                : detail::with_option(native_key, "access=ro");
    }

    bool take(Result<Segment> made) {
        if (!made) {
            return fail(made.status());
        }
        constexpr auto most = std::numeric_limits<Size>::max();
        if (made->size() > static_cast<std::size_t>(most)) {
            return fail(InvalidSize,
                        QStringLiteral("SharedMemory::attach: %1 has %2 bytes, and with this Qt "
                                       "size() says at most %3; use treenail::Segment")
                            .arg(native_key)
                            .arg(made->size())
                            .arg(most));
        }
        segment = *std::move(made);
        if (q->isSignalConnected(QMetaMethod::fromSignal(&SharedMemory::changed))) {
            watch();
        }
        return true;
    }

    /// From here on no change is missed. connectNotify() may come from any thread.
    void watch() {
        const auto known = segment.version();
        if (QThread::currentThread() == q->thread()) {
            make_watcher(known);
        } else {
            QMetaObject::invokeMethod(q, [=] { make_watcher(known); }, Qt::QueuedConnection);
        }
    }

    void make_watcher(std::uint64_t known) {
        if (watcher != nullptr || !segment) {
            return;
        }
        const auto fd = segment.try_fd();
        if (fd) {
            seen = known;
            watcher = std::make_unique<SegmentWatcher>(*fd, this, q);
        } else {
            fail(fd.status());
            qWarning("SharedMemory: no changed(): %s", last_error());
        }
    }

    /// Looks until there is nothing new, so that the descriptor becomes unreadable, but not for
    /// ever.
    void look() {
        const auto before = seen;
        for (int looks = 0; looks < 2; ++looks) {
            const auto version = segment.try_wait(seen, now);
            if (!version) {
                break;
            }
            seen = *version;
        }
        if (seen != before) {
            Q_EMIT q->changed();  // which may end all this
        }
    }

    using SegmentWatcher = detail::Watcher<Private, &Private::look>;

    SharedMemory* const q;
    QString key;
    QString native_key;
    Segment segment;
    detail::LastError<SharedMemoryError> error;
    /// The thread that has the lock. Only its own value matters to a thread: no order is needed.
    std::atomic<Qt::HANDLE> holder{nullptr};
    std::atomic<bool> owner_died{false};
    std::uint64_t seen = 0;
    std::unique_ptr<SegmentWatcher> watcher;
};

SharedMemory::SharedMemory(QObject* parent) : QObject(parent), d(new Private(this)) {}

SharedMemory::SharedMemory(const QString& key, QObject* parent) : SharedMemory(parent) {
    setKey(key);
}

SharedMemory::~SharedMemory() { setKey(QString()); }

void SharedMemory::setKey(const QString& key) {
    const auto name = detail::name_of_key(key);
    if (key != d->key || name != d->native_key) {
        d->set_key(key, name);
    }
}

QString SharedMemory::key() const { return d->key; }

void SharedMemory::setNativeKey(const QString& key) {
    if (!d->key.isNull() || key != d->native_key) {
        d->set_key(QString(), key);
    }
}

QString SharedMemory::nativeKey() const { return d->native_key; }

bool SharedMemory::create(Size size, AccessMode mode) {
    d->error.clear();
    if (size <= 0) {
        return d->fail(InvalidSize,
                       QStringLiteral("SharedMemory::create: the size is %1; ask for 1 byte or more")
                           .arg(size));
    }
    if (!d->has_key("create")) {
        return false;
    }
    if (isAttached()) {
        return d->fail(AlreadyExists, QStringLiteral("SharedMemory::create: %1 is there already, and "
                                                     "attached to this object; use it, or detach() "
                                                     "first").arg(d->native_key));
    }
    return d->take(Segment::try_create(d->name_for(mode), static_cast<std::size_t>(size)));
}

Size SharedMemory::size() const { return static_cast<Size>(d->segment.size()); }

bool SharedMemory::attach(AccessMode mode) {
    if (isAttached()) {
        d->error.explain(QStringLiteral("SharedMemory::attach: %1 is attached to this object already; "
                                        "use it, or detach() first").arg(d->native_key));
        return false;
    }
    d->error.clear();
    return d->has_key("attach") && d->take(Segment::try_open(d->name_for(mode)));
}

bool SharedMemory::isAttached() const { return static_cast<bool>(d->segment); }

bool SharedMemory::detach() {
    if (!isAttached()) {
        d->error.explain(not_attached("detach"));
        return false;
    }
    d->watcher.reset();
    if (d->holder.load(std::memory_order_relaxed) != nullptr) {
        unlock();  // else the next one is told of a death
    }
    d->segment = Segment();
    return true;
}

void* SharedMemory::data() { return d->segment.data(); }
const void* SharedMemory::constData() const { return d->segment.data(); }
const void* SharedMemory::data() const { return d->segment.data(); }

bool SharedMemory::lock() { return lock(TN_FOREVER); }

bool SharedMemory::lock(int timeout) {
    const auto here = QThread::currentThreadId();
    if (d->holder.load(std::memory_order_relaxed) == here) {
        qWarning("SharedMemory::lock: already locked");
        return true;
    }
    if (!isAttached()) {
        return d->fail(LockError, not_attached("lock"));
    }
    const auto status = d->segment.try_lock(Timeout::from_c(std::max<int>(timeout, TN_FOREVER)));
    if (!ok(status)) {
        return d->fail(LockError, QString::fromUtf8(last_error()));
    }
    d->holder.store(here, std::memory_order_relaxed);
    d->owner_died.store(status == Status::owner_died, std::memory_order_relaxed);
    return true;
}

bool SharedMemory::unlock() {
    if (d->holder.load(std::memory_order_relaxed) == nullptr) {
        d->error.explain(QStringLiteral("SharedMemory::unlock: it isn't locked; call lock() first"));
        return false;
    }
    d->holder.store(nullptr, std::memory_order_relaxed);  // while no other thread can have it
    return ok(d->segment.try_unlock()) || d->fail(LockError, QString::fromUtf8(last_error()));
}

SharedMemory::SharedMemoryError SharedMemory::error() const { return d->error.code(); }
QString SharedMemory::errorString() const { return d->error.text(); }

bool SharedMemory::ownerDied() const { return d->owner_died.load(std::memory_order_relaxed); }

bool SharedMemory::notify() {
    if (!isAttached()) {
        return d->fail(NotFound, not_attached("notify"));
    }
    const auto status = d->segment.try_notify();
    return ok(status) || d->fail(status);
}

void SharedMemory::connectNotify(const QMetaMethod& signal) {
    if (d->watcher == nullptr && d->segment &&
        signal == QMetaMethod::fromSignal(&SharedMemory::changed)) {
        d->watch();
    }
}

}  // namespace treenail::qt
