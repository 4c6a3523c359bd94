#include "engine/status_table.h"

#include "engine/status_rows.h"

namespace weir {

const char* error_source_name(ErrorSource source) {
    switch (source) {
        case ErrorSource::config:
            return "config";
        case ErrorSource::transport:
            return "transport";
        case ErrorSource::provider:
            return "provider";
        case ErrorSource::local:
            break;
    }
    return "local";
}

std::span<const StatusRow> status_table() { return kStatusRows; }

const StatusRow* find_status(std::int32_t code) {
    for (const StatusRow& row : kStatusRows) {
        if (row.code == code) return &row;
    }
    return nullptr;
}

}  // namespace weir
