#include "model/config_json.h"

#include "model/json_reader.h"

namespace weir::model {

namespace {

void read_limits_object(const Json& json, const std::string& path, Limits* limits) {
    JsonReader reader(json, path);
    reader.read("requests_per_minute", &limits->requests_per_minute);
    reader.read("input_tokens_per_minute", &limits->input_tokens_per_minute);
    reader.read("output_tokens_per_minute", &limits->output_tokens_per_minute);
    reader.read("tokens_per_day", &limits->tokens_per_day);
    reader.done();
}

// A number is a fixed value; an object has "median" or "mean", and "sigma".
void read_distribution(JsonReader* reader, const char* name, Lognormal* out) {
    const Json* found = reader->find(name);
    if (found == nullptr) return;
    if (found->is_number()) {
        *out = {found->get<double>(), 0};
        return;
    }
    JsonReader parts(*found, reader->place(name));
    double mean = 0;
    parts.read("sigma", &out->sigma);
    parts.read("median", &out->median);
    parts.read("mean", &mean);
    if (mean > 0) *out = Lognormal::with_mean(mean, out->sigma);
    parts.done();
}

void read_enforcement(JsonReader* reader, Enforcement* out) {
    reader->read_name(
        "output_accounting", 2,
        [](OutputAccounting kind) {
            return kind == OutputAccounting::produced ? "produced" : "reserved";
        },
        &out->output);
    reader->read("depth_s", &out->depth_s);
    reader->read("initial_fill", &out->initial_fill);
    reader->read("rolling_day", &out->rolling_day);
    reader->read("refused_count", &out->refused_count);
    reader->read("strict_depth", &out->strict_depth);
    if (const Json* ramp = reader->find("ramp")) {
        JsonReader parts(*ramp, reader->place("ramp"));
        parts.read("start_per_minute", &out->ramp.start_per_minute);
        parts.read("growth_per_minute", &out->ramp.growth_per_minute);
        parts.read("idle_s", &out->ramp.idle_s);
        parts.read("growth_factor", &out->ramp.growth_factor);
        parts.read("step_s", &out->ramp.step_s);
        parts.done();
    }
}

ModelClass read_class(const Json& json, const std::string& path) {
    ModelClass out;
    JsonReader reader(json, path);
    reader.read("name", &out.name);
    reader.read("models", &out.models);
    if (const Json* limits = reader.find("limits")) {
        read_limits_object(*limits, reader.place("limits"), &out.limits);
    }
    read_enforcement(&reader, &out.enforcement);
    read_distribution(&reader, "output_tokens", &out.generation.output_tokens);
    read_distribution(&reader, "first_token_s", &out.generation.first_token_s);
    read_distribution(&reader, "tokens_per_s", &out.generation.tokens_per_s);
    reader.done();
    if (out.models.empty()) out.models = {out.name + "*"};
    return out;
}

template <typename List>
int index_named(const List& list, const std::string& name, const std::string& place) {
    for (std::size_t i = 0; i < list.size(); ++i) {
        if (list[i].name == name) return static_cast<int>(i);
    }
    throw ConfigError(fmt::format("{}: there is no \"{}\"", place, name));
}

void read_scope(JsonReader* reader, const Config& config, int* account, int* model_class) {
    std::string name;
    reader->read("account", &name);
    if (!name.empty()) *account = index_named(config.accounts, name, reader->place("account"));
    name.clear();
    reader->read("class", &name);
    if (!name.empty()) *model_class = index_named(config.classes, name, reader->place("class"));
}

void read_account(const Json& json, const std::string& path, Config* config) {
    JsonReader reader(json, path);
    Account account;
    reader.read("name", &account.name);
    if (const Json* limits = reader.find("limits")) {
        JsonReader by_class(*limits, reader.place("limits"));
        for (std::size_t c = 0; c < config->classes.size(); ++c) {
            const std::string& name = config->classes[c].name;
            const Json* own = by_class.find(name.c_str());
            if (own == nullptr) continue;
            Account::Override entry{static_cast<int>(c), {}};
            read_limits_object(*own, by_class.place(name), &entry.limits);
            account.overrides.push_back(entry);
        }
        by_class.done();
    }
    const int index = static_cast<int>(config->accounts.size());
    if (const Json* keys = reader.find("keys")) {
        for (const Json& one : *keys) {
            Key key{"", index, kNever};
            if (one.is_string()) {
                key.secret = one.get<std::string>();
            } else {
                JsonReader parts(one, reader.place("keys"));
                parts.read("secret", &key.secret);
                parts.read_seconds("revoked_at_s", &key.revoked_at);
                parts.done();
            }
            config->keys.push_back(key);
        }
    }
    reader.done();
    config->accounts.push_back(account);
}

FaultRule read_fault_object(const Json& json, const std::string& path, const Config& config) {
    FaultRule rule;
    JsonReader reader(json, path);
    reader.read_name("kind", kFaultKinds, fault_kind_name, &rule.kind);
    reader.read("probability", &rule.probability);
    reader.read("every", &rule.every);
    reader.read("first", &rule.first);
    reader.read_seconds("from_s", &rule.from);
    reader.read_seconds("until_s", &rule.until);
    reader.read("at", &rule.at);
    reader.read_seconds("lasts_s", &rule.lasts_ns);
    reader.read_seconds("retry_after_s", &rule.retry_after_ns);
    reader.read_name("style", kRetryAfterStyles, retry_after_style_name, &rule.style);
    read_scope(&reader, config, &rule.account, &rule.model_class);
    reader.done();
    if (rule.kind == FaultKind::none) throw ConfigError(path + ": a kind is needed");
    return rule;
}

Cotenant read_cotenant(const Json& json, const std::string& path, const Config& config) {
    Cotenant out;
    JsonReader reader(json, path);
    read_scope(&reader, config, &out.account, &out.model_class);
    reader.read("share", &out.share);
    reader.read("on_s", &out.on_s);
    reader.read("off_s", &out.off_s);
    reader.read("random", &out.random);
    reader.read("requests", &out.requests);
    reader.read("input_tokens", &out.input_tokens);
    reader.read("output_tokens", &out.output_tokens);
    reader.done();
    return out;
}

void read_change_scope(JsonReader* reader, const Config& config, LimitChange* change) {
    read_scope(reader, config, &change->account, &change->model_class);
    reader->read("factor", &change->factor);
    if (const Json* limits = reader->find("limits")) {
        read_limits_object(*limits, reader->place("limits"), &change->limits);
    }
}

// Calls read(element, path) for each element of a list, if there is one.
template <typename Read>
void for_each_of(JsonReader* reader, const char* name, Read&& read) {
    const Json* list = reader->find(name);
    if (list == nullptr) return;
    if (!list->is_array()) throw ConfigError(reader->place(name) + ": a list is expected");
    for (std::size_t i = 0; i < list->size(); ++i) {
        read((*list)[i], fmt::format("{}[{}]", reader->place(name), i));
    }
}

Json parse(std::string_view text) {
    try {
        return Json::parse(text);
    } catch (const Json::exception& error) {
        throw ConfigError(error.what());
    }
}

// "a=1,b=x" as an object: numbers where they read as numbers, true and false, else strings.
Json parse_pairs(std::string_view text) {
    Json object = Json::object();
    while (!text.empty()) {
        const std::size_t comma = text.find(',');
        const std::string_view pair = text.substr(0, comma);
        text = comma == std::string_view::npos ? "" : text.substr(comma + 1);
        const std::size_t equals = pair.find('=');
        if (equals == std::string_view::npos) {
            throw ConfigError(fmt::format("\"{}\": name=value is expected", pair));
        }
        const std::string_view value = pair.substr(equals + 1);
        const Json parsed = Json::parse(value, nullptr, false);
        const bool plain = parsed.is_number() || parsed.is_boolean();
        object[std::string(pair.substr(0, equals))] = plain ? parsed : Json(std::string(value));
    }
    return object;
}

}  // namespace

void read_config(std::string_view text, Config* config) {
    const Json json = parse(text);
    JsonReader reader(json, "");
    reader.read("seed", &config->seed);
    reader.read_name("headers", kHeaderFamilies, header_family_name, &config->headers);
    reader.read("rounding", &config->rounding);
    reader.read("should_retry_header", &config->should_retry_header);
    reader.read("survives_disconnect", &config->survives_disconnect);
    reader.read_name("retry_after", kRetryAfterStyles, retry_after_style_name,
                     &config->retry_after);
    if (json.contains("classes")) config->classes.clear();
    for_each_of(&reader, "classes", [&](const Json& one, const std::string& path) {
        config->classes.push_back(read_class(one, path));
    });
    if (json.contains("accounts")) {
        config->accounts.clear();
        config->keys.clear();
    }
    for_each_of(&reader, "accounts",
                [&](const Json& one, const std::string& path) { read_account(one, path, config); });
    for_each_of(&reader, "cotenants", [&](const Json& one, const std::string& path) {
        config->cotenants.push_back(read_cotenant(one, path, *config));
    });
    for_each_of(&reader, "changes", [&](const Json& one, const std::string& path) {
        JsonReader parts(one, path);
        LimitChange change;
        parts.read_seconds("at_s", &change.at);
        read_change_scope(&parts, *config, &change);
        parts.done();
        config->changes.push_back(change);
    });
    for_each_of(&reader, "faults", [&](const Json& one, const std::string& path) {
        config->faults.push_back(read_fault_object(one, path, *config));
    });
    reader.done();
}

FaultRule read_fault(std::string_view text, const Config& config) {
    return read_fault_object(parse_pairs(text), "fault", config);
}

Limits read_limits(std::string_view text) {
    const Json json = parse_pairs(text);
    Limits limits;
    JsonReader reader(json, "limits");
    reader.read("rpm", &limits.requests_per_minute);
    reader.read("itpm", &limits.input_tokens_per_minute);
    reader.read("otpm", &limits.output_tokens_per_minute);
    reader.read("tpd", &limits.tokens_per_day);
    reader.done();
    return limits;
}

void apply_change(std::string_view text, Model* model, TimeNs now) {
    const Json json = parse(text);
    JsonReader reader(json, "");
    LimitChange change;
    read_change_scope(&reader, model->config(), &change);
    std::vector<FaultRule> faults;
    for_each_of(&reader, "faults", [&](const Json& one, const std::string& path) {
        faults.push_back(read_fault_object(one, path, model->config()));
    });
    const auto read_key = [&](const char* name) {
        std::string secret;
        reader.read(name, &secret);
        const int key = secret.empty() ? -1 : model->find_key(secret);
        if (key < 0 && !secret.empty()) throw ConfigError(reader.place(name) + ": no such key");
        return key;
    };
    const int revoke = read_key("revoke");
    const int restore = read_key("restore");
    reader.done();

    if (change.factor > 0) {
        model->scale_limits(change.account, change.model_class, change.factor, now);
    } else if (json.contains("limits")) {
        model->set_limits(change.account, change.model_class, change.limits, now);
    }
    if (json.contains("faults")) model->set_faults(faults);
    if (revoke >= 0) model->revoke_key(revoke, now);
    if (restore >= 0) model->restore_key(restore, now);
}

}  // namespace weir::model
