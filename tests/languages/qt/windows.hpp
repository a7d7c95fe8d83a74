// What the tests of the example windows share: starting them on this display, typing into them with
// a keyboard as the X server sees it, and finding on the screen what they show.
#ifndef WINDOWS_HPP
#define WINDOWS_HPP

#include <QApplication>
#include <QGuiApplication>
#include <QImage>
#include <QLabel>
#include <QListWidget>
#include <QPixmap>
#include <QProcess>
#include <QScreen>
#include <QTemporaryDir>
#include <QtTest>

#include <algorithm>
#include <memory>

// The deadline of everything that is expected to happen; programs are started in it.
constexpr int soon = 20000;

#define EVENTUALLY(condition) QTRY_VERIFY_WITH_TIMEOUT(condition, soon)

// A program that ends with its object.
class Running {
public:
    Running(const QString& program, const QStringList& arguments, const QString& directory) {
        auto environment = QProcessEnvironment::systemEnvironment();
        environment.insert(QStringLiteral("TREENAIL_DIR"), directory);
        environment.insert(QStringLiteral("PYTHONPATH"), QStringLiteral(ROOT "/bindings/python"));
        environment.insert(QStringLiteral("PYTHONDONTWRITEBYTECODE"), QStringLiteral("1"));
        environment.insert(QStringLiteral("TREENAIL_LIBRARY"), QStringLiteral(TREENAIL_LIBRARY));
        process_.setProcessEnvironment(environment);
        process_.setProcessChannelMode(QProcess::ForwardedErrorChannel);
        process_.start(program, arguments);
        QObject::connect(&process_, &QProcess::readyRead, &process_,
                         [this] { output_ += process_.readAll(); });
    }
    ~Running() {
        process_.disconnect();
        stop();
    }

    void stop() {
        process_.kill();
        process_.waitForFinished(soon);
    }

    void write_line(const QByteArray& line) { process_.write(line + '\n'); }
    bool has_printed(const QByteArray& line) const {
        return ('\n' + output_).contains('\n' + line + '\n');
    }
    qint64 pid() const { return process_.processId(); }
    void end_input() { process_.closeWriteChannel(); }
    bool has_ended() const { return process_.state() == QProcess::NotRunning; }

private:
    QProcess process_;
    QByteArray output_;
};

// A window's place on the screen, which has no window manager.
inline QStringList placed(const QRect& place) {
    return {QStringLiteral("-style"), QStringLiteral("fusion"), QStringLiteral("-qwindowgeometry"),
            QStringLiteral("%1x%2+%3+%4").arg(place.width()).arg(place.height()).arg(place.x())
                .arg(place.y())};
}

inline QImage screen(const QRect& part = {}) {
    const auto whole = QGuiApplication::primaryScreen()->grabWindow(0).toImage();
    return (part.isNull() ? whole : whole.copy(part)).convertToFormat(QImage::Format_RGB32);
}

// Whether two pixels look the same: Qt 5 puts a glyph a fraction of a pixel elsewhere now and then.
inline bool is_like(QRgb one, QRgb other) {
    constexpr int most = 8;
    return qAbs(qRed(one) - qRed(other)) <= most && qAbs(qGreen(one) - qGreen(other)) <= most &&
           qAbs(qBlue(one) - qBlue(other)) <= most;
}

// Whether the pixels of `needle` are anywhere in `image`. The rows in the middle are compared
// first: those at the edges of a text are empty, as most of a window is.
inline bool is_in(const QImage& needle, const QImage& image) {
    const auto line_at = [](const QImage& of, int x, int y) {
        return reinterpret_cast<const QRgb*>(of.constScanLine(y)) + x;
    };
    const auto height = needle.height();
    const auto is_at = [&](int x, int y) {
        for (int i = 0; i < height; ++i) {
            const int row = (height / 2 + i) % height;
            const auto* wanted = line_at(needle, 0, row);
            if (!std::equal(wanted, wanted + needle.width(), line_at(image, x, y + row), is_like)) {
                return false;
            }
        }
        return true;
    };
    for (int y = 0; y + height <= image.height(); ++y) {
        for (int x = 0; x + needle.width() <= image.width(); ++x) {
            if (is_at(x, y)) {
                return true;
            }
        }
    }
    return false;
}

// A text as a list of such a window shows it.
inline QImage as_listed(const QString& text) {
    QListWidget list;
    list.resize(800, 100);
    list.addItem(text);
    const auto item = list.visualItemRect(list.item(0));
    const auto width = list.fontMetrics().horizontalAdvance(text);
    return list.viewport()->grab(QRect(item.topLeft(), QSize(width, item.height())))
        .toImage().convertToFormat(QImage::Format_RGB32);
}

// A text as a label of such a window shows it.
inline QImage as_labelled(const QString& text) {
    QLabel label(text);
    label.adjustSize();
    return label.grab().toImage().convertToFormat(QImage::Format_RGB32);
}

inline bool is_labelled(const QString& text, const QRect& window) {
    return is_in(as_labelled(text), screen(window));
}

inline bool is_listed(const QString& text, const QRect& window) {
    return is_in(as_listed(text), screen(window));
}

// Clicks at that place of the screen.
inline void click(const QPoint& place) {
    QCOMPARE(QProcess::execute(QStringLiteral("xdotool"),
                               {QStringLiteral("mousemove"), QString::number(place.x()),
                                QString::number(place.y()), QStringLiteral("click"),
                                QStringLiteral("1")}), 0);
}

// Clicks at that place, and types a line there.
inline void type_at(const QPoint& place, const QString& line) {
    click(place);
    QCOMPARE(QProcess::execute(QStringLiteral("xdotool"), {QStringLiteral("type"), line}), 0);
    QCOMPARE(QProcess::execute(QStringLiteral("xdotool"),
                               {QStringLiteral("key"), QStringLiteral("Return")}), 0);
}

// For the documents, where `cargo xtask screenshots` asks for it.
inline bool keeps_pictures() { return qEnvironmentVariableIsSet("TREENAIL_SCREENSHOTS"); }

inline void keep_picture(const QString& name, const QRect& part) {
    if (keeps_pictures()) {
        const auto directory = qEnvironmentVariable("TREENAIL_SCREENSHOTS");
        QVERIFY(screen(part).save(directory + QLatin1Char('/') + name, "PNG", 0));
    }
}

// Runs a test on the display that DISPLAY names, where the offscreen platform shows nothing.
template <class Test>
int run_on_display(int argc, char** argv) {
    if (qEnvironmentVariableIsEmpty("DISPLAY")) {
        qFatal("no DISPLAY: run this test by xvfb-run");
    }
    qputenv("QT_QPA_PLATFORM", "xcb");
    QApplication::setStyle(QStringLiteral("fusion"));
    QApplication app(argc, argv);
    Test test;
    return QTest::qExec(&test, argc, argv);
}

#endif
