#include <treenail/qt/local_name.hpp>

#include <QDir>
#include <QFile>

#include <algorithm>
#include <cstdio>

namespace treenail::qt::detail {

namespace {

constexpr std::size_t name_size_max = 64;
/// The backend copies what it receives before anybody looks at it; a second copy isn't needed.
constexpr const char* any_user = "peer_uid=any&views=direct";

bool is_plain(char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
}

bool is_name(const QByteArray& text) {
    return !text.isEmpty() && text.front() != '.' &&
           static_cast<std::size_t>(text.size()) <= name_size_max &&
           std::all_of(text.begin(), text.end(), is_plain);
}

/// A path as an endpoint has it: characters with another meaning there are written %XX.
std::string escaped(const QByteArray& path) {
    std::string text;
    for (const char c : path) {
        if (is_plain(c) || c == '/') {
            text += c;
        } else {
            char code[4];
            std::snprintf(code, sizeof code, "%%%02X", static_cast<unsigned char>(c));
            text += code;
        }
    }
    return text;
}

}  // namespace

LocalName::LocalName(const QString& name)
    : path_(name.startsWith(QLatin1Char('/')) ? name
                                              : QDir::tempPath() + QLatin1Char('/') + name) {
    const QByteArray encoded = QFile::encodeName(name);
    is_plain_ = is_name(encoded);
    address_ = "shm:" + (is_plain_ ? encoded.toStdString()
                                   : escaped(QFile::encodeName(path_)) + ".treenail");
}

std::string LocalName::endpoint_to_connect() const {
    // Qt's class doesn't check who listens at a path either.
    return is_plain_ ? address_ : address_ + "?" + any_user;
}

std::string LocalName::endpoint_to_listen(unsigned mode, int backlog) const {
    constexpr unsigned write_of_others = 0022;
    // Any number of channels may connect, as Qt has no limit either.
    std::string text = address_ + "?max_channels=1000000";
    text += "&backlog=" + std::to_string(std::clamp(backlog, 1, 65535));
    if (mode != 0) {
        char digits[8];
        std::snprintf(digits, sizeof digits, "%04o", mode);
        text += std::string("&mode=") + digits;
    }
    if ((mode & write_of_others) != 0) {
        text += std::string("&") + any_user;
    }
    return text;
}

}  // namespace treenail::qt::detail
