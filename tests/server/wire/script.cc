#include "wire/script.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

namespace weir::model {

namespace {

// A reset destroys what the client has not read yet; so it comes a little after the bytes.
constexpr TimeNs kBeforeReset = 20 * kNsPerMs;
// A delta is sent so often, but no stream is cut into more than so many.
constexpr TimeNs kDeltaEvery = 50 * kNsPerMs;
constexpr std::int64_t kMostDeltas = 200;
constexpr TimeNs kPingEvery = kNsPerS;

std::string_view reason_of(int status) {
    switch (status) {
        case 200:
            return "OK";
        case 400:
            return "Bad Request";
        case 401:
            return "Unauthorized";
        case 403:
            return "Forbidden";
        case 404:
            return "Not Found";
        case 405:
            return "Method Not Allowed";
        case 413:
            return "Payload Too Large";
        case 429:
            return "Too Many Requests";
        case 500:
            return "Internal Server Error";
        case 502:
            return "Bad Gateway";
        case 503:
            return "Service Unavailable";
        case 504:
            return "Gateway Timeout";
        default:
            return "Overloaded";
    }
}

std::string chunk(std::string_view bytes) {
    if (bytes.empty()) return {};
    return fmt::format("{:x}\r\n{}\r\n", bytes.size(), bytes);
}

constexpr std::string_view kLastChunk = "0\r\n\r\n";
constexpr std::string_view kNotJson = "upstream connect error or disconnect/reset before headers";
constexpr std::string_view kWrongJson = R"({"ok":true,"data":[1,2,3]})";

std::string body_of(const Decision& decision, const Answer& answer) {
    if (decision.fault == FaultKind::garbage_not_json) return std::string(kNotJson);
    if (decision.fault == FaultKind::garbage_wrong_json) return std::string(kWrongJson);
    return answer.message();
}

Script whole_script(const Decision& decision, const Answer& answer, const Headers& headers) {
    const std::string body = body_of(decision, answer);
    const std::string head =
        response_head(200, headers, "application/json", static_cast<std::int64_t>(body.size()));
    const auto cut = static_cast<std::size_t>(static_cast<double>(body.size()) *
                                              std::clamp(decision.fault_at, 0.0, 1.0));
    const TimeNs at = decision.production_ends_at;
    Script script;
    switch (decision.fault) {
        case FaultKind::truncated_body:
            script.steps = {{at, head + body.substr(0, std::min(cut, body.size() - 1))}};
            script.end = Script::End::close;
            break;
        case FaultKind::reset_mid_body:
            script.steps = {{at, head + body.substr(0, std::min(cut, body.size() - 1))},
                            {at + kBeforeReset, ""}};
            script.end = Script::End::reset;
            break;
        case FaultKind::stall:
            script.steps = {{at, head + body.substr(0, cut)},
                            {decision.answer_ends_at, body.substr(cut)}};
            break;
        default:
            script.steps = {{decision.answer_ends_at, head + body}};
            break;
    }
    return script;
}

// Builds a stream's steps along its production.
class StreamScript {
public:
    StreamScript(const Decision& decision, const Answer& answer, const Headers& headers)
        : decision_(decision), answer_(answer) {
        add(decision.first_token_at, response_head(200, headers, "text/event-stream", -1));
        if (stalls() && decision.fault_at <= 0) stall(decision.first_token_at);
        append(answer.start());
    }

    Script build() {
        if (decision_.fault == FaultKind::stream_error_early) {
            append(Answer::error(ErrorType::overloaded, "Overloaded"));
            return finish();
        }
        if (decision_.fault == FaultKind::garbage_not_json ||
            decision_.fault == FaultKind::garbage_wrong_json) {
            const bool json = decision_.fault == FaultKind::garbage_wrong_json;
            append(fmt::format("event: content_block_delta\ndata: {}\n\n",
                               json ? kWrongJson : kNotJson));
            return finish();
        }
        add_deltas();
        return add_end();
    }

private:
    void add(TimeNs at, std::string bytes) { script_.steps.push_back({at, std::move(bytes)}); }
    void append(std::string_view event) { script_.steps.back().bytes += chunk(event); }

    Script finish() {
        script_.steps.back().bytes += kLastChunk;
        return std::move(script_);
    }

    bool stalls() const {
        return decision_.fault == FaultKind::stall || decision_.fault == FaultKind::stall_pings;
    }

    // What follows comes late.
    void stall(TimeNs at) {
        late_ = decision_.fault_lasts_ns;
        if (decision_.fault == FaultKind::stall_pings) add_pings(at, at + late_);
        add(at + late_, "");
    }

    void add_deltas() {
        const TimeNs lasts = decision_.production_ends_at - decision_.first_token_at;
        const std::int64_t deltas = std::clamp<std::int64_t>(lasts / kDeltaEvery, 1, kMostDeltas);
        const auto stall_from = static_cast<std::int64_t>(
            static_cast<double>(decision_.produced_tokens) * decision_.fault_at);
        TimeNs last_ping = decision_.first_token_at;
        std::int64_t sent = 0;
        for (std::int64_t i = 1; i <= deltas; ++i) {
            const std::int64_t until = decision_.produced_tokens * i / deltas;
            const TimeNs at = decision_.first_token_at + lasts / deltas * i;
            if (stalls() && late_ == 0 && until > stall_from) stall(at);
            add(at + late_, chunk(answer_.delta(sent, until)));
            if (at - last_ping >= kPingEvery * 5) {
                append(Answer::ping());
                last_ping = at;
            }
            sent = until;
        }
    }

    void add_pings(TimeNs from, TimeNs until) {
        for (TimeNs at = from; at < until; at += kPingEvery) add(at, chunk(Answer::ping()));
    }

    Script add_end() {
        switch (decision_.fault) {
            case FaultKind::reset_mid_body:
                add(script_.steps.back().at + kBeforeReset, "");
                script_.end = Script::End::reset;
                return std::move(script_);
            case FaultKind::truncated_body:
                script_.end = Script::End::close;
                return std::move(script_);
            case FaultKind::stream_error_late:
                append(Answer::error(ErrorType::overloaded, "Overloaded"));
                return finish();
            default:
                append(answer_.end(decision_.fault != FaultKind::stream_without_stop));
                return finish();
        }
    }

    const Decision& decision_;
    const Answer& answer_;
    Script script_;
    TimeNs late_ = 0;
};

}  // namespace

std::string response_head(int status, const Headers& headers, std::string_view content_type,
                          std::int64_t content_length) {
    std::string head = fmt::format("HTTP/1.1 {} {}\r\n", status, reason_of(status));
    for (const auto& [name, value] : headers) head += fmt::format("{}: {}\r\n", name, value);
    head += fmt::format("content-type: {}\r\n", content_type);
    if (content_length >= 0) {
        head += fmt::format("content-length: {}\r\n\r\n", content_length);
    } else {
        head += "cache-control: no-cache\r\ntransfer-encoding: chunked\r\n\r\n";
    }
    return head;
}

Script plain_script(int status, const Headers& headers, std::string_view content_type,
                    std::string_view body, TimeNs now) {
    Script script;
    std::string bytes =
        response_head(status, headers, content_type, static_cast<std::int64_t>(body.size()));
    bytes += body;
    script.steps.push_back({now, std::move(bytes)});
    return script;
}

Script answer_script(const Decision& decision, const Answer& answer, bool stream,
                     const Headers& headers) {
    if (decision.no_response()) return reset_script(decision.production_ends_at, decision.id);
    Script script = stream ? StreamScript(decision, answer, headers).build()
                           : whole_script(decision, answer, headers);
    script.running = decision.id;
    return script;
}

Script reset_script(TimeNs at, RequestId running) {
    Script script;
    script.steps.push_back({at, ""});
    script.end = Script::End::reset;
    script.running = running;
    return script;
}

}  // namespace weir::model
