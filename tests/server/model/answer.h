#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "model/decision.h"
#include "model/messages_request.h"

namespace weir::model {

// The text of an answer and the JSON and server-sent events that carry it. About four bytes a
// token. It begins with '#', the hash of the question (FNV-1a, 64 bits, in hexadecimal), a blank
// and the question's first words: so a client can see that the answer belongs to the question.
class Answer {
public:
    Answer(const MessagesRequest& request, const Decision& decision);

    std::string message() const;  // not streamed

    // A stream is: start(), then delta() and ping() as wanted, then end().
    std::string start() const;
    std::string delta(std::int64_t from_tokens, std::int64_t to_tokens) const;
    static std::string ping();
    static std::string error(ErrorType type, std::string_view message);
    // Without `stop` it ends as it should, except that message_stop is missing.
    std::string end(bool stop) const;

private:
    std::size_t offset_of(std::int64_t tokens) const;

    std::string id_;
    std::string model_;
    std::string text_;
    std::string stop_reason_;
    std::int64_t input_tokens_;
    std::int64_t output_tokens_;
    std::int64_t produced_tokens_;
};

}  // namespace weir::model
