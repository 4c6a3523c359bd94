#include "engine/error_object.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <new>

#include "engine/status_rows.h"

namespace weir {
namespace {

constexpr std::size_t kMaxMessage = 4096;  // a provider's message may be of any length

constexpr weir_error immortal_row(const StatusRow& row) {
    return {kErrorMagic, row.code, row.flags, 0, -1, 0, row.source, true, row.text, "", "", "", 0};
}

constexpr auto make_immortals() {
    std::array<weir_error, std::size(kStatusRows)> errors{};
    for (std::size_t i = 0; i < errors.size(); ++i) errors[i] = immortal_row(kStatusRows[i]);
    return errors;
}

constinit auto immortals = make_immortals();

char* append(char* at, std::string_view text) {
    if (!text.empty()) std::memcpy(at, text.data(), text.size());
    at[text.size()] = '\0';
    return at + text.size() + 1;
}

// Cuts at a character's boundary, so that what was UTF-8 stays UTF-8.
std::string_view cut(std::string_view text, std::size_t limit) {
    if (text.size() <= limit) return text;
    while (limit > 0 && (static_cast<unsigned char>(text[limit]) & 0xC0) == 0x80) --limit;
    return text.substr(0, limit);
}

}  // namespace

weir_error* immortal_error(std::int32_t code) noexcept {
    for (weir_error& error : immortals) {
        if (error.code == code) return &error;
    }
    return &immortals[0];
}

weir_error* make_error(const ErrorParts& parts) noexcept {
    const weir_error* usual = immortal_error(parts.code);
    const std::string_view message =
        cut(parts.message.empty() ? usual->message : parts.message, kMaxMessage);
    const std::string_view type = cut(parts.provider_type, kMaxMessage);
    const std::string_view request_id = cut(parts.request_id, kMaxMessage);
    const std::size_t text_size =
        message.size() + type.size() + request_id.size() + parts.answer.size() + 4;
    void* block = ::operator new(sizeof(weir_error) + text_size, std::nothrow);
    if (block == nullptr) return immortal_error(parts.code);

    auto* error = new (block) weir_error(*usual);
    error->flags |= parts.more_flags;
    error->http_status = parts.http_status;
    error->retry_after_ms = parts.retry_after_ms;
    error->attempts = parts.attempts;
    error->source = parts.source;
    error->immortal = false;
    char* at = reinterpret_cast<char*>(error + 1);
    error->message = at;
    at = append(at, message);
    error->provider_type = at;
    at = append(at, type);
    error->request_id = at;
    at = append(at, request_id);
    error->answer = at;
    error->answer_length = parts.answer.size();
    append(at, parts.answer);
    return error;
}

void release_error(weir_error* error) noexcept {
    if (error == nullptr || error->magic != kErrorMagic || error->immortal) return;
    error->magic = 0;
    ::operator delete(error);
}

}  // namespace weir
