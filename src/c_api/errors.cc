#include <cstddef>
#include <cstdint>

#include "c_api/guard.h"

using namespace weir;

extern "C" {

int32_t weir_error_code(const weir_error* error) {
    return quietly([&] { return is_handle(error) ? error->code : WEIR_OK; });
}

const char* weir_error_name(const weir_error* error) {
    return quietly([&] {
        const StatusRow* row = is_handle(error) ? find_status(error->code) : nullptr;
        return row != nullptr ? row->name : "ok";
    });
}

const char* weir_error_message(const weir_error* error) {
    return quietly([&] { return is_handle(error) ? error->message : ""; });
}

const char* weir_error_source(const weir_error* error) {
    return quietly([&] { return is_handle(error) ? error_source_name(error->source) : ""; });
}

int32_t weir_error_http_status(const weir_error* error) {
    return quietly([&] { return is_handle(error) ? error->http_status : 0; });
}

const char* weir_error_provider_type(const weir_error* error) {
    return quietly([&] { return is_handle(error) ? error->provider_type : ""; });
}

const char* weir_error_request_id(const weir_error* error) {
    return quietly([&] { return is_handle(error) ? error->request_id : ""; });
}

int64_t weir_error_retry_after_ms(const weir_error* error) {
    return quietly([&] { return is_handle(error) ? error->retry_after_ms : -1; });
}

uint32_t weir_error_attempts(const weir_error* error) {
    return quietly([&] { return is_handle(error) ? error->attempts : 0; });
}

uint32_t weir_error_flags(const weir_error* error) {
    return quietly([&] { return is_handle(error) ? error->flags : 0; });
}

int32_t weir_error_is(const weir_error* error, uint32_t flags) {
    return quietly([&] { return is_handle(error) && (error->flags & flags) == flags ? 1 : 0; });
}

int32_t weir_error_new(int32_t code, const char* message, size_t message_length, weir_error** out) {
    return guard(nullptr, [&] {
        output(out);
        const StatusRow* row = find_status(code);
        if (row == nullptr) refuse_argument("there is no such code");
        weir_error* error = make_error(
            {.code = code, .source = row->source, .message = text_of(message, message_length)});
        if (error->immortal && code != WEIR_ERR_NOMEM) throw std::bad_alloc();
        *out = error;
    });
}

void weir_error_release(weir_error* error) {
    quietly([&] { release_error(error); });
}

int32_t weir_error_table(size_t index, int32_t* code, const char** name, const char** text,
                         uint32_t* flags) {
    return guard(nullptr, [&] {
        const bool there = index < status_table().size();
        const StatusRow row = there ? status_table()[index] : StatusRow{};
        if (code != nullptr) *code = row.code;
        if (name != nullptr) *name = row.name;
        if (text != nullptr) *text = row.text;
        if (flags != nullptr) *flags = row.flags;
        return there ? WEIR_OK : WEIR_ERR_NOT_FOUND;
    });
}

const char* weir_text_data(const weir_text* text, size_t* length) {
    return quietly([&] {
        const bool good = is_handle(text);
        if (length != nullptr) *length = good ? text->bytes.size() : 0;
        return good ? text->bytes.c_str() : "";
    });
}

void weir_text_release(weir_text* text) {
    quietly([&] { release_handle(text); });
}

}  // extern "C"
