#pragma once

#include "engine/config.h"
#include "engine/model_classes.h"
#include "routing/route_settings.h"

namespace weir {

// The routes of a configuration, by name. Throws Failure.
RouteSettings route_settings(const Config& config);

// Gives the steps the classes of their models, and the models their classes: done alike wherever
// classes are made from the same settings, the classes have the same numbers.
void resolve_routes(RouteSettings* routes, ModelClasses* classes);

}  // namespace weir
