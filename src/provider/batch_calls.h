#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "provider/error_body.h"
#include "provider/json_parser.h"
#include "provider/message_body.h"
#include "provider/outcome.h"

namespace weir {

// A batch as the provider describes it. Times are nanoseconds since 1970; 0 was not said.
struct BatchObject {
    enum class Status : std::uint8_t { in_progress, canceling, ended };

    std::string id;
    Status status = Status::in_progress;
    // Until the batch has ended, all its requests are counted as processing.
    std::int64_t processing = 0;
    std::int64_t succeeded = 0;
    std::int64_t errored = 0;
    std::int64_t canceled = 0;
    std::int64_t expired = 0;
    std::int64_t created_unix_ns = 0;
    std::int64_t expires_unix_ns = 0;
    std::int64_t ended_unix_ns = 0;
    bool archived = false;  // its results are gone

    std::int64_t total() const { return processing + succeeded + errored + canceled + expired; }
};

// A page of the listing, newest first.
struct BatchPage {
    std::vector<BatchObject> batches;
    bool has_more = false;
};

// One line of a batch's results. The views are into the line.
struct BatchResult {
    // other: the line has an answer, of a form that is not known.
    enum class Type : std::uint8_t { succeeded, errored, canceled, expired, other };

    std::string_view custom_id;  // as it stands between its quotes
    Type type = Type::succeeded;
    std::string_view message;                               // succeeded: the Message, as JSON
    std::string_view bytes;                                 // other: what stands for the answer
    MessageFacts facts;                                     // succeeded
    OutcomeClass error_class = OutcomeClass::server_error;  // errored
    ErrorBody error;                                        // errored
};

// The positions of requests that the refusal of a creation speaks of, as in
// "requests.7.params.max_tokens: Field required".
std::vector<std::uint32_t> refused_positions(std::string_view message);

// The texts below are followed by kBodyPadding readable bytes. The functions return false if a text
// is not the JSON that it should be.
bool read_batch(JsonParser* parser, std::string_view json, BatchObject* batch);
bool read_batch_page(JsonParser* parser, std::string_view json, BatchPage* page);
// Reads any line with a custom_id; `ended`: the line is whole, even if it is no JSON.
bool read_batch_result(JsonParser* parser, std::string_view line, bool ended, BatchResult* result);

}  // namespace weir
