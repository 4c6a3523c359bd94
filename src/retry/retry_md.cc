// Writes RETRY.md from the table of outcomes: to standard output, or, with a file as its argument,
// checks that the file is what it would write.

#include <fmt/format.h>

#include <string>

#include "base/generated_text.h"
#include "retry/policy.h"

namespace {

using weir::OutcomeRule;

const char* scope_name(OutcomeRule::Scope scope) {
    switch (scope) {
        case OutcomeRule::Scope::request:
            return "the request";
        case OutcomeRule::Scope::bucket:
            return "a limit";
        case OutcomeRule::Scope::key:
            return "the key";
        case OutcomeRule::Scope::account:
            return "the account";
        case OutcomeRule::Scope::model:
            return "the model";
        case OutcomeRule::Scope::provider:
            return "the provider";
    }
    return "";
}

const char* action_text(OutcomeRule::Action action) {
    switch (action) {
        case OutcomeRule::Action::deliver:
            return "the answer is delivered";
        case OutcomeRule::Action::fail:
            return "it fails";
        case OutcomeRule::Action::wait_bucket:
            return "the limit pauses for everyone; back to the head of its queue";
        case OutcomeRule::Action::back_off:
            return "again after a backoff";
        case OutcomeRule::Action::other_key:
            return "the key is left alone for a time; to another one, or it fails";
    }
    return "";
}

// What bounds the repetitions.
const char* counted_against(OutcomeRule::Action action) {
    switch (action) {
        case OutcomeRule::Action::wait_bucket:
        case OutcomeRule::Action::other_key:
            return "`retry.max_refusals`";
        case OutcomeRule::Action::back_off:
            return "`retry.max_attempts`, `retry.budget`";
        case OutcomeRule::Action::deliver:
        case OutcomeRule::Action::fail:
            break;
    }
    return "";
}

const char* executed_text(OutcomeRule::Executed executed) {
    switch (executed) {
        case OutcomeRule::Executed::no:
            return "no";
        case OutcomeRule::Executed::if_sent:
            return "unless nothing was sent";
        case OutcomeRule::Executed::maybe:
            return "maybe";
        case OutcomeRule::Executed::yes:
            return "yes";
    }
    return "";
}

const char* breaker_text(weir::OutcomeClass cls) {
    weir::Outcome outcome;
    outcome.cls = cls;
    switch (weir::sign_of(outcome)) {
        case weir::EndpointSign::well:
            return "it is well";
        case weir::EndpointSign::out:
            return "it may be out";
        case weir::EndpointSign::none:
            break;
    }
    return "";
}

constexpr const char* kBefore = R"(# What an outcome leads to

Generated from the table of outcomes (`policy.cc`); `ninja retry_table` writes it anew.

Every attempt comes to one of these outcomes. The columns: what it says something about; what becomes
of the request; what its repetitions are counted against; what the breaker of the endpoint (an account
and model class) makes of it; whether the provider may have executed, and billed, what was asked.

)";

constexpr const char* kAfter = R"(
Over the table:

- `x-should-retry` decides, but not over content that was delivered, nor over what is about a key.
- What may have been executed is repeated unless `retry.after_timeout = false`. A batch is never created
  twice, whatever is configured.
- A stream is repeated only before its first content was delivered, unless the request allows it
  (`stream_restart`): then the caller is told that its events are void.
- `retry-after` is a floor of any length. A wait that outlasts the request's deadline, or
  `retry.max_wait_ms`, sends it to another account that can go before, or else ends it at once with the
  time that was stated. What waits behind a limit that is paused for so long ends the same way.
- A spend limit is never asked again for the same request on the same account.
- The backoff is exponential with jitter (`retry.base_ms`, `retry.cap_ms`, `retry.jitter`), each outcome
  with its own figures if it has some (`retry.<outcome>.base_ms`).
- Successes pay for retries (`retry.budget`). What is not paid for waits for the longest backoff or half
  as long again.
- A stream whose first content is late may be asked for at another account as well (`hedge.after_ms`,
  off by default): once for each request, where nothing waits, and paid from the budget of that account
  and model class. The first of the two to have content is heard; the other is ended, and counted as if
  it had been executed. If both fail, the request waits as long as either says.
- An endpoint is out after eight failures in a row. Then single attempts try it, at most ten seconds
  apart, and their failures are counted as refusals. From the first answer on, traffic comes back at
  little more than its usual rate, which doubles every ten seconds until nobody waits for it.
)";

std::string document() {
    std::string text = kBefore;
    text +=
        "| outcome | what it is | about | what happens | counted against | the endpoint | "
        "executed? "
        "|\n|---|---|---|---|---|---|---|\n";
    for (int i = 0; i < weir::kOutcomeClasses; ++i) {
        const auto cls = static_cast<weir::OutcomeClass>(i);
        const OutcomeRule& row = weir::rule(cls);
        text +=
            fmt::format("| {} | {} | {} | {} | {} | {} | {} |\n", row.name, row.meaning,
                        scope_name(row.scope), action_text(row.action), counted_against(row.action),
                        breaker_text(cls), executed_text(row.executed));
    }
    return text + kAfter;
}

}  // namespace

int main(int argc, char** argv) {
    return weir::write_or_check(argc, argv, document(), "retry_table");
}
