#include "engine/event.h"

#include <cstring>

#include "engine/error_object.h"
#include "engine/permit_object.h"
#include "engine/response_object.h"

namespace weir {

weir_event make_data_event(std::uint32_t type, std::string_view data) {
    char* copy = new char[data.size() + 1];
    if (!data.empty()) std::memcpy(copy, data.data(), data.size());
    copy[data.size()] = '\0';
    weir_event event{};
    event.type = type;
    event.data = copy;
    event.data_length = data.size();
    return event;
}

weir_event make_engine_event(std::uint32_t state) noexcept {
    weir_event event{};
    event.type = WEIR_EVENT_ENGINE;
    event.index = state;
    event.data = "";
    return event;
}

void release_event(weir_event* event) noexcept {
    switch (event->type) {
        case WEIR_EVENT_STREAM:
        case WEIR_EVENT_LOG:
        case WEIR_EVENT_RECOVERED:
        case WEIR_EVENT_BATCH:
        case WEIR_EVENT_KEY:
            delete[] static_cast<const char*>(event->data);
            break;
        case WEIR_EVENT_PERMIT:
            delete static_cast<weir_permit*>(event->object);
            break;
        case WEIR_EVENT_DONE:
            delete static_cast<weir_response*>(event->object);
            break;
        case WEIR_EVENT_FAILED:
            release_error(static_cast<weir_error*>(event->object));
            break;
        default:
            break;
    }
    *event = weir_event{};
}

}  // namespace weir
