/// Private to the binding: what a LocalSocket runs on where its peer knows nothing of treenail.
#ifndef TREENAIL_QT_QT_BACKEND_HPP
#define TREENAIL_QT_QT_BACKEND_HPP

#include <treenail/qt/local_backend.hpp>

#include <QLocalSocket>

namespace treenail::qt::detail {

/// A LocalSocket's backend over Qt's own QLocalSocket, whose signals become the LocalSocket's.
class QtBackend final : public Backend {
public:
    explicit QtBackend(LocalSocket& socket);

    void connectToServer(const QString& name, QIODevice::OpenMode openMode);
    bool setSocketDescriptor(qintptr descriptor, LocalSocket::LocalSocketState state,
                             QIODevice::OpenMode openMode);

    LocalSocket::LocalSocketState state() const override;
    LocalSocket::LocalSocketError error() const override;
    qintptr descriptor() const override { return qt_socket_->socketDescriptor(); }
    bool isValid() const override { return qt_socket_->isValid(); }
    void setReadBufferSize(qint64 size) override { qt_socket_->setReadBufferSize(size); }

    qint64 bytesAvailable() const override { return qt_socket_->bytesAvailable(); }
    qint64 bytesToWrite() const override { return qt_socket_->bytesToWrite(); }
    bool canReadLine() const override { return qt_socket_->canReadLine(); }
    qint64 read(char* data, qint64 maxSize) override { return qt_socket_->read(data, maxSize); }
    qint64 readLine(char* data, qint64 maxSize) override;
    qint64 skip(qint64 maxSize) override { return qt_socket_->skip(maxSize); }
    qint64 write(const char* data, qint64 size) override { return qt_socket_->write(data, size); }
    bool flush() override { return qt_socket_->flush(); }

    void disconnectFromServer() override { qt_socket_->disconnectFromServer(); }
    void close() override { qt_socket_->close(); }
    void abort() override { qt_socket_->abort(); }

    bool waitForConnected(int msecs) override { return qt_socket_->waitForConnected(msecs); }
    bool waitForReadyRead(int msecs) override { return qt_socket_->waitForReadyRead(msecs); }
    bool waitForBytesWritten(int msecs) override { return qt_socket_->waitForBytesWritten(msecs); }
    bool waitForDisconnected(int msecs) override { return qt_socket_->waitForDisconnected(msecs); }

private:
    void drop() override;
    void takeNames();

    /// A child, and on its own at the end: it may have to outlive its backend's last signal.
    QLocalSocket* qt_socket_;
};

}  // namespace treenail::qt::detail

#endif
