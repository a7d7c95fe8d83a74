/// Private to the binding: what a class of Qt's habits says of its last failure.
#ifndef TREENAIL_QT_LAST_ERROR_HPP
#define TREENAIL_QT_LAST_ERROR_HPP

#include <QString>

#include <atomic>
#include <mutex>

namespace treenail::qt::detail {

/// The last failure of an object: its code and text. It may be used from every thread. A call that
/// succeeds only looks at one word.
template <class Code>
class LastError {
public:
    void set(Code code, const QString& text) {
        const std::lock_guard<std::mutex> guard(mutex_);
        code_ = code;
        text_ = text;
        is_set_ = true;
    }
    void set(Code code, const char* text) { set(code, QString::fromUtf8(text)); }

    /// Sets the text of a failure for which Qt has no code; the code stays.
    void explain(const QString& text) { set(code(), text); }

    void clear() {
        if (is_set_.load(std::memory_order_relaxed)) {
            set(Code(), QString());
            is_set_ = false;
        }
    }

    Code code() const {
        const std::lock_guard<std::mutex> guard(mutex_);
        return code_;
    }
    QString text() const {
        const std::lock_guard<std::mutex> guard(mutex_);
        return text_;
    }

private:
    mutable std::mutex mutex_;
    Code code_ = Code();
    QString text_;
    std::atomic<bool> is_set_{false};
};

}  // namespace treenail::qt::detail

#endif
