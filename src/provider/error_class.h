#pragma once

#include <cstdint>
#include <string_view>

#include "provider/error_body.h"
#include "provider/outcome.h"

namespace weir {

// What a refusal is, from its status, and from its body as far as there is one (else empty).
OutcomeClass classify_refusal(int http_status, const ErrorBody& error, bool has_retry_after);

// The status that an error object of this type comes with; 0 where the type is none of the
// provider's.
int status_of_error(const ErrorBody& error);

// What an error event inside a stream is: stream_error, unless repeating could not help.
OutcomeClass classify_stream_error(const ErrorBody& error);

// What a spend limit's message says beside its class: whose it is, and when (in nanoseconds since
// 1970) access resumes; 0: not said.
bool is_of_workspace(const ErrorBody& error);
std::int64_t access_resumes_at(const ErrorBody& error);

// Whether a hold is of the whole organisation.
bool is_of_organization(const ErrorBody& error);

// The limit that a 429 names: one of which nothing remains by its headers, or else the one that
// the message speaks of.
LimitKind refused_limit(const LimitReadings& readings, std::string_view message);

}  // namespace weir
