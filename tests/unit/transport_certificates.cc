#include "transport_certificates.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace weir::testing {

namespace {

void run(const std::string& directory, const std::string& command) {
    const std::string line = "cd '" + directory + "' && openssl " + command + " >openssl.log 2>&1";
    if (std::system(line.c_str()) != 0) std::abort();
}

void make_authority(const std::string& directory, const std::string& name) {
    run(directory, "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=" + name + " -keyout " +
                       name + ".key -out " + name + ".pem");
}

SSL_CTX* make_server(const std::string& directory, const std::string& host) {
    std::ofstream(directory + "/" + host + ".ext") << "subjectAltName=DNS:" << host << "\n";
    run(directory, "req -newkey rsa:2048 -nodes -subj /CN=" + host + " -keyout " + host +
                       ".key -out " + host + ".csr");
    run(directory, "x509 -req -days 2 -in " + host + ".csr -CA ca.pem -CAkey ca.key -set_serial 7" +
                       " -extfile " + host + ".ext -out " + host + ".pem");
    SSL_CTX* context = SSL_CTX_new(TLS_server_method());
    const std::string base = directory + "/" + host;
    if (SSL_CTX_use_certificate_file(context, (base + ".pem").c_str(), SSL_FILETYPE_PEM) != 1 ||
        SSL_CTX_use_PrivateKey_file(context, (base + ".key").c_str(), SSL_FILETYPE_PEM) != 1) {
        std::abort();
    }
    return context;
}

}  // namespace

Certificates::Certificates() {
    std::string pattern = std::filesystem::temp_directory_path() / "weir-tls-XXXXXX";
    if (mkdtemp(pattern.data()) == nullptr) std::abort();
    directory_ = pattern;
    make_authority(directory_, "ca");
    make_authority(directory_, "other-ca");
    std::ofstream(ca_file()) << std::ifstream(other_ca_file()).rdbuf()
                             << std::ifstream(directory_ + "/ca.pem").rdbuf();
    localhost_ = make_server(directory_, "localhost");
    other_host_ = make_server(directory_, "elsewhere.example");
}

Certificates::~Certificates() {
    SSL_CTX_free(localhost_);
    SSL_CTX_free(other_host_);
    std::filesystem::remove_all(directory_);
}

}  // namespace weir::testing
