/* An allocator that fails on demand, for the calling thread alone. It replaces malloc and its kin
 * in the program that links it, and forwards to glibc's. */
#ifndef WEIR_TESTS_API_FAILING_MALLOC_H
#define WEIR_TESTS_API_FAILING_MALLOC_H

/* The thread's next allocation but `skip` fails: that one, or it and all that follow. */
void failing_malloc_arm(long skip, int and_all_after);

/* Ends it; gives the number of allocations that failed. */
long failing_malloc_disarm(void);

/* Blocks that are allocated now, by all threads. */
long failing_malloc_live(void);

#endif
