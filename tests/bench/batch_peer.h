#pragma once

#include <sys/types.h>

#include <cstddef>
#include <string>

namespace weir::bench {

// The batch endpoints as far as one batch needs them, in a child process whose memory and CPU are
// not ours: it takes a creation without keeping it, says at once that it has ended, and makes its
// results as they are read.
class BatchPeer {
public:
    // `requests`: what the batch will have; `result_bytes`: the size of each result's message.
    BatchPeer(std::size_t requests, std::size_t result_bytes);
    ~BatchPeer();
    BatchPeer(const BatchPeer&) = delete;
    BatchPeer& operator=(const BatchPeer&) = delete;

    const std::string& url() const { return url_; }

private:
    pid_t child_ = -1;
    std::string url_;
};

}  // namespace weir::bench
