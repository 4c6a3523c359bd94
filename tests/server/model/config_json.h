#pragma once

#include <stdexcept>
#include <string>
#include <string_view>

#include "model/config.h"
#include "model/model.h"

namespace weir::model {

// A document that makes no sense; the message names the place.
class ConfigError : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

// Reads a configuration; README.md lists the names. What it doesn't say stays as `config` has it.
void read_config(std::string_view json, Config* config);

// One fault rule, as "kind=overloaded,probability=0.04,retry_after_s=1".
FaultRule read_fault(std::string_view text, const Config& config);
// Limits, as "rpm=600,itpm=400000,otpm=80000,tpd=1000000".
Limits read_limits(std::string_view text);

// A change in flight: any of "limits" or "factor" (with "account" and "class"), "faults", "revoke"
// and "restore" (keys).
void apply_change(std::string_view json, Model* model, TimeNs now);

}  // namespace weir::model
