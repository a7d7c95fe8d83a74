/// Everything builds where exceptions are off, and works there.

#include "ends.hpp"

#include <treenail/qt/local_server.hpp>
#include <treenail/qt/local_socket.hpp>
#include <treenail/qt/shared_memory.hpp>
#include <treenail/qt/system_semaphore.hpp>

#ifdef __cpp_exceptions
#error "this is to be compiled without exceptions"
#endif

class NoExceptionsTest : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void initTestCase_data() { over_each_transport(); }

    void requests_are_answered_and_given_up() {
        Ends ends;
        auto answered = ends.here.request(1, "question");
        QObject::connect(ends.there.get(), &treenail::qt::Channel::requestReceived, this,
                         [](const treenail::qt::Request& request) {
                             if (request.tag() == 1) {
                                 request.reply("answer");
                             }
                         });
        EVENTUALLY(answered.isFinished());
        QCOMPARE(answered.result(), QByteArray("answer"));
        auto unanswered = ends.here.request(2, "question", 1);
        EVENTUALLY(unanswered.isFinished());
        QVERIFY(unanswered.isCanceled());
        QCOMPARE(unanswered.resultCount(), 0);
    }
};

QTEST_GUILESS_MAIN(NoExceptionsTest)
#include "no_exceptions.moc"
