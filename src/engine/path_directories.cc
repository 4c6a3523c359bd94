#include "engine/path_directories.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <climits>
#include <deque>
#include <string_view>

namespace weir {
namespace {

constexpr int kMostLinks = 40;

// Puts the segments of a path in front.
void prepend(std::string_view path, std::deque<std::string>* segments) {
    std::vector<std::string> parts;
    while (!path.empty()) {
        const std::string_view part = path.substr(0, path.find('/'));
        path.remove_prefix(std::min(path.size(), part.size() + 1));
        if (!part.empty() && part != ".") parts.emplace_back(part);
    }
    segments->insert(segments->begin(), parts.begin(), parts.end());
}

// The target of a symbolic link; "" if it is none.
std::string link_target(const std::string& path) {
    char target[PATH_MAX];
    const ssize_t size = ::readlink(path.c_str(), target, sizeof target);
    return std::string(target, size < 0 ? 0 : static_cast<std::size_t>(size));
}

}  // namespace

std::vector<std::string> directories_of_path(const std::string& path) {
    std::vector<std::string> directories;
    std::deque<std::string> segments;
    prepend(path, &segments);
    std::string at = path.starts_with('/') ? "/" : "./";
    for (int links = 0; !segments.empty();) {
        const std::string whole = at + segments.front();
        segments.pop_front();
        const std::string target = link_target(whole);
        if (!target.empty()) {
            directories.push_back(at);
            if (++links > kMostLinks) break;
            if (target.starts_with('/')) at.assign(1, '/');
            prepend(target, &segments);
            continue;
        }
        struct stat status {};
        const bool is_directory = ::stat(whole.c_str(), &status) == 0 && S_ISDIR(status.st_mode);
        if (segments.empty() || !is_directory) {
            directories.push_back(at);
            break;
        }
        at = whole + "/";
    }
    std::sort(directories.begin(), directories.end());
    directories.erase(std::unique(directories.begin(), directories.end()), directories.end());
    return directories;
}

}  // namespace weir
