#pragma once

#include <atomic>
#include <cstdint>

namespace weir {

// Knows whether its process is a forked copy of the one that made it: by a page that the kernel
// wipes in the child, or where there is no such thing by a counter that fork() raises in the child.
// The question costs a load.
class ForkGuard {
public:
    enum class Method : std::uint8_t { best, counter };  // counter: for tests

    explicit ForkGuard(Method method = Method::best);  // throws std::bad_alloc
    ~ForkGuard();
    ForkGuard(const ForkGuard&) = delete;
    ForkGuard& operator=(const ForkGuard&) = delete;

    bool forked() const noexcept {
        return page_word_ != nullptr ? page_word_->load(std::memory_order_relaxed) == 0
                                     : count_has_changed();
    }

private:
    bool count_has_changed() const noexcept;

    std::atomic<std::uint32_t>* page_word_ = nullptr;
    std::uint32_t forks_before_ = 0;
};

}  // namespace weir
