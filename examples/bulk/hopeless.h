#pragma once

#include "job.h"

/* Failures that are about every request of the run: the key is refused, the path is not there, the
 * server's certificate is not trusted. While nothing has succeeded they are held back. Where the
 * first HOPELESS_AT of them, or all, are alike, the run stops, and none is written as a result: all
 * is left for
 * --resume. */

#define HOPELESS_AT 20

/* Takes a failure: 1 if it is held back, 0 if it is to be written, -1 if a result that was held
 * back could not be written. */
int hopeless_take(struct job* job, const struct id* id, const weir_error* error);

/* Something has succeeded, or failed otherwise: writes what was held back. False: it could not be.
 */
int hopeless_release(struct job* job);

/* True if the run is to stop: `all_ended` says that no more failures come. */
int hopeless_is_sure(const struct job* job, int all_ended);

/* Says what to change. */
void hopeless_explain(struct job* job);

void hopeless_clear(struct job* job);
