#include "engine/fork_guard.h"

#include <pthread.h>
#include <sys/mman.h>
#include <unistd.h>

#include <mutex>
#include <new>

namespace weir {
namespace {

constinit std::atomic<std::uint32_t> forks{0};
constinit std::once_flag counting;

std::size_t page_size() { return static_cast<std::size_t>(::sysconf(_SC_PAGESIZE)); }

// A page that is zero in a forked child; NULL if the kernel has none.
void* wiped_page() {
#ifdef MADV_WIPEONFORK
    void* page =
        ::mmap(nullptr, page_size(), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED) return nullptr;
    // Some emulators accept any advice and follow none: one that accepts nonsense is not believed.
    constexpr int kNonsense = -1;
    if (::madvise(page, page_size(), kNonsense) != 0 &&
        ::madvise(page, page_size(), MADV_WIPEONFORK) == 0) {
        return page;
    }
    ::munmap(page, page_size());
#endif
    return nullptr;
}

}  // namespace

ForkGuard::ForkGuard(Method method) {
    if (method == Method::best) {
        if (void* page = wiped_page()) {
            page_word_ = new (page) std::atomic<std::uint32_t>(1);
            return;
        }
    }
    // The handler stays for as long as the process: the library is never unloaded.
    std::call_once(counting, [] {
        const auto count = [] { forks.fetch_add(1, std::memory_order_relaxed); };
        if (::pthread_atfork(nullptr, nullptr, count) != 0) throw std::bad_alloc();
    });
    forks_before_ = forks.load(std::memory_order_relaxed);
}

ForkGuard::~ForkGuard() {
    if (page_word_ != nullptr) ::munmap(page_word_, page_size());
}

bool ForkGuard::count_has_changed() const noexcept {
    return forks.load(std::memory_order_relaxed) != forks_before_;
}

}  // namespace weir
