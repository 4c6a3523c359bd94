#pragma once

#include <weir/weir.h>

#include "console.h"
#include "options.h"

/* Prints what a job needs, without sending anything. Gives the exit status. */
int plan_print(const struct options* options, const weir_config* config, struct console* console);
