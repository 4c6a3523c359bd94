#pragma once

#include <string_view>

namespace weir {

// Who takes an HTTP response from the transport as it arrives.
class ResponseTaker {
public:
    virtual ~ResponseTaker() = default;
    virtual void on_status(int http_status) = 0;  // again after a 1xx
    virtual void on_header(std::string_view name, std::string_view value) = 0;
    virtual void on_headers_end() = 0;
    // False if the response is larger than is allowed: the transport then ends with too_large.
    virtual bool on_body(std::string_view bytes) = 0;
    // True once nothing that may still come can change the answer: the end need not be waited for.
    virtual bool is_over() const { return false; }
    // True if the bytes so far held anything beyond pings since the last call: the watchdog's food.
    virtual bool take_progress() = 0;
};

}  // namespace weir
