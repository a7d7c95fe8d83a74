/// SharedMemory: QSharedMemory over treenail.
///
/// SPDX-License-Identifier: MIT OR Apache-2.0
#ifndef TREENAIL_QT_SHARED_MEMORY_HPP
#define TREENAIL_QT_SHARED_MEMORY_HPP

#include <QObject>
#include <QString>

#include <memory>

namespace treenail::qt {

/// Memory with a name, and a lock that no death leaves behind, with the calls and habits of the
/// QSharedMemory of the Qt it is built with. A key that is a treenail NAME is the segment of that
/// name, for programs of every language. What differs is listed in docs/qt.md.
///
/// Threads. Many may use one object's data and lock, which excludes them from each other; the rest
/// is for one thread, which is the object's own where changed() is connected.
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
    /// NAME, or native:/NAME for what another program made with shm_open; options may follow.
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

    /// As lock(), but for so many milliseconds at most; -1 waits for ever. LockError: others have
    /// it still.
    bool lock(int timeout);

    /// Whether one died with the lock before this object got it last: the data may be half-written.
    bool ownerDied() const;

    /// Makes a change known: changed() comes everywhere, here too.
    bool notify();

Q_SIGNALS:
    /// Changes were made known, by notify() here, or in whatever language by whoever holds the
    /// segment; one signal may stand for several.
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
