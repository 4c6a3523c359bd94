#include "engine/key_files.h"

#include <fmt/format.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <new>
#include <utility>

#include "engine/failure.h"
#include "engine/key_access.h"
#include "engine/path_directories.h"
#include "engine/secret.h"

namespace weir {
namespace {

constexpr std::uint32_t kEvents = IN_CLOSE_WRITE | IN_CREATE | IN_DELETE | IN_MOVED_FROM |
                                  IN_MOVED_TO | IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF;
// While the watches are set a path may come to lead elsewhere.
constexpr int kMostRounds = 4;

}  // namespace

std::unique_ptr<KeyFiles> KeyFiles::make(const Settings& settings, Poller* poller, Host* host) {
    std::vector<File> files;
    for (std::size_t account = 0; account < settings.accounts.size(); ++account) {
        const std::vector<ConfiguredKey>& keys = settings.accounts[account].keys;
        for (std::size_t key = 0; key < keys.size(); ++key) {
            if (keys[key].file.empty()) continue;
            files.push_back(
                {.id = {static_cast<std::uint16_t>(account), static_cast<std::uint16_t>(key)},
                 .source = keys[key].source,
                 .path = keys[key].file,
                 .secret = keys[key].secret});
        }
    }
    if (files.empty()) return nullptr;
    Descriptor inotify(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
    if (inotify.get() < 0) {
        host->on_key_file_problem(
            fmt::format("{}: the file is not read again when it changes: no inotify instance could "
                        "be had (error {})",
                        files.front().source, errno));
        return nullptr;
    }
    std::unique_ptr<KeyFiles> made(new KeyFiles(std::move(inotify), poller, host));
    made->files_ = std::move(files);
    return made;
}

KeyFiles::KeyFiles(Descriptor inotify, Poller* poller, Host* host)
    : inotify_(std::move(inotify)), poller_(poller), host_(host) {
    poller_->watch(inotify_.get(), EPOLLIN, this);
}

KeyFiles::~KeyFiles() {
    if (inotify_.get() >= 0) poller_->unwatch(inotify_.get());
    for (File& file : files_) wipe(&file.secret);
}

void KeyFiles::on_ready(int, std::uint32_t) { is_ready_ = true; }

// What it was that happened in the directories does not matter.
void KeyFiles::drain() noexcept {
    alignas(inotify_event) char buffer[4096];
    for (;;) {
        const ssize_t size = ::read(inotify_.get(), buffer, sizeof buffer);
        if (size <= 0 && !(size < 0 && errno == EINTR)) return;
    }
}

void KeyFiles::turn() {
    if (!is_ready_ && !has_to_retry_) return;
    drain();
    is_ready_ = false;
    has_to_retry_ = true;
    try {
        // The watches come before the reading, so that no change is missed between the two.
        watch_directories();
        for (File& file : files_) read(&file);
        has_to_retry_ = false;
    } catch (const std::bad_alloc&) {
    }
}

void KeyFiles::watch_directories() {
    std::vector<std::string> before;
    for (int round = 0; round < kMostRounds; ++round) {
        std::vector<std::string> directories;
        for (const File& file : files_) {
            for (std::string& each : directories_of_path(file.path)) {
                directories.push_back(std::move(each));
            }
        }
        if (directories == before) return;
        if (!watch(directories) && !std::exchange(is_told_of_watches_, true)) {
            host_->on_key_file_problem(
                fmt::format("{}: the file may not be read again when it changes: there are no more "
                            "inotify watches",
                            files_.front().source));
        }
        before = std::move(directories);
    }
}

// Watches these, and no others. False if there are no more watches.
bool KeyFiles::watch(const std::vector<std::string>& directories) {
    bool enough = true;
    std::map<int, std::string> watches;
    for (const std::string& directory : directories) {
        const int watch = ::inotify_add_watch(inotify_.get(), directory.c_str(), kEvents);
        if (watch >= 0) {
            watches.emplace(watch, directory);
        } else if (errno == ENOSPC) {
            enough = false;
        }
    }
    for (const auto& [watch, directory] : watches_) {
        if (!watches.contains(watch)) ::inotify_rm_watch(inotify_.get(), watch);
    }
    watches_ = std::move(watches);
    return enough;
}

void KeyFiles::read(File* file) {
    struct stat status {};
    if (::stat(file->path.c_str(), &status) == 0 && !S_ISREG(status.st_mode)) return;
    std::string secret;
    try {
        secret = secret_of_file(file->source, file->path);
    } catch (const Failure& failure) {
        if (std::exchange(file->has_failed, true)) return;
        return host_->on_key_file_problem(
            fmt::format("{}; the key stays what it was", failure.message()));
    }
    file->has_failed = false;
    if (secret != file->secret) {
        host_->on_key_file(file->id, secret);
        file->secret.swap(secret);
    }
    wipe(&secret);
}

}  // namespace weir
