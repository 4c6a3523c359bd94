#include "http/options.h"

#include <charconv>
#include <cstdio>
#include <fstream>
#include <functional>
#include <sstream>
#include <string_view>
#include <utility>
#include <vector>

#include "model/config_json.h"

namespace weir::model {

namespace {

constexpr const char* kHelp =
    R"(weir-model-server: a model of the Messages API on a local port

  --port N             port, 0 (default) for any; "listening on URL" is printed when ready
  --address A          address to listen on (127.0.0.1)
  --config FILE        JSON; the options that follow it change what it says
  --limits LIST        of every class: rpm=600,itpm=400000,otpm=80000,tpd=0 (0: none)
  --depth-s S          a bucket holds this many seconds of its refill (60)
  --initial-fill F     share of it that is there at the start (1)
  --accounting KIND    of output: produced or reserved
  --headers FAMILY     anthropic, x_ratelimit_date, x_ratelimit_duration, ietf or none
  --retry-after STYLE  right, missing, too_short, too_long, http_date, milliseconds, ...
  --key KEY            one more key of the first account (test-key, if there is no other)
  --fault LIST         kind=overloaded,probability=0.04,retry_after_s=1; may be repeated
  --batch LIST         of the batch endpoints: ends_s=2,errored=0.02,expired=0.03,
                       overloaded_every=7,lost_creations=1,cut_downloads=1, ...
  --output MEDIAN[:SIGMA]  output tokens (250:0.7)
  --first-token-s S    time to the first token (0.6)
  --tokens-per-s N     speed of generation, 0 for all at once (60)
  --instant            no latency at all
  --time-scale X       everything X times faster: latencies and the limits' minutes
  --seed N             of everything that is random (1)
  --report FILE        write what was seen to FILE at the end (SIGTERM or SIGINT)
  --tls-cert FILE --tls-key FILE   PEM; listen with TLS
)";

std::string read_file(const std::string& name) {
    std::ifstream in(name, std::ios::binary);
    if (!in) throw ConfigError(name + ": cannot be read");
    std::ostringstream text;
    text << in.rdbuf();
    return text.str();
}

template <typename Number>
Number number(std::string_view text) {
    Number value{};
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size()) {
        throw ConfigError("\"" + std::string(text) + "\" is not a number");
    }
    return value;
}

class Parser {
public:
    explicit Parser(Options* options) : options_(options), config_(options->config) {
        config_ = simple_config({1000, 2'000'000, 400'000, 0});
        config_.keys.clear();
    }

    void value_option(std::string_view name, const std::string& value);
    bool flag(std::string_view name);
    void finish();

private:
    template <typename Set>
    void each_class(Set&& set) {
        for (ModelClass& one : config_.classes) set(&one);
    }
    // A name of the configuration whose value is a name too.
    void set_named(const char* key, const std::string& value) {
        read_config("{\"" + std::string(key) + "\":\"" + value + "\"}", &config_);
    }
    void set_output(const std::string& value);
    bool generation_option(std::string_view name, const std::string& value);
    bool model_option(std::string_view name, const std::string& value);

    Options* options_;
    Config& config_;
    double time_scale_ = 1;
};

void Parser::set_output(const std::string& value) {
    const std::size_t colon = value.find(':');
    const double median = number<double>(std::string_view(value).substr(0, colon));
    const double sigma =
        colon == std::string::npos ? 0 : number<double>(std::string_view(value).substr(colon + 1));
    each_class([&](ModelClass* one) { one->generation.output_tokens = {median, sigma}; });
}

bool Parser::generation_option(std::string_view name, const std::string& value) {
    if (name == "--output") {
        set_output(value);
    } else if (name == "--first-token-s") {
        const auto seconds = number<double>(value);
        each_class([&](ModelClass* one) { one->generation.first_token_s = {seconds, 0}; });
    } else if (name == "--tokens-per-s") {
        const auto speed = number<double>(value);
        each_class([&](ModelClass* one) { one->generation.tokens_per_s = {speed, 0}; });
    } else if (name == "--time-scale") {
        time_scale_ = number<double>(value);
    } else {
        return false;
    }
    return true;
}

bool Parser::model_option(std::string_view name, const std::string& value) {
    if (name == "--limits") {
        const Limits limits = read_limits(value);
        each_class([&](ModelClass* one) { one->limits = limits; });
    } else if (name == "--depth-s") {
        const auto seconds = number<double>(value);
        each_class([&](ModelClass* one) { one->enforcement.depth_s = seconds; });
    } else if (name == "--initial-fill") {
        const auto fill = number<double>(value);
        each_class([&](ModelClass* one) { one->enforcement.initial_fill = fill; });
    } else if (name == "--accounting") {
        if (value != "produced" && value != "reserved") throw ConfigError(value + ": no such kind");
        const bool reserved = value == "reserved";
        each_class([&](ModelClass* one) {
            one->enforcement.output =
                reserved ? OutputAccounting::reserved : OutputAccounting::produced;
        });
    } else if (name == "--headers") {
        set_named("headers", value);
    } else if (name == "--retry-after") {
        set_named("retry_after", value);
    } else if (name == "--key") {
        config_.keys.push_back({value, 0, kNever});
    } else if (name == "--fault") {
        config_.faults.push_back(read_fault(value, config_));
    } else if (name == "--seed") {
        config_.seed = number<std::uint64_t>(value);
    } else {
        return false;
    }
    return true;
}

void Parser::value_option(std::string_view name, const std::string& value) {
    if (generation_option(name, value) || model_option(name, value)) return;
    if (name == "--port") {
        options_->port = number<std::uint16_t>(value);
    } else if (name == "--address") {
        options_->address = value;
    } else if (name == "--config") {
        read_config(read_file(value), &config_);
    } else if (name == "--batch") {
        options_->batches = read_batch_behaviour(value);
    } else if (name == "--report") {
        options_->report_file = value;
    } else if (name == "--tls-cert") {
        options_->tls_cert_file = value;
    } else if (name == "--tls-key") {
        options_->tls_key_file = value;
    } else {
        throw ConfigError("there is no such option");
    }
}

bool Parser::flag(std::string_view name) {
    if (name != "--instant") return false;
    each_class([](ModelClass* one) {
        one->generation.first_token_s = {0, 0};
        one->generation.tokens_per_s = {0, 0};
    });
    return true;
}

void Parser::finish() {
    if (config_.keys.empty()) config_.keys.push_back({"test-key", 0, kNever});
    if (config_.accounts.empty() || config_.classes.empty()) {
        throw ConfigError("an account and a class are needed");
    }
    if (!(time_scale_ > 0)) throw ConfigError("the time scale must be above zero");
    if (time_scale_ != 1) speed_up(time_scale_, &config_);
    if (options_->tls_cert_file.empty() != options_->tls_key_file.empty()) {
        throw ConfigError("TLS needs a certificate and a key");
    }
}

}  // namespace

bool read_options(int argc, char** argv, Options* options, int* exit_status) {
    constexpr int kUsage = 64;
    std::string at;
    try {
        Parser parser(options);
        for (int i = 1; i < argc; ++i) {
            at = argv[i];
            if (at == "--help") {
                std::fputs(kHelp, stdout);
                *exit_status = 0;
                return false;
            }
            if (parser.flag(at)) continue;
            if (i + 1 >= argc) throw ConfigError("a value is needed");
            parser.value_option(at, argv[++i]);
        }
        at = "options";
        parser.finish();
    } catch (const ConfigError& problem) {
        std::fprintf(stderr, "weir-model-server: %s: %s\n", at.c_str(), problem.what());
        *exit_status = kUsage;
        return false;
    }
    return true;
}

}  // namespace weir::model
