#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace weir {

// Puts a Message together from the events of its stream, as an unstreamed answer would have it.
// Values are kept as they stand in the text: strings grow by what stands between the quotes, so
// that escapes, surrogates and numbers of any size pass byte for byte.
//
// What the provider may add later passes too: an unknown field of message_delta becomes the
// message's, an unknown kind of delta adds to the strings and arrays of its block and replaces what
// else it names. Unknown events have no place in a message and are left out.
class MessageAssembler {
public:
    void reset();

    // Takes an event whose data is a valid JSON object. False if it does not fit what came before:
    // the message cannot be put together.
    bool take(std::string_view name, std::string_view data);

    // The message as JSON. After message_stop.
    std::string finish();

private:
    // An object as its members, in their order: names and values as they stand in the text.
    class Object {
    public:
        void read(std::string_view json);
        std::string* find(std::string_view name);  // NULL: there is none
        void set(std::string_view name, std::string value);
        void append_to(std::string* json) const;

    private:
        std::vector<std::pair<std::string, std::string>> members_;
    };

    struct Block {
        Object object;
        std::string partial_json;  // of input_json_delta, as it stands between the quotes
    };

    bool start_message(std::string_view data);
    bool start_block(std::string_view data);
    bool take_delta(std::string_view data);
    void take_message_delta(std::string_view data);
    static void add_delta(std::string_view delta, Block* block);
    static void finish_input(Block* block);

    Object message_;
    Object usage_;
    std::map<std::uint32_t, Block> blocks_;
    bool started_ = false;
};

}  // namespace weir
