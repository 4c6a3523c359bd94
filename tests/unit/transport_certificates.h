#pragma once

#include <openssl/ssl.h>

#include <string>

namespace weir::testing {

// Two authorities, and server certificates that the first one signed: for localhost, and for
// another host. Made anew in a directory of their own, which goes away with them.
class Certificates {
public:
    Certificates();
    ~Certificates();
    Certificates(const Certificates&) = delete;
    Certificates& operator=(const Certificates&) = delete;

    // The second authority before the first, so that it takes more than the first certificate.
    std::string ca_file() const { return directory_ + "/both.pem"; }
    std::string other_ca_file() const { return directory_ + "/other-ca.pem"; }
    SSL_CTX* for_localhost() const { return localhost_; }
    SSL_CTX* for_other_host() const { return other_host_; }

private:
    std::string directory_;
    SSL_CTX* localhost_;
    SSL_CTX* other_host_;
};

}  // namespace weir::testing
