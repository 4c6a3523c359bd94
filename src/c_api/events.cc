#include <strings.h>

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "c_api/guard.h"
#include "engine/event.h"

using namespace weir;

namespace {

// Without regard to case, and to the locale.
bool same_name(std::string_view a, std::string_view b) {
    if (a.size() != b.size()) return false;
    const auto lower = [](char c) {
        return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    };
    for (std::size_t i = 0; i < a.size(); ++i) {
        if (lower(a[i]) != lower(b[i])) return false;
    }
    return true;
}

}  // namespace

extern "C" {

void weir_events_release(weir_event* events, size_t event_size, size_t count) {
    quietly([&] {
        if (events == nullptr || event_size < sizeof(weir_event)) return;
        auto* at = reinterpret_cast<unsigned char*>(events);
        for (std::size_t i = 0; i < count; ++i, at += event_size) {
            weir_event event;
            std::memcpy(&event, at, sizeof event);
            release_event(&event);
            std::memcpy(at, &event, sizeof event);
        }
    });
}

int32_t weir_response_http_status(const weir_response* response) {
    return quietly([&] { return is_handle(response) ? response->http_status : 0; });
}

int32_t weir_response_header(const weir_response* response, const char* name, size_t name_length,
                             const char** value, size_t* value_length) {
    return guard(nullptr, [&] {
        if (value != nullptr) *value = nullptr;
        if (value_length != nullptr) *value_length = 0;
        const std::string_view wanted = text_of(name, name_length);
        for (const auto& [key, text] : deref(response).headers) {
            if (!same_name(key, wanted)) continue;
            if (value != nullptr) *value = text.c_str();
            if (value_length != nullptr) *value_length = text.size();
            return WEIR_OK;
        }
        return WEIR_ERR_NOT_FOUND;
    });
}

int32_t weir_response_header_at(const weir_response* response, size_t index, const char** name,
                                const char** value) {
    return guard(nullptr, [&] {
        if (name != nullptr) *name = nullptr;
        if (value != nullptr) *value = nullptr;
        const auto& headers = deref(response).headers;
        if (index >= headers.size()) return WEIR_ERR_NOT_FOUND;
        if (name != nullptr) *name = headers[index].first.c_str();
        if (value != nullptr) *value = headers[index].second.c_str();
        return WEIR_OK;
    });
}

int64_t weir_response_number(const weir_response* response, uint32_t number) {
    return quietly([&] { return is_handle(response) ? response->number(number) : -1; });
}

const char* weir_response_string(const weir_response* response, uint32_t string) {
    return quietly([&] { return is_handle(response) ? response->string(string) : ""; });
}

}  // extern "C"
