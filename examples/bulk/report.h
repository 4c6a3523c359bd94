#pragma once

#include "job.h"

/* What became of the run, on standard error. */
void report_print(struct job* job);
