#include <cstddef>
#include <cstdint>

#include "c_api/guard.h"
#include "engine/config_table.h"

using namespace weir;

extern "C" {

int32_t weir_config_new(weir_config** out, weir_error** error) {
    return guard(error, [&] {
        output(out);
        *out = make_handle<weir_config>();
    });
}

int32_t weir_config_set(weir_config* config, const char* key, size_t key_length, const char* value,
                        size_t value_length, weir_error** error) {
    return guard(error, [&] {
        deref(config).config.set(text_of(key, key_length), text_of(value, value_length));
    });
}

int32_t weir_config_set_json(weir_config* config, const char* json, size_t json_length,
                             weir_error** error) {
    return guard(error, [&] { deref(config).config.set_json(text_of(json, json_length)); });
}

int32_t weir_config_get(const weir_config* config, const char* key, size_t key_length,
                        weir_text** out, weir_error** error) {
    return guard(error, [&] {
        output(out);
        *out = make_handle<weir_text>(deref(config).config.get(text_of(key, key_length)));
    });
}

int32_t weir_config_json(const weir_config* config, weir_text** out, weir_error** error) {
    return guard(error, [&] {
        output(out);
        *out = make_handle<weir_text>(deref(config).config.json());
    });
}

int32_t weir_config_describe(size_t index, const char** key, const char** type,
                             const char** default_value, const char** range, const char** line) {
    return guard(nullptr, [&] {
        const bool there = index < config_table().size();
        const KeyRow row = there ? config_table()[index] : KeyRow{};
        if (key != nullptr) *key = row.name;
        if (type != nullptr) *type = there ? key_type_name(row.type) : nullptr;
        if (default_value != nullptr) *default_value = row.default_value;
        if (range != nullptr) *range = row.range;
        if (line != nullptr) *line = row.line;
        return there ? WEIR_OK : WEIR_ERR_NOT_FOUND;
    });
}

int32_t weir_config_copy(const weir_config* config, weir_config** out, weir_error** error) {
    return guard(error, [&] {
        output(out);
        *out = make_handle<weir_config>(deref(config).config);
    });
}

void weir_config_release(weir_config* config) {
    quietly([&] { release_handle(config); });
}

}  // extern "C"
