#include "engine/file_text.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>

#include "engine/descriptor.h"
#include "engine/failure.h"
#include "weir/weir.h"

namespace weir {
namespace {

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

}  // namespace

std::string read_file(std::string_view key, const std::string& path, std::size_t most,
                      std::string_view what) {
    const auto refuse = [&](const std::string& why) {
        throw Failure(WEIR_ERR_IO, ErrorSource::config,
                      fmt::format("{}: {} cannot be read: {}", key, path, why));
    };
    const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (file.get() < 0) refuse(reason(errno));
    std::string content(most, '\0');
    std::size_t size = 0;
    while (size < content.size()) {
        const ssize_t got = ::read(file.get(), &content[size], content.size() - size);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) refuse(reason(errno));
        if (got == 0) break;
        size += static_cast<std::size_t>(got);
    }
    if (size == content.size()) refuse(fmt::format("it is too large to be {}", what));
    content.resize(size);
    return content;
}

}  // namespace weir
