/// Private to the binding: a genuine QLocalSocket, whose signals become those of the LocalSocket.
#ifndef TREENAIL_QT_GENUINE_BACKEND_HPP
#define TREENAIL_QT_GENUINE_BACKEND_HPP

#include <treenail/qt/local_backend.hpp>

#include <QLocalSocket>

namespace treenail::qt::detail {

class GenuineBackend final : public Backend {
public:
    explicit GenuineBackend(LocalSocket& socket);

    void connectToServer(const QString& name, QIODevice::OpenMode openMode);
    bool setSocketDescriptor(qintptr descriptor, LocalSocket::LocalSocketState state,
                             QIODevice::OpenMode openMode);

    LocalSocket::LocalSocketState state() const override;
    LocalSocket::LocalSocketError error() const override;
    qintptr descriptor() const override { return genuine_->socketDescriptor(); }
    bool isValid() const override { return genuine_->isValid(); }
    void setReadBufferSize(qint64 size) override { genuine_->setReadBufferSize(size); }

    qint64 bytesAvailable() const override { return genuine_->bytesAvailable(); }
    qint64 bytesToWrite() const override { return genuine_->bytesToWrite(); }
    bool canReadLine() const override { return genuine_->canReadLine(); }
    qint64 read(char* data, qint64 maxSize) override { return genuine_->read(data, maxSize); }
    qint64 readLine(char* data, qint64 maxSize) override;
    qint64 skip(qint64 maxSize) override { return genuine_->skip(maxSize); }
    qint64 write(const char* data, qint64 size) override { return genuine_->write(data, size); }
    bool flush() override { return genuine_->flush(); }

    void disconnectFromServer() override { genuine_->disconnectFromServer(); }
    void close() override { genuine_->close(); }
    void abort() override { genuine_->abort(); }

    bool waitForConnected(int msecs) override { return genuine_->waitForConnected(msecs); }
    bool waitForReadyRead(int msecs) override { return genuine_->waitForReadyRead(msecs); }
    bool waitForBytesWritten(int msecs) override { return genuine_->waitForBytesWritten(msecs); }
    bool waitForDisconnected(int msecs) override { return genuine_->waitForDisconnected(msecs); }

private:
    void drop() override;
    void takeNames();

    /// A child, and on its own at the end: it may have to outlive its backend's last signal.
    QLocalSocket* genuine_;
};

}  // namespace treenail::qt::detail

#endif
