/// Private to the binding: a stream of bytes over a treenail channel. What is written is gathered
/// and sent as messages, which the other side puts together again; where they begin means nothing.
#ifndef TREENAIL_QT_CHANNEL_BACKEND_HPP
#define TREENAIL_QT_CHANNEL_BACKEND_HPP

#include <treenail.hpp>
#include <treenail/qt/byte_queue.hpp>
#include <treenail/qt/local_backend.hpp>
#include <treenail/qt/watcher.hpp>

#include <QDeadlineTimer>

namespace treenail::qt::detail {

class ChannelBackend final : public Backend {
public:
    ChannelBackend(LocalSocket& socket, treenail::Channel channel);

    /// Somebody listens at the other end: that is a connection, though the server has yet to accept
    /// it. What is written until then waits in the socket.
    void connected(QIODevice::OpenMode openMode);
    /// The channel comes from a listener.
    void accepted();

    LocalSocket::LocalSocketState state() const override { return state_; }
    LocalSocket::LocalSocketError error() const override { return error_; }
    qintptr descriptor() const override;
    bool isValid() const override;
    void setReadBufferSize(qint64 size) override;

    qint64 bytesAvailable() const override;
    qint64 bytesToWrite() const override;
    bool canReadLine() const override { return line() != 0; }
    qint64 read(char* data, qint64 maxSize) override;
    qint64 readLine(char* data, qint64 maxSize) override;
    qint64 skip(qint64 maxSize) override;
    qint64 write(const char* data, qint64 size) override;
    bool flush() override;

    void disconnectFromServer() override;
    void close() override;
    void abort() override;

    bool waitForConnected(int msecs) override;
    bool waitForReadyRead(int msecs) override;
    bool waitForBytesWritten(int msecs) override;
    bool waitForDisconnected(int msecs) override;

protected:
    bool event(QEvent* event) override;

private:
    void drop() override;

    void ready();
    void hasRoom();
    void watch();
    void callBack();
    void postCallBack();
    /// Stops or goes on listening to the descriptors, as there is room in the read buffer, and
    /// something to send.
    void regulate();
    bool wantsRoom();
    int sendDescriptor() const;
    /// Waits for messages, and for room if something is to be sent; false when the time is over.
    bool waitForChannel(const QDeadlineTimer& deadline);

    Status receive(Timeout timeout);
    std::size_t room() const;
    bool isHolding() const { return held_taken_ < held_.size(); }
    std::size_t shown() const { return shows_held_ ? held_.size() - held_taken_ : 0; }
    std::size_t available() const { return received_.size() + shown(); }
    std::size_t line() const;
    void takeHeld(std::size_t size);
    void keepHeld();
    bool gotSome(std::size_t before);
    qint64 afterRead(std::size_t taken);

    std::size_t send(const char* data, std::size_t size, Timeout timeout);
    bool sendGathered(Timeout timeout = treenail::now);
    /// Sends what was gathered, unless there was no room, and says what was sent.
    bool push();
    Status flushChannel();
    bool isAllOut();
    /// What was sent, but for the rest of a message that is still in the channel.
    std::size_t written();

    void setState(LocalSocket::LocalSocketState state);
    void fail(LocalSocket::LocalSocketError error, const QString& text);
    bool timedOut();
    void lost(Status status);
    void finish();
    void closeInner();

    using MessageWatcher = Watcher<ChannelBackend, &ChannelBackend::ready>;
    using RoomWatcher = Watcher<ChannelBackend, &ChannelBackend::hasRoom>;

    treenail::Channel channel_;
    /// The last message, in place, and how much of it was taken. Without a limit to the read buffer
    /// it can be read from there; with one it is what there was no room for.
    View held_;
    std::size_t held_taken_ = 0;
    bool shows_held_ = false;
    ByteQueue received_;
    ByteQueue gathered_;
    /// Bytes that were sent, for which bytesWritten() is still to come.
    std::size_t unreported_ = 0;
    /// The most bytes of a message, as small as the other side wants it.
    std::size_t message_size_;
    /// 0: no limit.
    std::size_t read_buffer_size_ = 0;
    /// Children of this object, once its thread's event loop has been reached, and the second once
    /// something had to wait for room.
    MessageWatcher* watcher_ = nullptr;
    RoomWatcher* room_watcher_ = nullptr;

    LocalSocket::LocalSocketState state_ = LocalSocket::ConnectedState;
    LocalSocket::LocalSocketError error_ = LocalSocket::UnknownSocketError;
    /// The descriptor is readable for certain, as nothing was received in vain since it was.
    bool readable_ = true;
    /// There was no room for a message; the second descriptor tells when there is.
    bool choked_ = false;
    /// Nothing can be sent any more; a receiving call finds that too, behind what had arrived.
    bool sending_ended_ = false;
    bool calling_back_ = false;
    bool emitting_ready_read_ = false;
    bool emitting_bytes_written_ = false;
    /// Of the device that Qt's class has inside, which outlasts the connection.
    bool is_inner_open_ = true;
};

}  // namespace treenail::qt::detail

#endif
