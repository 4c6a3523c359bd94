#include "http/session_impl.h"

namespace weir::model {

void start_plain_session(boost::asio::ip::tcp::socket socket, const ServerContext& context) {
    using Plain = Session<boost::asio::ip::tcp::socket>;
    std::make_shared<Plain>(std::move(socket), context)->read_head();
}

}  // namespace weir::model
