#include "engine/config_json.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "engine/config_table.h"
#include "engine/failure.h"
#include "weir/weir.h"

namespace weir {
namespace {

constexpr std::size_t kMaxDepth = 16;
constexpr std::size_t kMaxKey = 1000;

[[noreturn]] void refuse(std::string message) {
    throw Failure(WEIR_ERR_INVALID_VALUE, ErrorSource::config, std::move(message));
}

// Flattens the events of nlohmann's parser. The text of a number is taken as it stands, so that no
// locale and no rounding gets at it.
class Flattener : public nlohmann::json_sax<nlohmann::json> {
public:
    using Set = std::function<void(std::string_view, JsonScalar, std::string_view)>;
    Flattener(std::string_view json, const Set& set) : json_(json), set_(set) {}

    bool start_object(std::size_t) override {
        if (find_row(path_) != nullptr) refuse(path_ + ": an object is not a value");
        if (lengths_.size() == kMaxDepth) refuse(path_ + ": the document is nested too deep");
        lengths_.push_back(path_.size());
        return true;
    }
    bool key(string_t& name) override {
        path_.resize(lengths_.back());
        if (path_.size() + name.size() > kMaxKey) refuse("a key is too long");
        if (!path_.empty()) path_ += '.';
        path_ += name;
        return true;
    }
    bool end_object() override {
        path_.resize(lengths_.back());
        lengths_.pop_back();
        return true;
    }

    bool string(string_t& value) override { return scalar(JsonScalar::string, value); }
    bool boolean(bool value) override {
        return scalar(JsonScalar::boolean, value ? "true" : "false");
    }
    bool number_integer(number_integer_t value) override {
        return scalar(JsonScalar::number, fmt::format("{}", value));
    }
    bool number_unsigned(number_unsigned_t value) override {
        return scalar(JsonScalar::number, fmt::format("{}", value));
    }
    bool number_float(number_float_t, const string_t& text) override {
        return scalar(JsonScalar::number, text);
    }

    bool null() override { refuse(path_ + ": null is not a value"); }
    bool binary(binary_t&) override { refuse(path_ + ": binary data is not a value"); }
    bool start_array(std::size_t) override { refuse(path_ + ": an array is not a value"); }
    bool end_array() override { return true; }

    // The parser's own message would quote the text, which may hold a secret.
    bool parse_error(std::size_t position, const std::string&,
                     const nlohmann::detail::exception&) override {
        const std::string_view before = json_.substr(0, position);
        refuse(fmt::format("the document is not JSON: line {}",
                           std::count(before.begin(), before.end(), '\n') + 1));
    }

private:
    bool scalar(JsonScalar kind, std::string_view value) {
        if (lengths_.empty()) refuse("the document is not a JSON object");
        if (!seen_.insert(path_).second) refuse(path_ + ": the key is there twice");
        set_(path_, kind, value);
        return true;
    }

    std::string_view json_;
    const Set& set_;
    std::string path_;
    std::vector<std::size_t> lengths_;  // of the path before each open object
    std::set<std::string> seen_;
};

}  // namespace

void read_config_json(
    std::string_view json,
    const std::function<void(std::string_view key, JsonScalar kind, std::string_view value)>& set) {
    Flattener flattener(json, set);
    nlohmann::json::sax_parse(json.begin(), json.end(), &flattener);
}

}  // namespace weir
