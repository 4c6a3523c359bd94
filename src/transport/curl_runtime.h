#pragma once

#include <string>

namespace weir {

// Readies libcurl for this process, once; safe from any thread. Never undone, since others in the
// process may use libcurl too. False if the running libcurl is not fit, and why.
bool transport_global_init(std::string* problem);

// The running libcurl and its TLS library, such as "libcurl/7.88.1 OpenSSL/3.0.15".
std::string transport_version();

// Whether the running libcurl can speak HTTP/2 at all.
bool curl_has_http2();

// Whether its HTTP/2 is good enough to be the default: before 8.4, POSTs under socket_action fail
// now and then with CURLE_HTTP2_STREAM.
bool curl_http2_is_sound();

// Whether libcurl's TLS library is the very OpenSSL that we are linked with, so that a certificate
// store can be handed from one to the other.
bool curl_shares_our_openssl();

}  // namespace weir
