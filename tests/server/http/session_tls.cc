#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>

#include "http/session_impl.h"

namespace weir::model {

void start_tls_session(boost::asio::ip::tcp::socket socket, const ServerContext& context) {
    using Stream = boost::asio::ssl::stream<boost::asio::ip::tcp::socket>;
    auto session =
        std::make_shared<Session<Stream>>(Stream(std::move(socket), *context.tls), context);
    session->stream().async_handshake(boost::asio::ssl::stream_base::server,
                                      [session](boost::system::error_code error) {
                                          if (!error) session->read_head();
                                      });
}

}  // namespace weir::model
