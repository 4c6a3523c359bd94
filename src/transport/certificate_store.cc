#include "transport/certificate_store.h"

#include <curl/curl.h>
#include <fmt/format.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509_vfy.h>
#include <unistd.h>

#include <new>
#include <utility>

namespace weir {

namespace {

// Where the distributions keep their bundle; asked only if libcurl does not know one.
constexpr const char* kKnownBundles[] = {
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
};

bool is_readable(const char* path) { return access(path, R_OK) == 0; }

std::string first_certificate_as_pem(X509_STORE* store) {
    const STACK_OF(X509_OBJECT)* objects = X509_STORE_get0_objects(store);
    for (int i = 0; i < sk_X509_OBJECT_num(objects); ++i) {
        X509* certificate = X509_OBJECT_get0_X509(sk_X509_OBJECT_value(objects, i));
        if (certificate == nullptr) continue;
        const std::unique_ptr<BIO, int (*)(BIO*)> memory(BIO_new(BIO_s_mem()), &BIO_free);
        if (!memory || PEM_write_bio_X509(memory.get(), certificate) != 1) throw std::bad_alloc();
        char* text = nullptr;
        const long size = BIO_get_mem_data(memory.get(), &text);
        return std::string(text, static_cast<std::size_t>(size));
    }
    return {};
}

}  // namespace

std::string certificate_bundle(const std::string& ca_file) {
    if (!ca_file.empty()) return ca_file;
    const char* default_bundle = curl_version_info(CURLVERSION_NOW)->cainfo;
    if (default_bundle != nullptr && is_readable(default_bundle)) return default_bundle;
    for (const char* path : kKnownBundles) {
        if (is_readable(path)) return path;
    }
    return {};
}

bool CertificateStore::load(const std::string& ca_file, std::string* problem) {
    const std::string bundle = certificate_bundle(ca_file);
    if (bundle.empty()) {
        *problem = "no file of trusted certificates was found on this system";
        return false;
    }
    std::unique_ptr<X509_STORE, Free> store(X509_STORE_new());
    if (!store) throw std::bad_alloc();
    const bool read = X509_STORE_load_locations(store.get(), bundle.c_str(), nullptr) == 1;
    ERR_clear_error();
    std::string token = read ? first_certificate_as_pem(store.get()) : std::string();
    if (token.empty()) {
        *problem = fmt::format("no certificate can be read from {}", bundle);
        return false;
    }
    // As libcurl sets them for its own stores.
    X509_STORE_set_flags(store.get(), X509_V_FLAG_TRUSTED_FIRST | X509_V_FLAG_PARTIAL_CHAIN);
    store_ = std::move(store);
    token_certificate_ = std::move(token);
    return true;
}

}  // namespace weir
