#pragma once

#include <string>

#include "base/time.h"
#include "model/model.h"

namespace weir::model {

// What the model saw, as an indented JSON document. `markers` lists those executed more than once;
// `marker_name` gives a marker's text.
struct MarkerNames {
    virtual ~MarkerNames() = default;
    virtual std::string name_of(std::uint64_t marker) const = 0;
};
std::string report_json(Model* model, const MarkerNames* names, TimeNs now);

}  // namespace weir::model
