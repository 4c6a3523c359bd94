#include "failing_malloc.h"

#include <errno.h>
#include <stdatomic.h>
#include <stddef.h>

void* __libc_malloc(size_t size);
void* __libc_calloc(size_t count, size_t size);
void* __libc_realloc(void* block, size_t size);
void* __libc_memalign(size_t alignment, size_t size);
void __libc_free(void* block);

void* malloc(size_t size);
void* calloc(size_t count, size_t size);
void* realloc(void* block, size_t size);
void* memalign(size_t alignment, size_t size);
void* aligned_alloc(size_t alignment, size_t size);
int posix_memalign(void** out, size_t alignment, size_t size);
void free(void* block);

static __thread int armed, and_all_after_armed;
static __thread long left, failures;
static atomic_long live;

void failing_malloc_arm(long skip, int and_all_after) {
    left = skip;
    failures = 0;
    and_all_after_armed = and_all_after;
    armed = 1;
}

long failing_malloc_disarm(void) {
    armed = 0;
    return failures;
}

long failing_malloc_live(void) { return atomic_load(&live); }

static int fails(void) {
    if (!armed || left-- > 0) return 0;
    if (failures > 0 && !and_all_after_armed) return 0; /* it was one before */
    ++failures;
    errno = ENOMEM;
    return 1;
}

static void* counted(void* block) {
    if (block != NULL) atomic_fetch_add(&live, 1);
    return block;
}

void* malloc(size_t size) { return fails() ? NULL : counted(__libc_malloc(size)); }

void* calloc(size_t count, size_t size) {
    return fails() ? NULL : counted(__libc_calloc(count, size));
}

void* memalign(size_t alignment, size_t size) {
    return fails() ? NULL : counted(__libc_memalign(alignment, size));
}

void* aligned_alloc(size_t alignment, size_t size) { return memalign(alignment, size); }

int posix_memalign(void** out, size_t alignment, size_t size) {
    void* block = memalign(alignment, size);
    if (block == NULL) return ENOMEM;
    *out = block;
    return 0;
}

void free(void* block) {
    if (block != NULL) atomic_fetch_sub(&live, 1);
    __libc_free(block);
}

void* realloc(void* block, size_t size) {
    if (block == NULL) return malloc(size);
    if (size == 0) {
        free(block);
        return NULL;
    }
    return fails() ? NULL : __libc_realloc(block, size);
}
