#pragma once

#include "job.h"
#include "output_file.h"

/* Opens what a job works with, and says what is in the way. 0: it cannot be had. */

int open_input(struct job* job);
int open_output(struct job* job, enum output_mode mode);
int open_engine(struct job* job, const weir_config* config);

/* Closes what is open. */
void close_all(struct job* job);
