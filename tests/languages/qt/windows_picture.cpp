// Two windows of qt-picture and a numpy program: whoever changes the picture, all windows show it,
// pixel for pixel.
#include "windows.hpp"

#include <treenail/qt/shared_memory.hpp>

#include <QLineEdit>
#include <QLinearGradient>
#include <QPainter>

class WindowsPictureTest : public QObject {
    Q_OBJECT

    const QRect left_{0, 0, 340, 300};
    const QRect right_{350, 0, 340, 300};
    const QString name_ = QStringLiteral("picture-%1").arg(QCoreApplication::applicationPid());
    const QTemporaryDir directory_;

    // Where one types a path.
    static QPoint input_of(const QRect& window) {
        return {window.center().x(), window.bottom() - 20};
    }

    // No two of its rows are alike, nor two pictures of different hues.
    static QImage painted(int hue) {
        QImage image(300, 220, QImage::Format_RGB32);
        QPainter painter(&image);
        QLinearGradient sky(0, 0, 0, 220);
        sky.setColorAt(0, QColor::fromHsv(hue, 200, 90));
        sky.setColorAt(1, QColor::fromHsv((hue + 60) % 360, 120, 255));
        painter.fillRect(image.rect(), sky);
        painter.setRenderHint(QPainter::Antialiasing);
        painter.setPen(Qt::NoPen);
        painter.setBrush(QColor::fromHsv((hue + 30) % 360, 60, 255));
        painter.drawEllipse(QPoint(200, 90), 40, 40);
        for (int wave = 0; wave < 6; ++wave) {
            painter.setBrush(QColor::fromHsv((hue + 200) % 360, 150, 200 - 25 * wave));
            painter.drawEllipse(QRect(-140 + 70 * wave, 140 + 12 * wave, 260, 140));
        }
        return image;
    }

    QString saved(const QImage& image, const QString& name) const {
        const auto path = directory_.filePath(name);
        if (!image.save(path)) {
            qFatal("%s can't be written", qPrintable(path));
        }
        return path;
    }

    Running window(const QRect& place, const QStringList& files = {}) const {
        return Running(QStringLiteral(WINDOW), placed(place) + QStringList{name_} + files,
                       directory_.path());
    }

    // One with numpy.
    Running python(const QStringList& arguments) const {
        return Running(qEnvironmentVariable("TREENAIL_PYTHON", QStringLiteral("python3")), arguments,
                       directory_.path());
    }

    // What an empty line says of itself, as such a window shows it, but for its cursor.
    static QImage as_placeholder(const QString& text) {
        QLineEdit line;
        line.setPlaceholderText(text);
        const auto width = line.fontMetrics().horizontalAdvance(text);
        line.resize(width + 50, line.sizeHint().height());
        return line.grab(QRect(12, 5, width - 12, line.height() - 10)).toImage()
            .convertToFormat(QImage::Format_RGB32);
    }

    bool both_show(const QImage& image) const {
        return is_in(image, screen(left_)) && is_in(image, screen(right_));
    }

private Q_SLOTS:
    // The windows were killed: what they left is replaced, and goes with that.
    void cleanup() { QVERIFY(treenail::qt::SharedMemory(name_).create(1)); }

    void a_picture_is_in_all_windows_at_once() {
        const auto first = painted(0), second = painted(200);
        const auto left = window(left_, {saved(first, "first.png")});
        EVENTUALLY(is_in(first, screen(left_)));
        const auto right = window(right_);
        EVENTUALLY(both_show(first));
        QVERIFY(!is_in(second, screen(left_)));  // it can tell

        type_at(input_of(right_), saved(second, "second.png"));
        EVENTUALLY(both_show(second));
        type_at(input_of(left_), directory_.filePath("first.png"));
        EVENTUALLY(both_show(first));

        keep_picture("qt-picture.png", left_ | right_);

        auto negative = first;
        negative.invertPixels(QImage::InvertRgb);
        const auto numpy = python({QStringLiteral(ROOT "/examples/qt/picture.py"), name_});
        EVENTUALLY(both_show(negative));
        EVENTUALLY(numpy.has_printed("300 x 220 pixels, version 4"));
    }

    void a_program_that_is_killed_with_the_lock_hangs_no_window() {
        const auto first = painted(40), second = painted(270);
        const auto left = window(left_, {saved(first, "first.png")});
        const auto right = window(right_);
        EVENTUALLY(both_show(first));
        auto holder = python({"-u", "-c",
                              "import sys, treenail\n"
                              "segment = treenail.Segment.open(sys.argv[1])\n"
                              "with segment.lock():\n"
                              "    print('locked')\n"
                              "    sys.stdin.read()\n",
                              name_});
        EVENTUALLY(holder.has_printed("locked"));
        type_at(input_of(left_), saved(second, "second.png"));  // the window gives it up, in time
        type_at(input_of(left_), QStringLiteral("missing"));
        EVENTUALLY(is_in(as_placeholder("No picture: missing"), screen(left_)));
        QVERIFY(both_show(first));
        holder.stop();
        type_at(input_of(right_), saved(second, "second.png"));
        EVENTUALLY(both_show(second));
    }
};

int main(int argc, char** argv) { return run_on_display<WindowsPictureTest>(argc, argv); }
#include "windows_picture.moc"
