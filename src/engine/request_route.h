#pragma once

#include "core/body.h"
#include "engine/inbox.h"
#include "engine/request_builder.h"
#include "routing/route_settings.h"

namespace weir {

// Puts a submission that asks for a route at its first choice. What may go into a batch, which no
// permit may, gets its body in `rewritten`, which the submission points to from then on: a batch is
// of one model, and its bodies are kept in the journal as they are sent. Throws Failure for a route
// that is not there, or has no step for the request, and std::bad_alloc.
void choose_route(const RouteSettings& routes, const RequestBuilder& request,
                  Submission* submission, BodyRef* rewritten);

}  // namespace weir
