#include "object_name.hpp"

#include <QCryptographicHash>

#include <algorithm>

namespace treenail::qt::detail {

namespace {

constexpr int name_size_max = 64;
constexpr int hash_size = 40;

bool is_readable(QChar c) {
    return (c >= QLatin1Char('A') && c <= QLatin1Char('Z')) ||
           (c >= QLatin1Char('a') && c <= QLatin1Char('z')) ||
           (c >= QLatin1Char('0') && c <= QLatin1Char('9')) || c == QLatin1Char('_') ||
           c == QLatin1Char('-');
}

bool is_name(const QString& key) {
    return !key.startsWith(QLatin1Char('.')) && key.size() <= name_size_max &&
           std::all_of(key.begin(), key.end(),
                       [](QChar c) { return is_readable(c) || c == QLatin1Char('.'); });
}

}  // namespace

QString name_of_key(const QString& key) {
    if (is_name(key)) {
        return key;
    }
    QString name;
    std::copy_if(key.begin(), key.end(), std::back_inserter(name), is_readable);
    name.truncate(name_size_max - 1 - hash_size);
    const auto hash = QCryptographicHash::hash(key.toUtf8(), QCryptographicHash::Sha1).toHex();
    return (name.isEmpty() ? QStringLiteral("key") : name) + QLatin1Char('-') +
           QString::fromLatin1(hash);
}

std::string with_option(const QString& name, const char* option) {
    const char* separator = name.contains(QLatin1Char('?')) ? "&" : "?";
    return name.toStdString() + separator + option;
}

}  // namespace treenail::qt::detail
