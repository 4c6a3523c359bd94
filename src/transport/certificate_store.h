#pragma once

#include <openssl/x509.h>

#include <memory>
#include <string>

namespace weir {

// The trusted certificates, parsed once and shared by every TLS connection. Left to itself, libcurl
// parses the whole bundle again for each new connection.
class CertificateStore {
public:
    // Reads `ca_file`, or the system's bundle if that is empty. False if there is nothing that
    // could be trusted, and why.
    bool load(const std::string& ca_file, std::string* problem);

    bool loaded() const { return store_ != nullptr; }
    X509_STORE* get() const { return store_.get(); }

    // One of the certificates as PEM: what libcurl may parse for itself before the store takes the
    // place of the result.
    const std::string& token_certificate() const { return token_certificate_; }

private:
    struct Free {
        void operator()(X509_STORE* store) const { X509_STORE_free(store); }
    };
    std::unique_ptr<X509_STORE, Free> store_;
    std::string token_certificate_;
};

// The bundle that `ca_file` stands for: itself, or the system's if it is empty; empty if there is
// none.
std::string certificate_bundle(const std::string& ca_file);

}  // namespace weir
