/// Private to the binding: where a server's name leads, in Qt and in treenail.
#ifndef TREENAIL_QT_LOCAL_NAME_HPP
#define TREENAIL_QT_LOCAL_NAME_HPP

#include <QString>

#include <string>

namespace treenail::qt::detail {

/// What a treenail NAME can say is that name: shm:NAME. For all else treenail's socket lies beside
/// Qt's own: shm:/PATH.treenail.
class LocalName {
public:
    explicit LocalName(const QString& name);

    /// Qt's own socket.
    const QString& path() const noexcept { return path_; }

    std::string endpoint_to_connect() const;

    /// `mode` is that of the socket's file, and 0 the usual one; other users may come in where it
    /// lets them.
    std::string endpoint_to_listen(unsigned mode, int backlog) const;

private:
    QString path_;
    std::string address_;
    bool is_plain_ = false;
};

}  // namespace treenail::qt::detail

#endif
