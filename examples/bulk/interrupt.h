#pragma once

/* Ctrl-C (SIGINT) and SIGTERM, counted. The third one ends the program at once. */

/* 0, or -1 with errno set. */
int interrupt_watch(void);

int interrupt_count(void);

/* Readable once a signal has come. */
int interrupt_fd(void);

/* True if one of them was SIGTERM. */
int interrupt_by_sigterm(void);
