#pragma once

#include <weir/weir.h>

#include "job.h"

/* What is particular to a run over the batch lane. */

/* Prepares the builder, before the first line. */
void batches_begin(struct job* job);

/* Takes in what the journal holds, before anything else is done. 0: it cannot be had. */
int batches_recover(struct job* job);

/* Names the request that is submitted next. */
void batches_name(struct job* job, const struct id* id);

/* Whether the line of this id is on its way already, by an earlier run. */
int batches_has(const struct job* job, const struct id* id);

/* Takes what only the batch lane says. False: the event is none of its. */
int batches_take_event(struct job* job, const weir_event* event);

/* The engine has logged an error. False: it waits for room on the journal's disk, in which it is
 * not to be left alone. */
int batches_take_error(struct job* job);

/* A terminal event: writes its result, unless the output has it, if the command is one that writes.
 * False: the output or the journal cannot be written. */
int batches_take_result(struct job* job, const weir_event* event);

/* Lets the journal forget what was written, once it is on the disk. False: it cannot be written. */
int batches_acknowledge(struct job* job);

/* No more lines come: what is collected is sent. */
void batches_no_more(struct job* job);

/* Whether the command of `weir batch` has come to its end. */
int batches_done(struct job* job);

/* The status of `weir batch`, on a terminal. */
void batches_show(struct job* job);

/* Leaves the engine in order: what was acknowledged is on the disk. */
void batches_end(struct job* job);
