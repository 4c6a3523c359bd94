#include "failing_malloc.h"

#include <errno.h>
#include <link.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

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

/* libcurl's code, whose own allocations do not fail: 7.88 for one uses its table of sockets after a
 * failed insertion has freed a part of it. */
static uintptr_t spared_from, spared_to;

static int find_libcurl(struct dl_phdr_info* info, size_t size, void* unused) {
    int i;
    (void)size;
    (void)unused;
    if (strstr(info->dlpi_name, "/libcurl") == NULL) return 0;
    for (i = 0; i < info->dlpi_phnum; ++i) {
        const ElfW(Phdr)* segment = &info->dlpi_phdr[i];
        if (segment->p_type != PT_LOAD || (segment->p_flags & PF_X) == 0) continue;
        spared_from = info->dlpi_addr + segment->p_vaddr;
        spared_to = spared_from + segment->p_memsz;
    }
    return 1;
}

void failing_malloc_arm(long skip, int and_all_after) {
    if (spared_to == 0) dl_iterate_phdr(find_libcurl, NULL);
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

static int fails(const void* caller) {
    const uintptr_t from = (uintptr_t)caller;
    if (!armed || (from >= spared_from && from < spared_to) || left-- > 0) return 0;
    if (failures > 0 && !and_all_after_armed) return 0; /* it was one before */
    ++failures;
    errno = ENOMEM;
    return 1;
}

static void* counted(void* block) {
    if (block != NULL) atomic_fetch_add(&live, 1);
    return block;
}

void* malloc(size_t size) {
    return fails(__builtin_return_address(0)) ? NULL : counted(__libc_malloc(size));
}

void* calloc(size_t count, size_t size) {
    return fails(__builtin_return_address(0)) ? NULL : counted(__libc_calloc(count, size));
}

void* memalign(size_t alignment, size_t size) {
    return fails(__builtin_return_address(0)) ? NULL : counted(__libc_memalign(alignment, size));
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
    return fails(__builtin_return_address(0)) ? NULL : __libc_realloc(block, size);
}
