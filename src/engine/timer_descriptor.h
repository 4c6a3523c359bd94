#pragma once

#include "base/time.h"
#include "engine/descriptor.h"

namespace weir {

// A descriptor that is readable from the time that it is set to.
class TimerDescriptor {
public:
    TimerDescriptor();  // throws Failure (WEIR_ERR_IO)

    int fd() const { return descriptor_.get(); }
    void set(TimeNs at) noexcept;  // on the monotonic clock; kNever: not at all
    void clear() noexcept;         // it has fired
    void close_descriptors_only() noexcept { descriptor_.close(); }

private:
    Descriptor descriptor_;
    TimeNs at_ = kNever;
};

}  // namespace weir
