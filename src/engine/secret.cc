#include "engine/secret.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>

#include "engine/config_table.h"
#include "engine/descriptor.h"
#include "engine/failure.h"
#include "weir/weir.h"

namespace weir {
namespace {

constexpr std::size_t kMaxFile = 65536;

std::string reason(int error_number) {
    switch (error_number) {
        case ENOENT:
            return "there is no such file";
        case EACCES:
            return "permission is denied";
        case EISDIR:
            return "it is a directory";
        default:
            return fmt::format("error {}", error_number);
    }
}

std::string read_file(std::string_view key, const std::string& path) {
    const auto refuse = [&](const std::string& why) {
        throw Failure(WEIR_ERR_IO, ErrorSource::config,
                      fmt::format("{}: {} cannot be read: {}", key, path, why));
    };
    const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (file.get() < 0) refuse(reason(errno));
    std::string content(kMaxFile, '\0');
    std::size_t size = 0;
    while (size < content.size()) {
        const ssize_t got = ::read(file.get(), &content[size], content.size() - size);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) refuse(reason(errno));
        if (got == 0) break;
        size += static_cast<std::size_t>(got);
    }
    if (size == content.size()) refuse("it is too large to be a key");
    content.resize(size);
    return content;
}

std::string checked(std::string_view key, std::string value) {
    while (value.ends_with('\n') || value.ends_with('\r')) value.pop_back();
    if (value.empty()) {
        throw Failure(WEIR_ERR_INVALID_VALUE, ErrorSource::config,
                      fmt::format("{}: there is no key in it", key));
    }
    return checked_value(*find_row("account.any.key"), key, value);
}

}  // namespace

std::string account_key(const Config& config, std::string_view account) {
    const std::string base = fmt::format("account.{}.key", account);
    const std::string sources[] = {base, base + "_env", base + "_file"};
    const std::string* chosen = nullptr;
    for (const std::string& source : sources) {
        if (!config.is_set(source)) continue;
        if (chosen != nullptr) {
            throw Failure(WEIR_ERR_INVALID_VALUE, ErrorSource::config,
                          fmt::format("{} and {} are both set; set one", *chosen, source));
        }
        chosen = &source;
    }
    if (chosen == nullptr) {
        throw Failure(WEIR_ERR_INVALID_VALUE, ErrorSource::config,
                      fmt::format("account.{} has no key: set {}, {} or {}", account, sources[0],
                                  sources[1], sources[2]));
    }
    const std::string value(config.value(*chosen));
    if (chosen == &sources[0]) return value;
    if (chosen == &sources[2]) return checked(*chosen, read_file(*chosen, value));

    const char* variable = std::getenv(value.c_str());
    if (variable == nullptr) {
        throw Failure(WEIR_ERR_INVALID_VALUE, ErrorSource::config,
                      fmt::format("{}: the environment has no variable {}", *chosen, value));
    }
    return checked(*chosen, variable);
}

void cover_secret(std::string_view secret, std::string* text) {
    if (secret.empty()) return;
    for (std::size_t at = text->find(secret); at != std::string::npos;
         at = text->find(secret, at)) {
        text->replace(at, secret.size(), kHiddenSecret);
        at += kHiddenSecret.size();
    }
}

}  // namespace weir
