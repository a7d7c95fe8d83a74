/// Private to the binding: what Qt's key of a segment or semaphore is called in treenail.
#ifndef TREENAIL_QT_OBJECT_NAME_HPP
#define TREENAIL_QT_OBJECT_NAME_HPP

#include <QString>

#include <string>

namespace treenail::qt::detail {

/// A key that is a treenail NAME is that name, so that a program in any language opens the same.
/// Any other key becomes what can be read of it and its hash. Empty for an empty key.
QString name_of_key(const QString& key);

/// A name, which may have options already, with one more.
std::string with_option(const QString& name, const char* option);

}  // namespace treenail::qt::detail

#endif
