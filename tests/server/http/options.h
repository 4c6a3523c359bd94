#pragma once

#include <cstdint>
#include <string>

#include "batch/batch_model.h"
#include "model/config.h"

namespace weir::model {

struct Options {
    Config config;
    std::string address = "127.0.0.1";
    std::uint16_t port = 0;  // 0: any that is free
    BatchBehaviour batches;
    std::string report_file;
    std::string tls_cert_file;
    std::string tls_key_file;

    bool tls() const { return !tls_cert_file.empty(); }
};

// Reads the command line. False if the program is to end now: help was wanted (and printed), or the
// command line makes no sense (and that was said); `exit_status` is then which.
bool read_options(int argc, char** argv, Options* options, int* exit_status);

}  // namespace weir::model
