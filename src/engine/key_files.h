#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "accounts/key_ring.h"
#include "engine/descriptor.h"
#include "engine/settings.h"
#include "engine/transport.h"

namespace weir {

// The files that keys come from, which are read again when they change. The kernel tells of changes
// in their directories (inotify), so that a file may as well be replaced, or a symbolic link on the
// way to it; what is in it then decides whether the key has changed. It belongs to the loop.
class KeyFiles final : private Poller::Watcher {
public:
    class Host {
    public:
        virtual ~Host() = default;
        // The file has another secret than before. May throw std::bad_alloc: it is said again.
        virtual void on_key_file(KeyId id, std::string_view secret) = 0;
        virtual void on_key_file_problem(std::string_view problem) noexcept = 0;
    };

    // NULL if no key comes from a file, or the kernel has no watches to give.
    static std::unique_ptr<KeyFiles> make(const Settings& settings, Poller* poller, Host* host);
    ~KeyFiles() override;

    // Reads what may have changed, and tells the host.
    void turn();
    bool has_to_retry() const { return has_to_retry_; }

    void close_descriptors_only() noexcept { inotify_.close(); }

private:
    struct File {
        KeyId id;
        std::string source;  // the key of the configuration
        std::string path;
        std::string secret;  // what was in it
        bool has_failed = false;
    };

    KeyFiles(Descriptor inotify, Poller* poller, Host* host);
    void on_ready(int fd, std::uint32_t epoll_events) override;
    void drain() noexcept;
    void watch_directories();
    bool watch(const std::vector<std::string>& directories);
    void read(File* file);

    Descriptor inotify_;
    Poller* const poller_;
    Host* const host_;
    std::vector<File> files_;
    std::map<int, std::string> watches_;  // directories by watch
    bool is_ready_ = true;                // they are to be set, and the files to be read
    bool has_to_retry_ = false;
    bool is_told_of_watches_ = false;
};

}  // namespace weir
