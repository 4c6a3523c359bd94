#pragma once

#include "job.h"

/* One command of `weir batch`. The exit status. */
int batch_command_run(struct job* job, const weir_config* config);
