#pragma once

#include <cerrno>
#include <concepts>
#include <cstdint>
#include <cstring>
#include <exception>
#include <new>
#include <string_view>
#include <system_error>

#include "c_api/handles.h"

namespace weir {

// The body of every fallible export: no exception leaves, and whatever is thrown becomes a status
// and, if `error` is wanted, an error object. `f` returns a status or a count, or nothing for
// WEIR_OK.
template <class F>
std::int32_t guard(weir_error** error, F&& f) noexcept {
    if (error != nullptr) *error = nullptr;
    ErrorParts parts;
    try {
        if constexpr (std::same_as<decltype(f()), void>) {
            f();
            return WEIR_OK;
        } else {
            const std::int32_t status = f();
            if (status >= 0) return status;
            if (error != nullptr) *error = make_error({.code = status});
            return status;
        }
    } catch (const Failure& failure) {
        parts.code = failure.code();
        parts.source = failure.source();
        parts.message = failure.message();
        parts.retry_after_ms = failure.retry_after_ms();
        if (error != nullptr) *error = make_error(parts);
    } catch (const std::bad_alloc&) {
        parts.code = WEIR_ERR_NOMEM;
        if (error != nullptr) *error = immortal_error(WEIR_ERR_NOMEM);
    } catch (const std::system_error& failure) {
        parts.code = WEIR_ERR_IO;
        parts.message = failure.what();
        if (error != nullptr) *error = make_error(parts);
    } catch (const std::exception& exception) {
        parts.code = WEIR_ERR_INTERNAL;
        parts.message = exception.what();
        if (error != nullptr) *error = make_error(parts);
    } catch (...) {
        parts.code = WEIR_ERR_INTERNAL;
        if (error != nullptr) *error = immortal_error(WEIR_ERR_INTERNAL);
    }
    return parts.code;
}

// The body of every export that cannot fail: what it does must not throw, and errno stays.
template <class F>
auto quietly(F&& f) noexcept {
    struct Errno {
        int saved = errno;
        ~Errno() { errno = saved; }
    } keep;
    return f();
}

[[noreturn]] inline void refuse_argument(const char* message) {
    throw Failure(WEIR_ERR_BAD_ARGUMENT, ErrorSource::local, message);
}

inline constexpr std::size_t kNul = SIZE_MAX;  // WEIR_NUL, without its C cast

// A string as the header passes it. With length 0 the pointer is not looked at.
inline std::string_view text_of(const void* text, std::size_t length) {
    if (length == 0) return {};
    if (text == nullptr) refuse_argument("a string is NULL, and its length is not 0");
    if (length != kNul && length >= PTRDIFF_MAX) refuse_argument("a length is beyond any object");
    const char* bytes = static_cast<const char*>(text);
    return {bytes, length == kNul ? std::strlen(bytes) : length};
}

inline void check_timeout(std::int64_t timeout_ms) {
    if (timeout_ms < -1) refuse_argument("a timeout is negative, and not -1");
}

// Clears an output, which must be wanted.
template <class T>
void output(T* out) {
    if (out == nullptr) refuse_argument("the pointer to the output is NULL");
    *out = T();
}

}  // namespace weir
