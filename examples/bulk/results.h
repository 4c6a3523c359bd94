#pragma once

#include "job.h"

/* Writes and counts results. All of them give false when the output cannot be written, which they
 * have said. */

int results_of_event(struct job* job, const weir_event* event);

/* `type` is "canceled" or "expired". */
int results_unanswered(struct job* job, const struct id* id, const char* type);

int results_errored(struct job* job, const struct id* id, const weir_error* error);

int results_failed(struct job* job, const struct id* id, const char* type, const char* message,
                   const char* request_id);

/* A line whose params are no request. */
int results_invalid(struct job* job, const struct id* id, const char* problem);
