#pragma once

#include "c_api/guard.h"
#include "engine/engine.h"

namespace weir {

// The engine behind a handle, in the process that opened it.
inline Engine& engine_of(weir_engine* handle) {
    Engine* engine = deref(handle).engine;
    if (engine->forked()) {
        throw Failure(WEIR_ERR_FORKED, ErrorSource::local,
                      "the engine belongs to the parent process: release it here, and open another "
                      "one after the fork");
    }
    return *engine;
}

}  // namespace weir
