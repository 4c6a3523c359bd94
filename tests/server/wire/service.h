#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/time.h"
#include "batch/batch_wire.h"
#include "model/model.h"
#include "model/report_json.h"
#include "wire/script.h"

namespace weir::model {

// A request as it came off the wire. The views live as long as the call.
struct WireRequest {
    std::string_view method;
    std::string_view target;
    std::string_view api_key;  // empty: there was none
    std::string_view version;  // anthropic-version
    std::string_view body;
};

// The model behind its HTTP interface, still without sockets: a request goes in, a script comes
// out.
class Service : private MarkerNames {
public:
    explicit Service(const Config& config, const BatchBehaviour& batches = {})
        : model_(config), batches_(batches, config.seed, config.unix_at_zero_ns) {}

    Script handle(const WireRequest& request, TimeNs now);
    Script too_large(TimeNs now);  // a body above kMaxBody, which nobody read
    // The client went away before the script ended.
    void abandon(RequestId running, TimeNs now) { model_.abandon(running, now); }
    std::string report(TimeNs now) { return report_json(&model_, this, now); }

    static constexpr std::size_t kMaxBody = 32U << 20U;
    static constexpr std::size_t kMaxBodyOfAll = BatchService::kMaxBody;
    static std::size_t max_body(std::string_view target) {
        return target.starts_with(BatchService::kPath) ? kMaxBodyOfAll : kMaxBody;
    }

private:
    Script messages(const WireRequest& request, TimeNs now);
    Script batches(const WireRequest& request, TimeNs now);
    Script count_tokens(const WireRequest& request, TimeNs now);
    Script change(const WireRequest& request, TimeNs now);
    bool check_caller(const WireRequest& request, TimeNs now, Script* refusal);
    Script refuse(const Decision& decision, TimeNs now);
    Script invalid(std::string_view problem, TimeNs now);
    Script error(int status, ErrorType type, std::string_view message, TimeNs now);

    std::string next_request_id();
    Headers common_headers(std::string_view request_id, int account, TimeNs now) const;
    std::uint64_t remember(const std::string& marker);
    std::string name_of(std::uint64_t marker) const override;

    Model model_;
    BatchService batches_;
    std::uint64_t requests_ = 0;
    std::unordered_map<std::uint64_t, std::string> marker_names_;
};

}  // namespace weir::model
