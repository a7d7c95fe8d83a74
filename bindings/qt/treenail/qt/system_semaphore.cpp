#include "system_semaphore.hpp"

#include "last_error.hpp"
#include "object_name.hpp"

#include <treenail.hpp>
#include <unistd.h>

#include <algorithm>
#include <map>
#include <mutex>
#include <utility>

namespace treenail::qt {

namespace {

SystemSemaphore::SystemSemaphoreError code_of(Status status) {
    switch (status) {
    case Status::not_found: return SystemSemaphore::NotFound;
    case Status::exists: return SystemSemaphore::AlreadyExists;
    case Status::denied: return SystemSemaphore::PermissionDenied;
    case Status::invalid: return SystemSemaphore::KeyError;
    case Status::no_space: return SystemSemaphore::OutOfResources;
    default: return SystemSemaphore::UnknownError;
    }
}

using Handle = std::shared_ptr<const Semaphore>;

/// The process' handle of a semaphore. As in Qt, one object may release what another has acquired,
/// and the process as a whole has the count of what comes back at its end. A forked child can't use
/// the objects of its parent; those that it makes are its own.
Result<Handle> handle_of(const QString& name, std::uint32_t initial) {
    static std::mutex mutex;
    // Never destroyed: a static object's semaphore may be asked for after this.
    static auto& handles = *new std::map<std::pair<pid_t, QString>, std::weak_ptr<const Semaphore>>;

    const std::lock_guard<std::mutex> guard(mutex);
    const std::pair key(getpid(), name);
    if (auto handle = handles[key].lock()) {
        return {Status::ok, std::move(handle)};
    }
    for (auto at = handles.begin(); at != handles.end();) {
        at = at->second.expired() ? handles.erase(at) : std::next(at);
    }
    auto opened = Semaphore::try_open_or_create(name.toStdString(), initial);
    if (!opened) {
        return opened.status();
    }
    const auto handle = std::make_shared<const Semaphore>(*std::move(opened));
    handles[key] = handle;
    return {Status::ok, handle};
}

/// Sets the units of a semaphore that exists, at one moment; others go on using it meanwhile. Units
/// that this takes out belong to nobody, so they never come back.
Status set_value(const QString& name, std::uint32_t wanted) {
    const auto opened = Semaphore::try_open_or_create(detail::with_option(name, "undo=0"), wanted);
    auto status = opened.status();
    while (ok(status)) {
        const auto value = opened->try_value();
        if (!value || *value == wanted) {
            return value.status();
        }
        if (*value < wanted) {
            return opened->try_release(wanted - *value);
        }
        status = opened->try_acquire(*value - wanted, now);
        if (status == Status::ok) {
            return status;
        }
        if (status == Status::again) {
            status = Status::ok;  // others were faster: look again
        }
    }
    return status;
}

}  // namespace

class SystemSemaphore::Private {
public:
    bool fail(Status status) {
        error.set(code_of(status), last_error());
        return false;
    }

    bool open(AccessMode mode) {
        if (handle) {
            return true;
        }
        if (key.isEmpty()) {
            error.set(KeyError, "SystemSemaphore: the key is empty; call setKey() first");
            return false;
        }
        const auto name = detail::name_of_key(key);
        const auto units = static_cast<std::uint32_t>(std::max(initial, 0));
        auto opened = handle_of(name, units);
        if (!opened) {
            return fail(opened.status());
        }
        if (mode == Create && initial >= 0) {
            const auto status = set_value(name, units);
            if (!ok(status)) {
                return fail(status);
            }
        }
        handle = *std::move(opened);
        return true;
    }

    bool succeed(Status status) {
        if (!ok(status)) {
            return fail(status);
        }
        error.clear();
        return true;
    }

    QString key;
    int initial = 0;
    Handle handle;
    detail::LastError<SystemSemaphoreError> error;
};

SystemSemaphore::SystemSemaphore(const QString& key, int initialValue, AccessMode mode)
    : d(new Private) {
    setKey(key, initialValue, mode);
}

SystemSemaphore::~SystemSemaphore() = default;

void SystemSemaphore::setKey(const QString& key, int initialValue, AccessMode mode) {
    if (key == d->key && mode == Open) {
        return;
    }
    d->error.clear();
    d->handle.reset();
    d->key = key;
    d->initial = initialValue;
    d->open(mode);
}

QString SystemSemaphore::key() const { return d->key; }

bool SystemSemaphore::acquire() {
    return d->open(Open) && d->succeed(d->handle->try_acquire(1, no_timeout));
}

bool SystemSemaphore::tryAcquire(int timeout) {
    if (!d->open(Open)) {
        return false;
    }
    const auto limit = Timeout::from_c(std::max<int>(timeout, TN_FOREVER));
    const auto status = d->handle->try_acquire(1, limit);
    if (status == Status::again || status == Status::timed_out) {
        d->error.set(NoError, last_error());
        return false;
    }
    return d->succeed(status);
}

bool SystemSemaphore::release(int n) {
    if (n == 0) {
        return true;
    }
    if (n < 0) {
        qWarning("SystemSemaphore::release: n is negative.");
        d->error.explain(QStringLiteral("SystemSemaphore::release: n is %1; release 1 or more").arg(n));
        return false;
    }
    return d->open(Open) && d->succeed(d->handle->try_release(static_cast<std::uint32_t>(n)));
}

SystemSemaphore::SystemSemaphoreError SystemSemaphore::error() const { return d->error.code(); }
QString SystemSemaphore::errorString() const { return d->error.text(); }

}  // namespace treenail::qt
