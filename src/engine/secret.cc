#include "engine/secret.h"

#include <fmt/format.h>

#include <cstdlib>

#include "engine/failure.h"
#include "engine/file_text.h"
#include "weir/weir.h"

namespace weir {
namespace {

constexpr std::size_t kMaxFile = 65536;

std::string checked(std::string_view key, std::string value) {
    while (value.ends_with('\n') || value.ends_with('\r')) value.pop_back();
    if (value.empty()) {
        throw Failure(WEIR_ERR_INVALID_VALUE, ErrorSource::config,
                      fmt::format("{}: there is no key in it", key));
    }
    return checked_value(*find_row("account.any.key"), key, value);
}

}  // namespace

std::string account_key(const Config& config, std::string_view account) {
    const std::string base = fmt::format("account.{}.key", account);
    const std::string sources[] = {base, base + "_env", base + "_file"};
    const std::string* chosen = nullptr;
    for (const std::string& source : sources) {
        if (!config.is_set(source)) continue;
        if (chosen != nullptr) {
            throw Failure(WEIR_ERR_INVALID_VALUE, ErrorSource::config,
                          fmt::format("{} and {} are both set; set one", *chosen, source));
        }
        chosen = &source;
    }
    if (chosen == nullptr) {
        throw Failure(WEIR_ERR_INVALID_VALUE, ErrorSource::config,
                      fmt::format("account.{} has no key: set {}, {} or {}", account, sources[0],
                                  sources[1], sources[2]));
    }
    const std::string value(config.value(*chosen));
    if (chosen == &sources[0]) return value;
    if (chosen == &sources[2]) return checked(*chosen, read_file(*chosen, value, kMaxFile, "a key"));

    const char* variable = std::getenv(value.c_str());
    if (variable == nullptr) {
        throw Failure(WEIR_ERR_INVALID_VALUE, ErrorSource::config,
                      fmt::format("{}: the environment has no variable {}", *chosen, value));
    }
    return checked(*chosen, variable);
}

}  // namespace weir
