#include "request.hpp"

#include "channel_state.hpp"

namespace treenail::qt {

bool Request::reply(const QByteArray& data) const {
    const auto shared = shared_.lock();
    return shared && shared->reply({request_.tag(), data, 0, request_}, connection_.lock());
}

}  // namespace treenail::qt
