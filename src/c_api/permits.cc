#include <cstddef>
#include <cstdint>
#include <memory>

#include "c_api/engine_of.h"
#include "c_api/guard.h"

using namespace weir;

namespace {

// The refusal of a permit that is wanted at once. It is no exception: it may be the usual answer.
std::int32_t not_granted(std::int32_t status, std::int64_t retry_after_ms, weir_error** error) {
    if (error != nullptr) *error = make_error({.code = status, .retry_after_ms = retry_after_ms});
    return status;
}

}  // namespace

extern "C" {

uint64_t weir_permit_ticket(const weir_permit* permit) {
    return quietly([&] { return is_handle(permit) ? permit->ticket : 0; });
}

const char* weir_permit_string(const weir_permit* permit, uint32_t string) {
    return quietly([&] { return is_handle(permit) ? permit->string(string) : ""; });
}

int64_t weir_permit_number(const weir_permit* permit, uint32_t number) {
    return quietly([&] { return is_handle(permit) ? permit->number(number) : -1; });
}

void weir_permit_release(weir_permit* permit) {
    quietly([&] { release_handle(permit); });
}

int32_t weir_acquire(weir_engine* engine, const weir_request* request, uint64_t* ticket,
                     weir_error** error) {
    return guard(error, [&] {
        std::uint64_t unused = 0;
        std::uint64_t* const given = ticket == nullptr ? &unused : ticket;
        output(given);
        *given = engine_of(engine).acquire(deref(request).builder);
    });
}

int32_t weir_try_acquire(weir_engine* engine, const weir_request* request, weir_permit** out,
                         weir_error** error) {
    std::int64_t retry_after_ms = -1;
    std::int32_t refused = WEIR_OK;
    const std::int32_t status = guard(error, [&] {
        output(out);
        std::unique_ptr<weir_permit> permit;
        refused = engine_of(engine).try_acquire(deref(request).builder, &permit, &retry_after_ms);
        if (refused == WEIR_OK) *out = permit.release();
    });
    return status != WEIR_OK || refused == WEIR_OK ? status
                                                   : not_granted(refused, retry_after_ms, error);
}

int32_t weir_outcome_new(weir_outcome** out, weir_error** error) {
    return guard(error, [&] {
        output(out);
        *out = make_handle<weir_outcome>();
    });
}

int32_t weir_outcome_set_status(weir_outcome* outcome, int32_t http_status) {
    return guard(nullptr, [&] { deref(outcome).report.set_status(http_status); });
}

int32_t weir_outcome_set_failure(weir_outcome* outcome, uint32_t failure) {
    return guard(nullptr, [&] { deref(outcome).report.set_failure(failure); });
}

int32_t weir_outcome_set_header(weir_outcome* outcome, const char* name, size_t name_length,
                                const char* value, size_t value_length, weir_error** error) {
    return guard(error, [&] {
        deref(outcome).report.add_header(text_of(name, name_length), text_of(value, value_length));
    });
}

int32_t weir_outcome_set_body(weir_outcome* outcome, const void* body, size_t body_length,
                              weir_error** error) {
    return guard(error, [&] { deref(outcome).report.set_body(text_of(body, body_length)); });
}

int32_t weir_outcome_set_number(weir_outcome* outcome, uint32_t number, int64_t value) {
    return guard(nullptr, [&] { deref(outcome).report.set_number(number, value); });
}

int32_t weir_outcome_set_delivered(weir_outcome* outcome, int32_t delivered) {
    return guard(nullptr, [&] {
        if (delivered != 0 && delivered != 1) refuse_argument("delivered is neither 0 nor 1");
        deref(outcome).report.set_delivered(delivered == 1);
    });
}

int32_t weir_outcome_reset(weir_outcome* outcome) {
    return guard(nullptr, [&] { deref(outcome).report = AttemptReport(); });
}

void weir_outcome_release(weir_outcome* outcome) {
    quietly([&] { release_handle(outcome); });
}

int32_t weir_report(weir_engine* engine, uint64_t ticket, uint32_t attempt,
                    const weir_outcome* outcome, weir_error** error) {
    return guard(error, [&] {
        Engine& inner = engine_of(engine);
        const AttemptReport& report = deref(outcome).report;
        if (report.http_status() == 0 && report.failure() == WEIR_FAILURE_NONE) {
            refuse_argument("the outcome has neither a status nor a failure");
        }
        return inner.report({ticket, attempt}, report, true) ? WEIR_OK : WEIR_ERR_NOT_FOUND;
    });
}

int32_t weir_report_head(weir_engine* engine, uint64_t ticket, uint32_t attempt,
                         const weir_outcome* outcome, weir_error** error) {
    return guard(error, [&] {
        Engine& inner = engine_of(engine);
        const AttemptReport& report = deref(outcome).report;
        if (report.http_status() == 0) refuse_argument("the outcome has no status");
        return inner.report({ticket, attempt}, report, false) ? WEIR_OK : WEIR_ERR_NOT_FOUND;
    });
}

int32_t weir_report_progress(weir_engine* engine, uint64_t ticket, uint32_t attempt,
                             int64_t output_tokens) {
    return guard(nullptr, [&] {
        Engine& inner = engine_of(engine);
        if (output_tokens < 0) refuse_argument("the number of tokens is negative");
        return inner.report_progress({ticket, attempt}, output_tokens) ? WEIR_OK
                                                                       : WEIR_ERR_NOT_FOUND;
    });
}

}  // extern "C"
