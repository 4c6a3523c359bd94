#pragma once

#include <charconv>
#include <string>
#include <string_view>
#include <utility>

#include "base/time.h"
#include "engine/config.h"
#include "engine/failure.h"
#include "weir/weir.h"

namespace weir {

// Reading a configuration whose values were checked when they were set, so that they can be read
// without a second thought.
template <class T>
T number(const Config& config, std::string_view key) {
    const std::string_view text = config.value(key);
    T value{};
    std::from_chars(text.data(), text.data() + text.size(), value);
    return value;
}

inline TimeNs milliseconds(const Config& config, std::string_view key) {
    return number<TimeNs>(config, key) * kNsPerMs;
}

inline bool boolean(const Config& config, std::string_view key) {
    return config.value(key) == "true";
}

// Of values that do not go together.
[[noreturn]] inline void refuse_config(std::string message) {
    throw Failure(WEIR_ERR_INVALID_VALUE, ErrorSource::config, std::move(message));
}

}  // namespace weir
