#pragma once

#include "job.h"

/* What became of the run, on standard error. */
void report_print(const struct job* job);
