#pragma once

#include <memory>
#include <string>

#include "http/options.h"

namespace weir::model {

// Listens, and serves until a signal ends it.
class Server {
public:
    explicit Server(const Options& options);  // throws if it cannot listen
    ~Server();

    std::string url() const;
    void run();            // returns after SIGTERM or SIGINT
    std::string report();  // what was seen so far

private:
    struct Parts;
    std::unique_ptr<Parts> parts_;
};

}  // namespace weir::model
