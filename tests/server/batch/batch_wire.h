#pragma once

#include <string>
#include <string_view>

#include "batch/batch_model.h"
#include "wire/script.h"

namespace weir::model {

// The batch endpoints: a request goes in, a script comes out.
class BatchService {
public:
    BatchService(const BatchBehaviour& behaviour, std::uint64_t seed, std::int64_t unix_at_zero_ns)
        : model_(behaviour, seed), unix_at_zero_ns_(unix_at_zero_ns) {}

    static constexpr std::string_view kPath = "/v1/messages/batches";
    static constexpr std::size_t kMaxBody = 256'000'000;
    static constexpr std::size_t kMaxRequests = 100'000;

    struct Call {
        std::string_view method;
        std::string_view path;   // from kPath on
        std::string_view query;  // without '?'
        std::string_view body;
        int account = 0;
        std::string request_id;
        Headers headers;  // that every answer has
    };
    Script handle(const Call& call, TimeNs now);
    std::string report() const { return model_.report(); }

private:
    Script create(const Call& call, TimeNs now);
    Script list(const Call& call, TimeNs now);
    Script results(const Call& call, const Batch& batch, TimeNs now);
    Script error(const Call& call, int status, ErrorType type, std::string_view message,
                 TimeNs now) const;
    std::string object(const Batch& batch, TimeNs now) const;
    std::string line(const BatchItem& item, bool cancelled) const;

    BatchModel model_;
    std::int64_t unix_at_zero_ns_;
};

}  // namespace weir::model
