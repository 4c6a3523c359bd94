#pragma once

#include <mutex>
#include <utility>

#include "weir/weir.h"

namespace weir {

// The host's function to call when events begin to wait. It runs under the lock, so that once it
// has been replaced it is not running, and its data can be destroyed.
class WakeHook {
public:
    WakeHook() = default;
    ~WakeHook() { set(nullptr, nullptr, nullptr); }
    WakeHook(const WakeHook&) = delete;
    WakeHook& operator=(const WakeHook&) = delete;

    void set(weir_user_function function, void* user, weir_user_function destroy) noexcept {
        Hook old{function, user, destroy};
        {
            const std::lock_guard lock(mutex_);
            std::swap(old, hook_);
        }
        if (old.destroy != nullptr) old.destroy(old.user);
    }

    void call() noexcept {
        const std::lock_guard lock(mutex_);
        if (hook_.function != nullptr) hook_.function(hook_.user);
    }

private:
    struct Hook {
        weir_user_function function = nullptr;
        void* user = nullptr;
        weir_user_function destroy = nullptr;
    };
    std::mutex mutex_;
    Hook hook_;
};

}  // namespace weir
