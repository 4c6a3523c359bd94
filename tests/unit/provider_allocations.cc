// In a file of its own, so that no compiler sees both halves of a pair of new and delete.

#include "provider_allocations.h"

#include <atomic>
#include <cstdlib>
#include <new>

static std::atomic<std::size_t> count{0};

std::size_t allocations() { return count; }

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define ALLOCATED_BY_SANITIZER
#endif
#endif

#ifdef ALLOCATED_BY_SANITIZER
// clang's sanitizers have operators of their own, and call this.
extern "C" void __sanitizer_malloc_hook(const volatile void*, std::size_t);
extern "C" void __sanitizer_malloc_hook(const volatile void*, std::size_t) { ++count; }
#else
void* operator new(std::size_t size) {
    ++count;
    if (void* memory = std::malloc(size)) return memory;
    throw std::bad_alloc();
}
void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
    ++count;
    return std::malloc(size);
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
#endif
