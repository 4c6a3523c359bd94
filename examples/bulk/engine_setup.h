#pragma once

#include <weir/weir.h>

#include "console.h"
#include "options.h"

/* The configuration that the command line, and the file that it names, ask for; the latter first.
 * NULL: what is wrong was said. */
weir_config* engine_setup_config(const struct options* options, struct console* console);
