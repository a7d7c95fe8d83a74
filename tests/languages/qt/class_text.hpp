/// What a class offers, read from its header: enough of C++ for Qt's headers and ours.
#ifndef TREENAIL_TESTS_QT_CLASS_TEXT_HPP
#define TREENAIL_TESTS_QT_CLASS_TEXT_HPP

#include <QFile>
#include <QRegularExpression>
#include <QSet>
#include <QStringList>
#include <QtGlobal>

/// A header without comments, preprocessor lines, and what this Qt's version leaves out. Nothing is
/// left out of Qt by QT_NO_…. Other conditions count as met, in all their branches.
inline QString text_for_this_qt(const QString& path) {
    QFile file(path);
    if (!file.open(QIODevice::ReadOnly)) {
        return QString();
    }
    auto text = QString::fromUtf8(file.readAll());
    text.remove(QRegularExpression("/\\*.*?\\*/", QRegularExpression::DotMatchesEverythingOption));
    text.remove(QRegularExpression("//[^\n]*"));
    text.replace("\\\n", " ");
    static const QRegularExpression version(
        "^#if QT_VERSION (>=|<) QT_VERSION_CHECK\\((\\d+), (\\d+), (\\d+)\\)");
    enum Branch { met, unmet, unknown };
    QList<Branch> branches;
    QStringList lines;
    for (const auto& line : text.split('\n')) {
        if (line.startsWith("#if")) {
            const auto match = version.match(line);
            const auto wanted = QT_VERSION_CHECK(match.captured(2).toInt(), match.captured(3).toInt(),
                                                 match.captured(4).toInt());
            const bool is_newer = QT_VERSION >= wanted;
            branches += line.startsWith("#ifndef QT_NO_") ? met
                        : line.startsWith("#ifdef QT_NO_") ? unmet
                        : !match.hasMatch() ? unknown
                        : is_newer == (match.captured(1) == ">=") ? met
                                                                  : unmet;
        } else if (line.startsWith("#else") && branches.last() != unknown) {
            branches.last() = branches.last() == met ? unmet : met;
        } else if (line.startsWith("#endif")) {
            branches.removeLast();
        } else if (!line.trimmed().startsWith('#') && !branches.contains(unmet)) {
            lines += line;
        }
    }
    return lines.join('\n');
}

/// What stands between the brackets of `class NAME … {`.
inline QString body_of(const QString& text, const QString& name) {
    const QRegularExpression head("class [A-Z_]*\\s*\\b" + name + "\\b[^;{]*\\{");
    const auto match = head.match(text);
    if (!match.hasMatch()) {
        return QString();
    }
    int depth = 1;
    const auto begin = match.capturedEnd();
    for (auto at = begin; at < text.size(); ++at) {
        depth += text[at] == '{' ? 1 : text[at] == '}' ? -1 : 0;
        if (depth == 0) {
            return text.mid(begin, at - begin);
        }
    }
    return QString();
}

/// A declaration in one form: no names of parameters, no spaces that mean nothing.
inline QString normal(QString declaration, const QString& class_name) {
    declaration.replace(QRegularExpression("\\b(treenail::qt::)?Q?" + class_name + "\\b"), "Self");
    declaration.remove(QRegularExpression("\\b(virtual|override|explicit|inline)\\b"));
    declaration.replace(QRegularExpression("\\bQ?LocalSocket\\b"), "LocalSocket");
    const auto open = declaration.indexOf('('), close = declaration.lastIndexOf(')');
    QStringList parameters;
    for (auto parameter : declaration.mid(open + 1, close - open - 1).split(',')) {
        const auto parts = parameter.split('=');
        auto type = parts[0].simplified();
        static const QRegularExpression named("^(.*[ *&>])([A-Za-z_]\\w*)$");
        const auto match = named.match(type);
        if (match.hasMatch() && match.captured(1).trimmed() != "const") {
            type = match.captured(1);
        }
        parameters += type.remove(' ') + (parts.size() > 1 ? "=" + parts[1].simplified() : "");
    }
    auto head = declaration.left(open).simplified();
    head.replace(QRegularExpression(" ?([*&]) ?"), "\\1 ");
    const bool is_const = declaration.mid(close).contains(QRegularExpression("\\bconst\\b"));
    return head + "(" + parameters.join(",") + ")" + (is_const ? " const" : "");
}

/// What a class has for its users and its subclasses: functions, signals, and enums' values.
inline QSet<QString> offers(const QString& header, const QString& class_name) {
    auto body = body_of(text_for_this_qt(header), class_name);
    QSet<QString> found;
    static const QRegularExpression enums("enum (class )?(\\w+)[^{;]*\\{([^}]*)\\};?");
    for (auto all = enums.globalMatch(body); all.hasNext();) {
        for (const auto& value : all.next().captured(3).split(',', Qt::SkipEmptyParts)) {
            const auto name = value.split('=')[0].simplified();
            if (!name.isEmpty()) {
                found += name;
            }
        }
    }
    body.remove(enums);
    static const QRegularExpression macros(
        "\\bQ(T)?_(OBJECT|DECLARE|DISABLE|PROPERTY|FLAG|ENUM|PRIVATE_SLOT|DEPRECATED)\\w*(\\s*"
        "(\\((?:[^()]|\\([^()]*\\))*\\)))?");
    body.remove(macros);
    static const QRegularExpression access(
        "\\b(public|protected|private|Q_SIGNALS|signals)( Q_SLOTS)?\\s*:(?!:)");
    auto section = QStringLiteral("private");
    int from = 0;
    const auto take = [&](const QString& text) {
        if (section == "private") {
            return;
        }
        for (const auto& declaration : text.split(';')) {
            const bool is_function = declaration.contains('(') &&
                                     !declaration.contains("friend") && !declaration.contains('~');
            if (is_function) {
                found += normal(declaration.section('{', 0, 0), class_name);
            }
        }
    };
    for (auto all = access.globalMatch(body); all.hasNext();) {
        const auto match = all.next();
        take(body.mid(from, match.capturedStart() - from));
        section = match.captured(1);
        from = static_cast<int>(match.capturedEnd());
    }
    take(body.mid(from));
    return found;
}

#endif
