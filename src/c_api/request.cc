#include <cstddef>
#include <cstdint>

#include "c_api/guard.h"

using namespace weir;

extern "C" {

int32_t weir_request_new(weir_request** out, weir_error** error) {
    return guard(error, [&] {
        output(out);
        *out = make_handle<weir_request>();
    });
}

int32_t weir_request_set_body(weir_request* request, const void* body, size_t body_length,
                              weir_error** error) {
    return guard(error, [&] { deref(request).builder.set_body(text_of(body, body_length)); });
}

int32_t weir_request_set_priority(weir_request* request, int32_t priority) {
    return guard(nullptr, [&] { deref(request).builder.set_priority(priority); });
}

int32_t weir_request_set_user_data(weir_request* request, uint64_t user_data) {
    return guard(nullptr, [&] { deref(request).builder.set_user_data(user_data); });
}

int32_t weir_request_set_tag(weir_request* request, uint64_t tag) {
    return guard(nullptr, [&] { deref(request).builder.set_tag(tag); });
}

int32_t weir_request_set_deadline_ms(weir_request* request, int64_t deadline_ms) {
    return guard(nullptr, [&] { deref(request).builder.set_deadline_ms(deadline_ms); });
}

int32_t weir_request_set(weir_request* request, const char* key, size_t key_length,
                         const char* value, size_t value_length, weir_error** error) {
    return guard(error, [&] {
        deref(request).builder.set(text_of(key, key_length), text_of(value, value_length));
    });
}

int32_t weir_request_reset(weir_request* request) {
    return guard(nullptr, [&] { deref(request).builder = RequestBuilder(); });
}

void weir_request_release(weir_request* request) {
    quietly([&] { release_handle(request); });
}

}  // extern "C"
