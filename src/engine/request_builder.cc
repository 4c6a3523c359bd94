#include "engine/request_builder.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <utility>

#include "base/name_hash.h"
#include "engine/config_table.h"
#include "engine/failure.h"
#include "engine/request_headers.h"
#include "provider/cacheable_prefix.h"
#include "weir/weir.h"

namespace weir {
namespace {

// The provider's own bound on a Messages request is 32 MB; this is where a body stops making sense.
constexpr std::size_t kMaxBody = std::size_t{1} << 30;
constexpr std::size_t kMaxKeptScratch = std::size_t{1} << 18;
constexpr std::size_t kMaxCustomId = 4096;
constexpr std::size_t kMaxName = 256;
constexpr std::uint32_t kMaxLeaseMs = 86'400'000;
constexpr std::size_t kMaxHeaders = 32;
constexpr std::int64_t kMaxDeadlineMs = std::int64_t{10} * 365 * 24 * 3600 * 1000;

[[noreturn]] void refuse(std::string message) {
    throw Failure(WEIR_ERR_INVALID_VALUE, ErrorSource::local, std::move(message));
}

std::uint32_t token_count(std::string_view key, std::string_view value) {
    if (value.empty()) return 0;
    std::uint32_t count = 0;
    const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), count);
    if (error != std::errc() || end != value.data() + value.size() || count == 0 ||
        count > 1'000'000'000) {
        refuse(fmt::format("{}: not a number of tokens from 1 to 1000000000", key));
    }
    return count;
}

void check_name(std::string_view key, std::string_view name) {
    if (name.size() > kMaxName) refuse(fmt::format("{}: longer than {} bytes", key, kMaxName));
}

bool is_true(std::string_view key, std::string_view value) {
    if (value == "true") return true;
    if (value.empty() || value == "false") return false;
    refuse(fmt::format("{}: neither true nor false", key));
}

// The names of a body's "betas", which were checked when it was read.
std::string names_of_betas(std::string_view array) {
    std::string names;
    for (std::size_t at = array.find('"'); at != std::string_view::npos;) {
        const std::size_t end = array.find('"', at + 1);
        add_betas(array.substr(at + 1, end - at - 1), &names);
        at = array.find('"', end + 1);
    }
    return names;
}

std::string without(std::string_view body, RequestHead::Range range) {
    std::string rest(body.substr(0, range.begin));
    return rest.append(body.substr(range.end));
}

}  // namespace

void RequestBuilder::set_body(std::string_view body) {
    if (body.size() > kMaxBody) {
        throw Failure(WEIR_ERR_BAD_BODY, ErrorSource::local, "the body is above 1 GiB");
    }
    RequestHead head = read_head(body);
    std::string betas;
    std::string rest;
    if (head.betas_field.end != 0) {
        betas = names_of_betas(body.substr(head.betas.begin, head.betas.end - head.betas.begin));
        rest = without(body, head.betas_field);
        body = rest;
        head = read_head(body);
    }
    body_ = BodyRef(BodyBlock::make(body, head, header_lines(headers_, betas)));
    assembled_ = BodyRef();
    betas_ = std::move(betas);
    head_ = head;
    prefix_ = cacheable_prefix(body);
    if (scratch_.capacity() > kMaxKeptScratch) std::string().swap(scratch_);
}

// Throws Failure for what is not the body of a request.
RequestHead RequestBuilder::read_head(std::string_view body) {
    scratch_.clear();
    scratch_.reserve(body.size() + kBodyPadding);
    scratch_.append(body);
    scratch_.append(kBodyPadding, '\0');
    RequestHead head;
    std::string problem;
    if (!read_request_head({scratch_.data(), body.size()}, &head, &problem)) {
        throw Failure(WEIR_ERR_BAD_BODY, ErrorSource::local, std::move(problem));
    }
    return head;
}

void RequestBuilder::set_priority(std::int32_t priority) {
    if (priority < WEIR_PRIORITY_CRITICAL || priority > WEIR_PRIORITY_LOW) {
        throw Failure(WEIR_ERR_BAD_ARGUMENT, ErrorSource::local, "the priority is not one of four");
    }
    priority_ = static_cast<std::uint8_t>(priority);
}

void RequestBuilder::set_deadline_ms(std::int64_t deadline_ms) {
    if (deadline_ms < 0 || deadline_ms > kMaxDeadlineMs) {
        throw Failure(WEIR_ERR_BAD_ARGUMENT, ErrorSource::local,
                      "the deadline is negative, or more than ten years away");
    }
    deadline_ns_ = deadline_ms * kNsPerMs;
}

void RequestBuilder::set(std::string_view key, std::string_view value) {
    constexpr std::string_view kHeader = "header.";
    if (key == "input_tokens") {
        input_tokens_ = token_count(key, value);
    } else if (key == "output_tokens") {
        output_tokens_ = token_count(key, value);
    } else if (key == "tenant") {
        check_name(key, value);
        tenant_ = value.empty() ? 0 : name_hash_64(value);
    } else if (key == "affinity") {
        check_name(key, value);
        affinity_ = value.empty() ? 0 : name_hash(value);
    } else if (key == "route") {
        check_name(key, value);
        route_ = value;
    } else if (key == "complexity") {
        check_name(key, value);
        complexity_ = value;
        batch_.complexity = value;
    } else if (key == "model") {
        set_model(value);
    } else if (key == "max_tokens") {
        set_max_tokens(value);
    } else if (key == "lease_ms") {
        set_lease(value);
    } else if (key == "answer") {
        set_answer(value);
    } else if (key == "lane") {
        set_lane(value);
    } else if (key == "custom_id") {
        set_custom_id(value);
    } else if (key == "batch_fallback_ms") {
        set_fallback(value);
    } else if (key == "stream_restart") {
        stream_restart_ = is_true(key, value);
    } else if (key == "count_tokens") {
        count_tokens_ = is_true(key, value);
    } else if (key.starts_with(kHeader)) {
        set_header(key.substr(kHeader.size()), value);
    } else {
        throw Failure(
            WEIR_ERR_UNKNOWN_KEY, ErrorSource::local,
            fmt::format(
                "{}: there is no such key; there are input_tokens, output_tokens, "
                "tenant, affinity, route, complexity, answer, lane, custom_id, batch_fallback_ms, "
                "stream_restart, count_tokens, model, max_tokens, lease_ms and "
                "header.<name>",
                shown_text(key, 100)));
    }
}

std::string_view RequestBuilder::route() const {
    constexpr std::string_view kPrefix = "route:";
    if (!route_.empty() || !body_ || !body_->model().starts_with(kPrefix)) return route_;
    return body_->model().substr(kPrefix.size());
}

void RequestBuilder::set_answer(std::string_view value) {
    if (value == "whole") {
        whole_answer_ = true;
    } else if (value.empty() || value == "as_asked") {
        whole_answer_ = false;
    } else {
        refuse("answer: neither as_asked nor whole");
    }
}

void RequestBuilder::set_lane(std::string_view value) {
    if (value == "batch") {
        batch_.lane = Lane::batch;
    } else if (value == "auto") {
        batch_.lane = Lane::automatic;
    } else if (value.empty() || value == "online") {
        batch_.lane = Lane::online;
    } else {
        refuse("lane: not one of online, batch and auto");
    }
}

void RequestBuilder::set_custom_id(std::string_view value) {
    if (value.size() > kMaxCustomId) {
        refuse(fmt::format("custom_id: longer than {} bytes", kMaxCustomId));
    }
    batch_.custom_id = value;
}

void RequestBuilder::set_fallback(std::string_view value) {
    std::int64_t ms = 0;
    const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), ms);
    if (!value.empty() && (error != std::errc() || end != value.data() + value.size() || ms < 1 ||
                           ms > kMaxDeadlineMs)) {
        refuse("batch_fallback_ms: not a number of milliseconds");
    }
    batch_.fallback_ns = ms * kNsPerMs;
}

void RequestBuilder::set_model(std::string_view value) {
    const bool printable =
        std::all_of(value.begin(), value.end(), [](char c) { return c > 0x20 && c <= 0x7E; });
    if (value.size() > kMaxName || !printable) {
        refuse(fmt::format("model: not printable ASCII of at most {} bytes", kMaxName));
    }
    model_ = value.empty() ? BodyRef() : BodyRef(BodyBlock::make_model(value, max_tokens_));
}

// The models are few bytes: the block is made again.
void RequestBuilder::set_max_tokens(std::string_view value) {
    const std::uint32_t max_tokens = token_count("max_tokens", value);
    if (model_) model_ = BodyRef(BodyBlock::make_model(model_->model(), max_tokens));
    max_tokens_ = max_tokens;
}

void RequestBuilder::set_lease(std::string_view value) {
    std::uint32_t ms = 0;
    const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), ms);
    if (!value.empty() && (error != std::errc() || end != value.data() + value.size() || ms < 1 ||
                           ms > kMaxLeaseMs)) {
        refuse(fmt::format("lease_ms: not a number of milliseconds from 1 to {}", kMaxLeaseMs));
    }
    lease_ms_ = ms;
}

void RequestBuilder::set_header(std::string_view name, std::string_view value) {
    constexpr std::string_view kPrefix = "header.";
    std::string lower = checked_header_name(kPrefix, name);
    std::map<std::string, std::string> headers = headers_;
    if (value.empty()) {
        headers.erase(lower);
    } else {
        check_header_value(kPrefix, lower, value);
        headers.insert_or_assign(std::move(lower), std::string(value));
    }
    if (headers.size() > kMaxHeaders) refuse("header.: there are too many");
    rebuild(std::move(headers));
}

// The headers travel with the body, which may be shared with requests that were submitted before.
void RequestBuilder::rebuild(std::map<std::string, std::string> headers) {
    if (body_) {
        body_ = BodyRef(BodyBlock::make(body_->bytes(), head_, header_lines(headers, betas_)));
        assembled_ = BodyRef();
    }
    headers_.swap(headers);
}

std::vector<std::string> RequestBuilder::header_lines(
    const std::map<std::string, std::string>& headers, std::string_view betas) {
    std::vector<std::string> lines;
    for (const auto& [name, value] : headers) lines.push_back(name + ": " + value);
    if (betas.empty()) return lines;
    return merged_headers(lines, {fmt::format("anthropic-beta: {}", betas)});
}

Submission RequestBuilder::submission(TimeNs now, TimeNs default_deadline_ns) const {
    if (!body_) {
        throw Failure(WEIR_ERR_BAD_BODY, ErrorSource::local, "the request has no body");
    }
    // A batch is not streamed, and what may go either way has one body for both.
    if (!whole_answer_ || batch_.lane != Lane::online) {
        return with_body(body_, now, default_deadline_ns);
    }
    if (!assembled_) {
        assembled_ = BodyRef(BodyBlock::make_assembled(*body_.get(), head_.stream_value));
    }
    return with_body(assembled_, now, default_deadline_ns);
}

Submission RequestBuilder::permit(TimeNs now, TimeNs default_deadline_ns,
                                  std::uint32_t default_lease_ms) const {
    if (!body_ && !model_) {
        throw Failure(WEIR_ERR_BAD_BODY, ErrorSource::local,
                      "the request has no body: set the model that the permit is for");
    }
    if (batch_.lane != Lane::online) {
        throw Failure(WEIR_ERR_BAD_ARGUMENT, ErrorSource::local,
                      "lane: there are permits for the lane online alone");
    }
    Submission submission = with_body(body_ ? body_ : model_, now, default_deadline_ns);
    submission.lease_ms = lease_ms_ != 0 ? lease_ms_ : default_lease_ms;
    return submission;
}

Submission RequestBuilder::with_body(const BodyRef& body, TimeNs now,
                                     TimeNs default_deadline_ns) const {
    const TimeNs deadline_ns = deadline_ns_ != 0 ? deadline_ns_ : default_deadline_ns;
    return {.body = &body,
            .user_data = user_data_,
            .tag = tag_,
            .submitted_at = now,
            .deadline_at = deadline_ns == 0 ? kNever : later(now, deadline_ns),
            .input_tokens = input_tokens_,
            .output_tokens = output_tokens_,
            .tenant = tenant_,
            .affinity = affinity_ != 0 || !body_ ? affinity_ : prefix_,
            .priority = priority_,
            .stream_restart = stream_restart_,
            .batch = batch_.lane == Lane::online ? nullptr : &batch_,
            .count_tokens = count_tokens_ && input_tokens_ == 0};
}

}  // namespace weir
