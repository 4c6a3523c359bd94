// The body of a Messages request. What is accepted must be JSON to another parser too, and the head
// must be about the body.

#include "provider/request_head.h"

#include <string>

#include "fuzz_input.h"
#include "other_parser.h"
#include "provider/cacheable_prefix.h"
#include "provider/count_body.h"

namespace {

std::string count_body(std::string_view body, const weir::RequestHead& head) {
    weir::CountBody source;
    source.set(body, head.model_offset, head.model_length, "another");
    std::string out(source.size(), '\0');
    FUZZ_CHECK(source.read(out.data(), out.size()) == out.size());
    return out;
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view body = weir::fuzz::text_of(data, size);
    const std::string padded = std::string(body) + std::string(weir::kBodyPadding, '}');
    const std::string_view given(padded.data(), size);
    weir::RequestHead head;
    std::string problem;
    if (!weir::read_request_head(given, &head, &problem)) {
        FUZZ_CHECK(!problem.empty() && problem.size() < 200);
        return 0;
    }
    FUZZ_CHECK(weir::fuzz::is_json_elsewhere(body));
    FUZZ_CHECK(head.model_length > 0 && head.model_offset > 0);
    FUZZ_CHECK(std::size_t{head.model_offset} + head.model_length < size);
    FUZZ_CHECK(body[head.model_offset - 1] == '"');
    FUZZ_CHECK(body[head.model_offset + head.model_length] == '"');
    FUZZ_CHECK(head.messages > 0);
    FUZZ_CHECK(std::size_t{head.ascii_letters} + head.other_ascii + head.wide_chars <= 2 * size);
    // What walks over a body that was accepted relies on its being JSON.
    const std::uint32_t prefix = weir::cacheable_prefix(body);
    FUZZ_CHECK(prefix == 0 || body.find("cache_control") != std::string_view::npos);
    const std::string counted = count_body(body, head);
    FUZZ_CHECK(weir::fuzz::is_json_elsewhere(counted));
    const auto parsed = nlohmann::json::parse(body, nullptr, false);
    if (parsed.is_discarded()) return 0;  // what that parser refuses
    const auto count = nlohmann::json::parse(counted, nullptr, false);
    if (count.contains("messages")) FUZZ_CHECK(count["messages"] == parsed["messages"]);
    if (count.contains("model")) FUZZ_CHECK(count["model"] == "another");
    FUZZ_CHECK(parsed["model"] == body.substr(head.model_offset, head.model_length));
    FUZZ_CHECK(parsed["max_tokens"] == head.max_tokens);
    FUZZ_CHECK(parsed["messages"].size() == head.messages);
    return 0;
}
