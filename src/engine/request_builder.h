#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "core/body.h"
#include "engine/inbox.h"
#include "weir/weir.h"

namespace weir {

// What is behind a weir_request. The body is read and copied when it is set, so that a submit only
// takes a reference. What throws, throws Failure or std::bad_alloc, and changes nothing.
class RequestBuilder {
public:
    void set_body(std::string_view body);
    void set_priority(std::int32_t priority);
    void set_user_data(std::uint64_t user_data) { user_data_ = user_data; }
    void set_tag(std::uint64_t tag) { tag_ = tag; }
    void set_deadline_ms(std::int64_t deadline_ms);
    // The keys are weir_request_set's. An empty value takes the setting back.
    void set(std::string_view key, std::string_view value);

    Lane lane() const { return batch_.lane; }
    // What it asks for: the route's name, or "".
    std::string_view route() const;
    std::string_view complexity() const { return complexity_; }
    const RequestHead* head() const { return body_ ? &head_ : nullptr; }

    // Refuses a request without a body.
    Submission submission(TimeNs now, TimeNs default_deadline_ns) const;
    // For a permit. Refuses a request without a body and without a model, and the batch lane.
    Submission permit(TimeNs now, TimeNs default_deadline_ns, std::uint32_t default_lease_ms) const;

private:
    void set_header(std::string_view name, std::string_view value);
    void set_answer(std::string_view value);
    void set_lane(std::string_view value);
    void set_custom_id(std::string_view value);
    void set_fallback(std::string_view value);
    void set_model(std::string_view value);
    void set_max_tokens(std::string_view value);
    void set_lease(std::string_view value);
    Submission with_body(const BodyRef& body, TimeNs now, TimeNs default_deadline_ns) const;
    RequestHead read_head(std::string_view body);
    void rebuild(std::map<std::string, std::string> headers);
    static std::vector<std::string> header_lines(const std::map<std::string, std::string>& headers,
                                                 std::string_view betas);

    BodyRef body_;
    mutable BodyRef assembled_;                   // the same as it is sent with answer = whole
    RequestHead head_;                            // of body_
    std::string scratch_;                         // the body with the padding that its reader needs
    std::map<std::string, std::string> headers_;  // names in lower case
    std::string betas_;                           // the body's own, in a list with commas
    std::uint64_t user_data_ = 0;
    std::uint64_t tag_ = 0;
    TimeNs deadline_ns_ = 0;
    std::uint32_t input_tokens_ = 0;
    std::uint32_t output_tokens_ = 0;
    std::uint32_t max_tokens_ = 0;
    std::uint32_t lease_ms_ = 0;
    BodyRef model_;  // of a permit without a body
    BatchWish batch_{.lane = Lane::online};
    std::string route_;
    std::string complexity_;
    std::uint64_t tenant_ = 0;
    std::uint32_t affinity_ = 0;
    std::uint32_t prefix_ = 0;  // of body_: what stands for its affinity
    bool whole_answer_ = false;
    bool stream_restart_ = false;
    std::uint8_t priority_ = WEIR_PRIORITY_NORMAL;
    bool count_tokens_ = false;
};

}  // namespace weir
