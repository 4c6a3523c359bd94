#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <utility>

#include "engine/attempt_report.h"
#include "engine/config.h"
#include "engine/engine.h"
#include "engine/error_object.h"
#include "engine/failure.h"
#include "engine/permit_object.h"
#include "engine/request_builder.h"
#include "engine/response_object.h"
#include "weir/weir.h"

// What the opaque pointers of the header point to. Each begins with a word that tells its type, so
// that the commonest misuse (NULL, a handle of another type, a released one) is a status and not a
// crash. That is as much as can be done: memory that has been given back may hold anything.

struct weir_text {
    std::uint32_t magic;
    std::string bytes;
};

struct weir_config {
    std::uint32_t magic;
    weir::Config config = {};
};

struct weir_request {
    std::uint32_t magic;
    weir::RequestBuilder builder = {};
};

struct weir_outcome {
    std::uint32_t magic;
    weir::AttemptReport report = {};
};

struct weir_engine {
    std::uint32_t magic;
    weir::Engine* engine;
};

namespace weir {

template <class Handle>
inline constexpr std::uint32_t kMagic = 0;
template <>
inline constexpr std::uint32_t kMagic<weir_text> = 0x57547874;
template <>
inline constexpr std::uint32_t kMagic<weir_config> = 0x57436667;
template <>
inline constexpr std::uint32_t kMagic<weir_request> = 0x57526571;
template <>
inline constexpr std::uint32_t kMagic<weir_engine> = 0x57456E67;
template <>
inline constexpr std::uint32_t kMagic<weir_error> = kErrorMagic;
template <>
inline constexpr std::uint32_t kMagic<weir_permit> = kPermitMagic;
template <>
inline constexpr std::uint32_t kMagic<weir_outcome> = 0x574F7574;
template <>
inline constexpr std::uint32_t kMagic<weir_response> = kResponseMagic;

template <class Handle>
bool is_handle(const Handle* handle) noexcept {
    return handle != nullptr && handle->magic == kMagic<Handle>;
}

// The object behind a handle. Throws Failure (WEIR_ERR_BAD_HANDLE).
template <class Handle>
Handle& deref(Handle* handle) {
    if (!is_handle(handle)) {
        throw Failure(WEIR_ERR_BAD_HANDLE, ErrorSource::local,
                      "the handle is NULL, released, or of another type");
    }
    return *handle;
}

template <class Handle, class... Parts>
Handle* make_handle(Parts&&... parts) {
    return new Handle{kMagic<Handle>, std::forward<Parts>(parts)...};
}

// For the release functions: NULL and what is no handle are left alone.
template <class Handle>
void release_handle(Handle* handle) noexcept {
    if (!is_handle(handle)) return;
    handle->magic = 0;
    delete handle;
}

}  // namespace weir
