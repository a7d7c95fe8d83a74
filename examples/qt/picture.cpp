// picture.cpp: windows that show one picture, which lies in shared memory.
//
//     cmake -B target/examples-qt -S examples/qt && cmake --build target/examples-qt
//     target/examples-qt/qt-picture album &
//     target/examples-qt/qt-picture album photo.png &
//     python3 examples/qt/picture.py album
//
// Drop a picture on any window, or type its path below: it appears in all of them at once. Any
// number of them may come and go; the picture lives as long as the last. picture.py makes a negative
// of it, where it is. The segment has, in the machine's byte order, 32 bits each:
//
//     0   width, at most 1920
//     4   height, at most 1080
//     8   format: 4, which is QImage::Format_RGB32
//    12   version: how many pictures there have been
//    16   the pixels, row by row: 0xFFRRGGBB
//
// Whoever changes it takes the lock, moves the version on, gives the lock back, and notifies.
#include <treenail/qt/shared_memory.hpp>

#include <QApplication>
#include <QDragEnterEvent>
#include <QImage>
#include <QLineEdit>
#include <QMimeData>
#include <QPainter>
#include <QTextStream>
#include <QTimer>
#include <QUrl>
#include <QVBoxLayout>

#include <cstring>

using treenail::qt::SharedMemory;

namespace {

constexpr int width_max = 1920, height_max = 1080;

struct Page {
    quint32 width, height, format, version;
    quint32 pixels[width_max * height_max];

    // The pixels where they are. What other programs write is not trusted to fit.
    QImage image() const {
        const bool is_sound = format == QImage::Format_RGB32 && width <= width_max &&
                              height <= height_max;
        return is_sound ? QImage(reinterpret_cast<const uchar*>(pixels), int(width), int(height),
                                 QImage::Format_RGB32)
                        : QImage();
    }
};

// Milliseconds that a window waits for the lock: a program that keeps it hangs no window.
constexpr int wait_to_paint = 50, wait_to_load = 1000;

}  // namespace

// Shows the picture.
class Canvas : public QWidget {
    Q_OBJECT

public:
    explicit Canvas(SharedMemory& memory) : memory_(memory) {
        setAttribute(Qt::WA_OpaquePaintEvent);
        connect(&memory_, &SharedMemory::changed, this, [this] { update(); });
    }

protected:
    void paintEvent(QPaintEvent*) override {
        // One that died with the lock has left some pixels old, no worse; so ownerDied() is no matter.
        if (!memory_.lock(wait_to_paint)) {
            QTimer::singleShot(wait_to_paint, this, [this] { update(); });
            return;  // what was painted last stays
        }
        {
            const auto image = static_cast<const Page*>(memory_.constData())->image();
            auto place = QRect(QPoint(), image.size().scaled(size().boundedTo(image.size()),
                                                             Qt::KeepAspectRatio));
            place.moveCenter(rect().center());
            QPainter painter(this);
            painter.fillRect(rect(), Qt::darkGray);
            painter.drawImage(place, image);
        }
        memory_.unlock();
    }

private:
    SharedMemory& memory_;
};

class Window : public QWidget {
    Q_OBJECT

public:
    explicit Window(const QString& name) : memory_(name), canvas_(memory_) {
        setWindowTitle(name);
        setAcceptDrops(true);
        auto* layout = new QVBoxLayout(this);
        layout->addWidget(&canvas_, 1);
        layout->addWidget(&input_);
        input_.setPlaceholderText(tr("Drop a picture above, or type its path"));
        connect(&input_, &QLineEdit::returnPressed, this, [this] {
            load(input_.text());
            input_.clear();
        });
        resize(400, 300);
    }

    // What stands in the way, or nothing. Whoever comes first makes it; who comes next finds it.
    QString open() {
        const bool is_open = memory_.attach() || memory_.create(sizeof(Page)) ||
                             (memory_.error() == SharedMemory::AlreadyExists && memory_.attach());
        if (!is_open) {
            return memory_.errorString();
        }
        return memory_.size() == sizeof(Page) ? QString() : tr("it is no picture");
    }

    void load(const QString& path) {
        auto image = QImage(path);
        if (image.isNull()) {
            input_.setPlaceholderText(tr("No picture: %1").arg(path));
            return;
        }
        if (image.width() > width_max || image.height() > height_max) {
            image = image.scaled(width_max, height_max, Qt::KeepAspectRatio, Qt::SmoothTransformation);
        }
        image = image.convertToFormat(QImage::Format_RGB32);
        if (!memory_.lock(wait_to_load)) {
            input_.setPlaceholderText(memory_.errorString());
            return;
        }
        auto& page = *static_cast<Page*>(memory_.data());
        page.width = quint32(image.width());
        page.height = quint32(image.height());
        page.format = QImage::Format_RGB32;
        std::memcpy(page.pixels, image.constBits(), std::size_t(image.sizeInBytes()));
        page.version += 1;
        memory_.unlock();
        memory_.notify();
    }

protected:
    void dragEnterEvent(QDragEnterEvent* event) override {
        if (event->mimeData()->hasUrls()) {
            event->acceptProposedAction();
        }
    }
    void dropEvent(QDropEvent* event) override {
        load(event->mimeData()->urls().value(0).toLocalFile());
    }

private:
    SharedMemory memory_;
    Canvas canvas_;
    QLineEdit input_;
};

int main(int argc, char** argv) {
    QApplication app(argc, argv);
    const auto arguments = app.arguments();
    if (arguments.size() != 2 && arguments.size() != 3) {
        QTextStream(stderr) << "usage: qt-picture NAME [FILE]\n";
        return 2;
    }
    Window window(arguments[1]);
    const auto obstacle = window.open();
    if (!obstacle.isEmpty()) {
        QTextStream(stderr) << "qt-picture: " << arguments[1] << ": " << obstacle << '\n';
        return 1;
    }
    if (arguments.size() == 3) {
        window.load(arguments[2]);
    }
    window.show();
    return app.exec();
}

#include "picture.moc"
