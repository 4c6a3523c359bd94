#include <array>
#include <cstddef>
#include <cstdint>
#include <new>
#include <string>

#include "c_api/guard.h"
#include "transport/curl_runtime.h"

using namespace weir;

namespace {

// Features that a later release may lack, or that hang on the libcurl in use.
constexpr std::array<const char*, 6> kFeatures = {"caller_drive", "fork_detection", "permits",
                                                  "streams",      "thread_drive",   "http2"};

// HTTP/2, the last one, is there if the running libcurl has it.
std::size_t feature_count() { return kFeatures.size() - (curl_has_http2() ? 0 : 1); }

constexpr std::uint32_t kAbiLevel = 1;

}  // namespace

extern "C" {

uint32_t weir_version_num(void) { return WEIR_VERSION_NUM; }

const char* weir_version_string(void) {
    return quietly([]() -> const char* {
        try {
            // Never freed, for the pointer is handed out.
            static const std::string* const text =
                new std::string("weir/" WEIR_VERSION_STRING " " + transport_version());
            return text->c_str();
        } catch (const std::bad_alloc&) {
            return "weir/" WEIR_VERSION_STRING;
        }
    });
}

uint32_t weir_abi_level(void) { return kAbiLevel; }

size_t weir_event_size(void) { return sizeof(weir_event); }

int32_t weir_has_feature(const char* name, size_t name_length) {
    const std::int32_t found = guard(nullptr, [&]() -> std::int32_t {
        const std::string_view wanted = text_of(name, name_length);
        for (std::size_t i = 0; i < feature_count(); ++i) {
            if (wanted == kFeatures[i]) return 1;
        }
        return 0;
    });
    return found == 1 ? 1 : 0;
}

const char* weir_feature_at(size_t index) {
    return quietly([&] { return index < feature_count() ? kFeatures[index] : nullptr; });
}

int32_t weir_global_init(void) {
    return guard(nullptr, [&] {
        std::string problem;
        if (transport_global_init(&problem)) return WEIR_OK;
        return WEIR_ERR_UNSUPPORTED;
    });
}

}  // extern "C"
