#include "engine/config_table.h"

namespace weir {
namespace {

using enum KeyType;

// The keys in the order of the documentation: a group is what stands before the first dot.
constexpr KeyRow kRows[] = {
    {"engine.drive", choice, "thread", "thread|caller",
     "Who runs the engine: a thread of its own, or the caller inside weir_poll, weir_dispatch and "
     "weir_engine_wait."},
    {"engine.seed", integer, "0", "0..9223372036854775807",
     "Seed of the random choices (the jitter of backoffs). 0 takes one from the system."},
    {"engine.max_undelivered_bytes", integer, "268435456", "1..1099511627776",
     "While more bytes than this wait to be polled, no new attempt is started."},
    {"engine.max_undelivered_events", integer, "100000", "1..16777216",
     "While more events than this wait to be polled, no new attempt is started."},

    {"queue.max_requests", integer, "100000", "1..16000000",
     "Requests that may be outstanding: accepted, and without their terminal event."},
    {"queue.max_bytes", integer, "1073741824", "1..1099511627776",
     "Bytes of the bodies of the outstanding requests."},

    {"queue.on_full", choice, "refuse", "refuse|drop_lowest",
     "What a submit to a full queue leads to: it is refused; or the newest of the requests of the "
     "lowest priority that wait, if that is below its own, fail as queue_full for it."},
    {"queue.tenant_max_requests", integer, "0", "0..16000000",
     "queue.max_requests for each tenant; requests without a tenant are one's. 0 is none."},
    {"queue.tenant_max_bytes", integer, "0", "0..1099511627776",
     "queue.max_bytes for each tenant. 0 is none."},

    {"queue.order", choice, "arrival", "arrival|deadline",
     "Which of the requests of one priority goes first: the one that came first, or the one whose "
     "deadline is nearest."},
    {"queue.sharing", choice, "strict", "strict|weighted",
     "How the priorities share: the higher always first, or by queue.weights."},
    {"queue.weights", text, "8,4,2,1", "critical,high,normal,low",
     "The shares of the priorities where queue.sharing = weighted."},
    {"queue.ageing_ms", integer, "60000", "0..31536000000",
     "A request that has waited so long goes before every priority, in one turn of four. If it has "
     "to wait for its budget then, what is more urgent may put it off to four times that wait. 0 "
     "is "
     "never."},

    {"tenant.<name>.spend_per_day", number, "", "0.000001..1000000",
     "Dollars a day that the tenant's requests may cost, over all accounts and models."},
    {"tenant.<name>.tokens_per_day", integer, "", "1..1000000000000",
     "Input and output tokens a day of the tenant's requests, over all accounts and models."},
    {"tenant.<name>.weight", integer, "1", "1..1000",
     "The tenant's share of its priority, beside the others' weights."},
    {"tenant.<name>.max_requests", integer, "0", "0..16000000",
     "The tenant's requests that may be outstanding. 0 takes queue.tenant_max_requests."},
    {"tenant.<name>.max_bytes", integer, "0", "0..1099511627776",
     "Bytes of the bodies of the tenant's outstanding requests. 0 takes queue.tenant_max_bytes."},

    {"tenant.<name>.max_in_flight", integer, "0", "0..65535",
     "The tenant's attempts that may be in flight at once. 0 takes concurrency.tenant_max."},

    {"concurrency.max", integer, "512", "1..65535", "Attempts that may be in flight at once."},
    {"concurrency.tenant_max", integer, "0", "0..65535",
     "Attempts of each tenant that may be in flight at once; requests without a tenant are one's. "
     "0 is no bound."},
    {"concurrency.adaptive", choice, "off", "off|on",
     "Finds out how many attempts each account and class bears at once: more while all goes well, "
     "fewer when the provider turns some away or the first token takes more than twice its usual "
     "time."},
    {"concurrency.adaptive_floor", integer, "1", "1..65535",
     "The least that concurrency.adaptive comes to."},
    {"concurrency.adaptive_ceiling", integer, "512", "1..65535", "The most that it comes to."},

    {"request.deadline_ms", integer, "0", "0..31536000000",
     "The deadline of requests that have none of their own, from submit to the terminal event. 0 "
     "is none."},

    {"permit.lease_ms", integer, "600000", "1..86400000",
     "A permit that is not reported within this time counts as used, and ends with a timeout."},

    {"account.<name>.key", secret, "", "", "The account's API key."},
    {"account.<name>.key_env", text, "", "name of an environment variable",
     "The environment variable that holds the key; read when the engine is opened."},
    {"account.<name>.key_file", text, "", "path",
     "The file that holds the key; read when the engine is opened, and again when it changes. "
     "Newlines at its end are cut off."},
    {"account.<name>.keys.<key>.value", secret, "", "",
     "One of several API keys of the account; account.<name>.key is the one of the name main. Keys "
     "of one account share its limits: more of them add no capacity, more accounts do. They are "
     "for "
     "workspaces, and for a key that can be revoked without a pause."},
    {"account.<name>.keys.<key>.env", text, "", "name of an environment variable",
     "As account.<name>.key_env, for this key."},
    {"account.<name>.keys.<key>.file", text, "", "path",
     "As account.<name>.key_file, for this key."},
    {"account.<name>.keys.<key>.later", boolean, "false", "true|false",
     "true: the key has no secret yet, and is as if it were retired until weir_key_set brings one. "
     "So a key that is added while the engine runs has a workspace, and limits of its own."},
    {"account.<name>.keys.<key>.max_in_flight", integer, "0", "0..65535",
     "Attempts with the key that may be in flight at once. 0 is no bound of its own."},
    {"account.<name>.keys.<key>.workspace", text, "", "name",
     "The workspace that the key belongs to. Batches are made in that of the account's first key: "
     "main, or else the first by name."},
    {"account.<name>.auth", choice, "x-api-key", "x-api-key|bearer",
     "The header that the account's keys go into: x-api-key, or authorization as a bearer token, "
     "which "
     "gateways and OAuth tokens need."},
    {"account.<name>.header.<header>", secret, "", kHeaderValueRange,
     "A header that every request of the account has, in both lanes, beside those of weir: what a "
     "gateway asks for, or anthropic-beta, which is joined with a request's own. A request's "
     "header of "
     "the same name goes before it. Those that weir or HTTP own are refused."},
    {"account.<name>.base_url", text, "", "URL",
     "The URL that the account's requests go to, instead of transport.base_url."},
    {"account.<name>.tier", text, "", "name of a tier",
     "The account's tier in the table of limits (start, build, scale in the built-in one): the "
     "limits that it has before limit.<class> and account.<name>.limit.<class> say otherwise, "
     "those "
     "on batches and on calls that count tokens among them."},
    {"account.<name>.spend_per_day", number, "", "0.000001..1000000",
     "Dollars a day that the account's requests may cost, over all models."},
    {"account.<name>.tokens_per_day", integer, "", "1..1000000000000",
     "Input and output tokens a day of the account's requests, over all models."},
    {"account.<name>.weight", integer, "1", "1..1000",
     "The account's share of the requests where accounts.choice is weighted or sticky."},
    {"account.<name>.max_in_flight", integer, "0", "0..65535",
     "Attempts of the account that may be in flight at once. 0 is no bound but concurrency.max."},
    {"account.<name>.limit.<class>.requests_per_minute", integer, "", "1..1000000000000",
     "As limit.<class>.requests_per_minute, for this account alone."},
    {"account.<name>.limit.<class>.input_tokens_per_minute", integer, "", "1..1000000000000",
     "As limit.<class>.input_tokens_per_minute, for this account alone."},
    {"account.<name>.limit.<class>.output_tokens_per_minute", integer, "", "1..1000000000000",
     "As limit.<class>.output_tokens_per_minute, for this account alone."},
    {"account.<name>.limit.<class>.tokens_per_day", integer, "", "1..1000000000000",
     "As limit.<class>.tokens_per_day, for this account alone."},
    {"account.<name>.workspace.<workspace>.limit.<class>.requests_per_minute", integer, "",
     "1..1000000000000",
     "As limit.<class>.requests_per_minute, for the workspace alone, beside the account's limits. "
     "A workspace is known by its keys (account.<name>.keys.<key>.workspace)."},
    {"account.<name>.workspace.<workspace>.limit.<class>.input_tokens_per_minute", integer, "",
     "1..1000000000000",
     "As limit.<class>.input_tokens_per_minute, for the workspace alone, beside the account's "
     "limits."},
    {"account.<name>.workspace.<workspace>.limit.<class>.output_tokens_per_minute", integer, "",
     "1..1000000000000",
     "As limit.<class>.output_tokens_per_minute, for the workspace alone, beside the account's "
     "limits."},
    {"account.<name>.workspace.<workspace>.limit.<class>.tokens_per_day", integer, "",
     "1..1000000000000",
     "As limit.<class>.tokens_per_day, for the workspace alone, beside the account's limits."},
    {"account.<name>.keys.<key>.limit.<class>.requests_per_minute", integer, "", "1..1000000000000",
     "As limit.<class>.requests_per_minute, for the key alone, beside the account's limits."},
    {"account.<name>.keys.<key>.limit.<class>.input_tokens_per_minute", integer, "",
     "1..1000000000000",
     "As limit.<class>.input_tokens_per_minute, for the key alone, beside the account's limits."},
    {"account.<name>.keys.<key>.limit.<class>.output_tokens_per_minute", integer, "",
     "1..1000000000000",
     "As limit.<class>.output_tokens_per_minute, for the key alone, beside the account's limits."},
    {"account.<name>.keys.<key>.limit.<class>.tokens_per_day", integer, "", "1..1000000000000",
     "As limit.<class>.tokens_per_day, for the key alone, beside the account's limits."},

    {"accounts.choice", choice, "most_budget", "most_budget|round_robin|weighted|sticky",
     "Which of the accounts that could go now is taken: the one with the most of its limits left, "
     "each "
     "in turn, by weight, or by the request's affinity, so that like requests find the same prompt "
     "cache. A request without one has that of its cacheable prefix, up to the last cache_control "
     "of its tools and system prompt, or with its first message where a message is marked; one "
     "with neither goes where most is left."},
    {"accounts.when_all_out", choice, "fail", "fail|wait",
     "What becomes of requests while every key is refused, out of money or retired: they fail with "
     "what the provider said, and the time at which the first key comes back; or they wait for "
     "it."},

    {"route.<name>.<step>.model", text, "", "model",
     "A model that requests of the route may go to; they name the route by the request key route, "
     "or by \"model\": \"route:<name>\". The steps are 1 and up, eight at most; the first whose "
     "conditions hold is the choice, the later ones that hold are its fallbacks."},
    {"route.<name>.<step>.min_input_tokens", integer, "0", "0..1000000000",
     "Condition of the step: input tokens, as the caller counted or else as estimated."},
    {"route.<name>.<step>.max_input_tokens", integer, "", "0..1000000000",
     "Condition of the step: likewise, at most."},
    {"route.<name>.<step>.complexity", text, "", "word[,word...]",
     "Condition of the step: the request key complexity is one of these words, which are the "
     "caller's own."},
    {"route.<name>.<step>.priority", text, "", "critical,high,normal,low",
     "Condition of the step: the request's priority is one of these."},
    {"route.<name>.<step>.min_deadline_ms", integer, "0", "0..315360000000",
     "Condition of the step: the request has at least so long until its deadline, or has none."},
    {"route.<name>.<step>.max_deadline_ms", integer, "", "0..315360000000",
     "Condition of the step: the request has a deadline, and at most so long until it."},
    {"route.<name>.fallback", text, "overloaded,budget,capacity", "overloaded,budget,capacity|none",
     "Why a request moves on to a later step: the model is overloaded or thought to be out; its "
     "budget is out for longer than max_wait_ms; it refuses for want of capacity (503, or 429 for "
     "growing too fast)."},
    {"route.<name>.max_wait_ms", integer, "10000", "0..86400000",
     "How long a request waits for the budget of a model before it moves on, if a later step can "
     "start it sooner."},

    {"limit.<class>.requests_per_minute", integer, "", "1..1000000000000",
     "Requests a minute that an account may make to the models of the class. Without it, what the "
     "provider's headers say."},
    {"limit.<class>.input_tokens_per_minute", integer, "", "1..1000000000000",
     "Input tokens a minute, cache reads not counted."},
    {"limit.<class>.output_tokens_per_minute", integer, "", "1..1000000000000",
     "Output tokens a minute."},
    {"limit.<class>.tokens_per_day", integer, "", "1..1000000000000",
     "Input and output tokens a day."},

    {"limits.output_accounting", choice, "automatic", "automatic|produced|reserved",
     "How the provider counts output tokens: as they are produced, or max_tokens reserved at the "
     "start and settled at the end."},
    {"limits.burst_s", number, "0", "0..600",
     "What a bucket holds, in seconds of its refill. 0 learns it."},
    {"limits.pinned", boolean, "false", "true|false",
     "Configured limits win over what the provider's headers say."},
    {"limits.count_tokens", choice, "off", "off|always",
     "Ask the provider for the input tokens of each request before it is admitted, as the "
     "request's "
     "own count_tokens does. The calls have a limit of their own, "
     "limit.token_count.requests_per_minute: what the account's tier allows, or else 2000, "
     "unless configured or told by headers."},
    {"limits.ramp", choice, "auto", "off|auto|on",
     "Whether an account's class that is new, or was idle for limits.ramp_idle_ms, starts with a "
     "share of its limits that grows to all of them: never, once the account was refused for "
     "growing too fast, or always. What auto has learnt is kept in the journal, if there is one, "
     "or else until the engine is closed; so is what share a class has come to, from which an "
     "engine that is opened within limits.ramp_idle_ms goes on. Such a refusal slows down what "
     "follows it in any case."},
    {"limits.ramp_idle_ms", integer, "600000", "1000..86400000",
     "The time without an attempt after which limits.ramp has a class start slowly again."},
    {"limits.ramp_doubling_ms", integer, "30000", "1000..3600000",
     "The time in which the share of limits.ramp doubles; twice as long from the next start on "
     "where the provider refuses even that as growing too fast."},
    {"limits.ramp_first_percent", number, "3", "0.1..100",
     "The share of the limits, in percent, that a start by limits.ramp begins with."},
    {"limits.lease_ms", integer, "0", "0..86400000",
     "An attempt of whose end nothing is heard for so long has timed out, and what it holds of the "
     "limits counts as used. 0 is timeout.total_ms and a minute more; 3660000 where that is 0."},

    {"limits.table", text, "", "path",
     "A file with the model classes and what each tier allows, in the form of "
     "src/limits/data/limits.json, instead of the built-in table."},
    {"limits.on_spent", choice, "wait", "wait|refuse",
     "What becomes of requests that a day's budget (spend_per_day, tokens_per_day) has no room "
     "for: they wait until the day ends, or fail with WEIR_ERR_SPEND_LIMIT when they would start. "
     "While a request runs, the most that it may cost is held."},
    {"limits.day_offset_minutes", integer, "0", "-1440..1440",
     "How long before midnight UTC the days of quotas and budgets begin: the offset from UTC of "
     "the place whose days they are."},
    {"prices.table", text, "", "path",
     "A file with what tokens cost, in the form of src/limits/data/prices.json, instead of the "
     "built-in table."},
    {"spend.per_day", number, "", "0.000001..1000000",
     "Dollars a day that all requests together may cost."},

    {"class.<class>.models", text, "", "model[,model...]",
     "The models that share the limits of the class: ids, or prefixes that end in *. The longest "
     "match wins. Without it: the built-in classes, or else the class's name as a prefix."},
    {"class.<class>.max_in_flight", integer, "0", "0..65535",
     "Attempts at the models of the class that may be in flight at once, in each account. 0 is no "
     "bound."},
    {"class.<class>.cache_reads_count", boolean, "", "true|false",
     "Tokens read from the cache count as input under the limits of this class."},

    {"retry.max_attempts", integer, "8", "1..100",
     "Attempts at a request, those not counted that a rate limit turned away."},
    {"retry.max_refusals", integer, "100", "1..1000",
     "Attempts at a request that a rate limit may turn away."},
    {"retry.base_ms", integer, "500", "1..3600000", "The first backoff; each one doubles."},
    {"retry.cap_ms", integer, "30000", "1..3600000", "The longest backoff."},
    {"retry.<outcome>.max_attempts", integer, "", "1..100",
     "As retry.max_attempts, where an attempt came to this outcome: overloaded, server_error, "
     "connection, timeout, broken or stream_error (src/retry/RETRY.md)."},
    {"retry.<outcome>.base_ms", integer, "", "1..3600000", "As retry.base_ms, after this outcome."},
    {"retry.<outcome>.cap_ms", integer, "", "1..3600000", "As retry.cap_ms, after this outcome."},
    {"retry.jitter", choice, "fraction", "full|equal|fraction|decorrelated",
     "How backoffs are spread: from 0 to the backoff, from its half to the whole, by a share "
     "either way, or from retry.base_ms to three times the pause before."},
    {"retry.jitter_percent", integer, "25", "0..100", "The share of retry.jitter = fraction."},
    {"retry.after_timeout", boolean, "true", "true|false",
     "Repeat what the provider may already have executed, and billed: timeouts and connections "
     "that broke after the request was sent."},
    {"retry.max_wait_ms", integer, "0", "0..31536000000",
     "The longest wait stated by the provider (retry-after) that is waited for: beyond it a "
     "request "
     "goes to another account, or fails with the time. 0 is any, as far as the deadline allows."},
    {"retry.budget.capacity", number, "500", "0..1000000",
     "What an account and model class may spend on retries before successes pay for them. What "
     "cannot be paid for waits for retry.cap_ms or longer. 0 is no budget: every retry is made."},
    {"retry.budget.cost", number, "5", "1..1000000", "What a retry takes from the budget."},
    {"retry.budget.per_success", number, "1", "0..1000000", "What a success adds to it."},

    {"hedge.after_ms", integer, "0", "0..3600000",
     "A stream without content for so long is asked for at another account as well, once, if "
     "nothing waits there and the retry budget pays. The first to have content is passed on; the "
     "other is ended, and may be billed. 0 is never."},
    {"hedge.after_p95", boolean, "false", "true|false",
     "The same, after the time within which 95 of 100 streams of the model class have had content "
     "lately; hedge.after_ms until that is known."},
    {"hedge.max_percent", number, "5", "0.1..100",
     "Of the streams of a model class, those that may be asked for a second time."},

    {"journal.path", text, "", "path",
     "The file in which the batch lane keeps what it has accepted, made if there is none. Without "
     "it there is no batch lane. One engine at a time."},
    {"batch.work", choice, "all", "all|submit|look",
     "How much of the journal's work this engine does. submit: batches are created and asked "
     "about, and their results left for a later engine; look: nothing is created either."},
    {"batch.max_requests", integer, "100000", "1..100000",
     "A batch is closed when it has so many requests."},
    {"batch.max_bytes", integer, "256000000", "1000..256000000",
     "A batch is closed when its body would pass this."},
    {"batch.max_age_ms", integer, "60000", "0..86400000",
     "A batch is closed when its first request has waited so long."},
    {"batch.max_attempts", integer, "5", "1..100",
     "Batches that a request may be part of: what expires, or fails in a way that may pass, goes "
     "into another one. A creation that ends without a clear answer counts, too, and a refused one "
     "does not."},
    {"batch.auto_deadline_ms", integer, "86400000", "0..31536000000",
     "Requests of lane = auto take the batch lane if they have no deadline, or at least this one."},
    {"batch.calls_per_minute", integer, "1000", "1..1000000",
     "The provider's limit on calls over all batch endpoints, for each account. Unless it is set, "
     "an account with a tier has what the table of limits says of that."},
    {"batch.queue_places", integer, "200000", "1..100000000",
     "The provider's limit on requests in its processing queue, for each account. Unless it is "
     "set, an account with a tier has what the table of limits says of that."},
    {"batch.poll_min_ms", integer, "2000", "10..3600000",
     "The first pause before a batch is asked about; it grows with the batch's age and size."},
    {"batch.poll_max_ms", integer, "60000", "10..3600000", "The longest such pause."},
    {"batch.visibility_ms", integer, "300000", "0..86400000",
     "How long a batch whose creation ended without an answer may be missing from the provider's "
     "listing. It is sent again only afterwards, and each time waits twice as long."},
    {"batch.not_found_ms", integer, "600000", "0..86400000",
     "How long a batch that was created may be answered with 404 before a warning says that the "
     "key "
     "may be of another workspace. It is asked about for the 29 days of its results."},
    {"batch.on_close", choice, "leave", "leave|cancel",
     "What becomes of batches when the engine is closed: they run on, and the next engine on the "
     "journal goes on with them; or they are cancelled."},
    {"batch.delete_after", boolean, "false", "true|false",
     "Delete a batch at the provider when all its answers are acknowledged."},

    {"timeout.connect_ms", integer, "10000", "1..3600000",
     "To resolve, connect and finish the TLS handshake."},
    {"timeout.idle_ms", integer, "600000", "1..86400000",
     "Without a byte from the provider. An answer that is not streamed comes all at once, after "
     "minutes if it is long."},
    {"timeout.stall_ms", integer, "300000", "0..86400000",
     "With nothing but pings in a stream. 0 is off."},
    {"timeout.total_ms", integer, "3600000", "0..86400000", "A whole attempt. 0 is off."},

    {"transport.base_url", text, "https://api.anthropic.com", "URL",
     "Scheme and host of the provider, with an optional port and path. A /v1 at its end may stand "
     "or "
     "be left out."},
    {"transport.http_version", choice, "auto", "auto|1.1|2",
     "auto is HTTP/2 where the libcurl in use is known to do it well, else HTTP/1.1."},
    {"transport.max_connections", integer, "512", "1..65535",
     "Connections that are kept open for reuse."},
    {"transport.max_response_bytes", integer, "67108864", "1024..4294967295",
     "A response above this fails."},
    {"transport.keepalive_s", integer, "60", "1..3600",
     "The silence after which TCP keep-alive probes are sent, and the time between them."},
    {"transport.ca_file", text, "", "path",
     "The certificates to trust, in PEM form, instead of the system's."},
    {"transport.proxy", secret, "", "URL",
     "The proxy for https, which may have a password in it. The environment's proxy variables are "
     "read where transport.environment is true."},
    {"transport.no_proxy", text, "", "host[,host...]",
     "The hosts that are reached without transport.proxy; a name stands for its subdomains as "
     "well, "
     "and * for all hosts."},
    {"transport.environment", boolean, "false", "true|false",
     "true: https_proxy, all_proxy and no_proxy, in small or capital letters, and SSL_CERT_FILE "
     "are "
     "read from the environment when the engine is opened, each where its own setting is not "
     "given."},
    {"transport.plain_http_hosts", text, "", "host[,host...]",
     "The hosts that may be spoken to without TLS, beside this machine's own addresses."},

    {"provider.version", choice, "2023-06-01", "2023-06-01|2026-10-21",
     "The version of the API: the value of the anthropic-version header. 2026-10-21 refuses "
     "temperature, top_p and top_k, which the older one takes."},

    {"log.level", choice, "error", "off|error|warning|info|debug",
     "The log records that become events."},
};

}  // namespace

std::span<const KeyRow> config_table() { return kRows; }

}  // namespace weir
