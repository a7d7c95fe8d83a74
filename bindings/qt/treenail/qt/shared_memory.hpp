/// SharedMemory: QSharedMemory over treenail.
///
/// SPDX-License-Identifier: MIT OR Apache-2.0
#ifndef TREENAIL_QT_SHARED_MEMORY_HPP
#define TREENAIL_QT_SHARED_MEMORY_HPP

#include <QObject>
#include <QString>

#include <memory>

namespace treenail::qt {

/// A named piece of shared memory with a lock, with the calls and behaviour of the QSharedMemory of
/// the Qt that it is built with. If the owner of the lock dies, the next one gets the lock. A key
/// that is a treenail NAME is the segment of that name, which programs in every language can open.
/// docs/qt.md lists what differs.
///
/// Threads. Any thread may use the object's data and lock, and the lock excludes threads from each
/// other. Everything else is for one thread. If changed() is connected, that is the object's own.
class SharedMemory : public QObject {
    Q_OBJECT

public:
    enum AccessMode { ReadOnly, ReadWrite };

    enum SharedMemoryError {
        NoError,
        PermissionDenied,
        InvalidSize,
        KeyError,
        AlreadyExists,
        NotFound,
        LockError,
        OutOfResources,
        UnknownError
    };

    SharedMemory(QObject* parent = nullptr);
    SharedMemory(const QString& key, QObject* parent = nullptr);
    ~SharedMemory() override;

    void setKey(const QString& key);
    QString key() const;
    /// Sets a NAME as the key, or native:/NAME for what another program made with shm_open. Options
    /// may follow.
    void setNativeKey(const QString& key);
    QString nativeKey() const;

#if QT_VERSION >= QT_VERSION_CHECK(6, 0, 0)
    bool create(qsizetype size, AccessMode mode = ReadWrite);
    qsizetype size() const;
#else
    bool create(int size, AccessMode mode = ReadWrite);
    int size() const;
#endif

    bool attach(AccessMode mode = ReadWrite);
    bool isAttached() const;
    bool detach();

    void* data();
    const void* constData() const;
    const void* data() const;

    bool lock();
    bool unlock();

    SharedMemoryError error() const;
    QString errorString() const;

    // ---- what Qt doesn't have ----

    /// Takes the lock, and waits at most this many milliseconds for it; -1 waits for ever.
    /// LockError: another still has the lock.
    bool lock(int timeout);

    /// Whether an owner of the lock had died before this object got the lock last: the data may be
    /// half-written.
    bool ownerDied() const;

    /// Announces a change: changed() comes in every program that has the segment, also in this one.
    bool notify();

Q_SIGNALS:
    /// Changes were announced, by notify() in this program, or by any program that has the segment.
    /// One signal may stand for several changes.
    void changed();

protected:
    void connectNotify(const QMetaMethod& signal) override;

private:
    Q_DISABLE_COPY(SharedMemory)

    class Private;
    std::unique_ptr<Private> d;
};

}  // namespace treenail::qt

#endif
