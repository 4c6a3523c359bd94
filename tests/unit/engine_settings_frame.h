#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <initializer_list>
#include <string>
#include <utility>

#include "engine/failure.h"
#include "engine/settings.h"

namespace weir {

inline Config with(std::initializer_list<std::pair<const char*, const char*>> values) {
    Config config;
    for (const auto& [key, value] : values) config.set(key, value);
    return config;
}

// The message that making the settings fails with, or "".
inline std::string problem_of(const Config& config) {
    try {
        make_settings(config);
        return "";
    } catch (const Failure& failure) {
        return failure.message();
    }
}

class TemporaryFile {
public:
    explicit TemporaryFile(const std::string& content) {
        const int fd = ::mkstemp(path_.data());
        ::close(fd);
        std::ofstream(path_) << content;
    }
    ~TemporaryFile() { ::unlink(path_.c_str()); }
    const char* path() const { return path_.c_str(); }

private:
    std::string path_ = ::testing::TempDir() + "weir-XXXXXX";
};

}  // namespace weir
