// A response of the batch endpoints: a byte that says what was asked for and how the exchange ends,
// then the body. The body is fed whole and in pieces, which must come to the same.

#include "provider/batch_reader.h"

#include <string>

#include "batch/wire_id.h"
#include "fuzz_input.h"
#include "other_parser.h"
#include "provider/json_parser.h"

namespace {

using weir::BatchObject;
using weir::BatchReader;
using weir::BatchResult;

constexpr std::size_t kMaxBytes = 4096;  // low, so that it is met

class Recorder : public BatchReader::Sink {
public:
    void on_result(const BatchResult& result) override {
        all.append(result.custom_id).append("|").append(1, kTypes[static_cast<int>(result.type)]);
        all.append("|").append(result.message).append("|").append(result.error.type);
        all.append("|").append(result.bytes).append("\n");
        FUZZ_CHECK(result.bytes.empty() == (result.type != BatchResult::Type::other));
        if (result.type == BatchResult::Type::succeeded) {
            FUZZ_CHECK(!result.message.empty() && result.message.front() == '{');
            FUZZ_CHECK(weir::fuzz::is_json_elsewhere(result.message));
        } else {
            FUZZ_CHECK(result.message.empty());
        }
        weir::WireId id;
        if (!weir::parse_wire_id(result.custom_id, "mark", &id)) return;
        std::string again;
        weir::append_wire_id("mark", id, &again);
        FUZZ_CHECK(again == result.custom_id);
    }
    std::string all;

private:
    static constexpr char kTypes[] = "secao";
};

struct Read {
    weir::Outcome outcome;
    weir::ErrorDetail detail;
    std::string results;
    std::string batches;
    std::uint64_t broken_lines = 0;
    bool too_large = false;
};

std::string text_of(const BatchObject& batch) {
    FUZZ_CHECK(batch.processing >= 0 && batch.succeeded >= 0 && batch.errored >= 0);
    FUZZ_CHECK(batch.canceled >= 0 && batch.expired >= 0 && batch.total() >= 0);
    std::string text = batch.id;
    for (const std::int64_t number :
         {static_cast<std::int64_t>(batch.status), batch.total(), batch.created_unix_ns,
          batch.expires_unix_ns, batch.ended_unix_ns, std::int64_t{batch.archived}}) {
        text.append(" ").append(std::to_string(number));
    }
    return text + "\n";
}

Read read(std::uint8_t control, std::string_view body, std::size_t piece) {
    static weir::JsonParser parser;
    Recorder recorder;
    BatchReader reader(&parser);
    reader.reset(static_cast<BatchReader::Kind>(control % 4), kMaxBytes, 0, &recorder);
    reader.on_status((control & 4) != 0 ? 404 : 200);
    reader.on_header("content-type", "application/json");
    reader.on_headers_end();
    Read result;
    while (!body.empty() && !result.too_large) {
        const std::string_view part = body.substr(0, piece);
        body.remove_prefix(part.size());
        result.too_large = !reader.on_body(part);
    }
    weir::WireEnd end;
    end.kind = static_cast<weir::WireEnd::Kind>((control >> 3) % 10);
    if (result.too_large) end.kind = weir::WireEnd::Kind::too_large;
    reader.finish(end, &result.outcome, &result.detail);
    result.results = recorder.all;
    result.broken_lines = reader.broken_lines();
    if (result.outcome.cls != weir::OutcomeClass::success) return result;
    if (static_cast<BatchReader::Kind>(control % 4) == BatchReader::Kind::batch) {
        result.batches = text_of(reader.batch());
    }
    for (const BatchObject& batch : reader.page().batches) result.batches += text_of(batch);
    return result;
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    std::string_view text = weir::fuzz::text_of(data, size);
    const auto control = static_cast<std::uint8_t>(text.empty() ? '\0' : text.front());
    if (!text.empty()) text.remove_prefix(1);
    const Read whole = read(control, text, std::string_view::npos);
    for (const std::size_t piece : {1u, 7u, 1000u}) {
        const Read pieces = read(control, text, piece);
        FUZZ_CHECK(pieces.too_large == whole.too_large);
        FUZZ_CHECK(pieces.outcome.cls == whole.outcome.cls);
        FUZZ_CHECK(pieces.batches == whole.batches);
        FUZZ_CHECK(pieces.results == whole.results);
        FUZZ_CHECK(pieces.broken_lines == whole.broken_lines);
    }
    return 0;
}
