#pragma once

#include <string>
#include <string_view>

#include "provider/outcome.h"

namespace weir {

class JsonParser;

// What is read of a Message, whole or from the events of a stream.
struct MessageFacts {
    Usage usage;
    std::string model;
    std::string stop_reason;
};

// The texts below are followed by kBodyPadding readable bytes. The functions return false if the
// text is not the whole JSON that it should be. A figure that is null, missing or makes no sense
// leaves what `facts` has; so the last value seen of each is kept.

// A Message, as an unstreamed answer has it: an object of type "message" with content and usage.
bool read_message(JsonParser* parser, std::string_view json, MessageFacts* facts);

// The same of any object: whatever of a Message is in it.
bool read_message_facts(JsonParser* parser, std::string_view json, MessageFacts* facts);

// What a call that counts tokens answers: an object with input_tokens.
bool read_token_count(JsonParser* parser, std::string_view json, MessageFacts* facts);

// The data of the events message_start, which holds a Message, and message_delta, whose usage is
// cumulative.
bool read_message_start(JsonParser* parser, std::string_view json, MessageFacts* facts);
bool read_message_delta(JsonParser* parser, std::string_view json, MessageFacts* facts);

// The type that the data of an event has, whatever the event is.
bool read_event_type(JsonParser* parser, std::string_view json, std::string* type);

// Whether the text is an object of JSON and nothing else.
bool is_json_object(JsonParser* parser, std::string_view json);

}  // namespace weir
