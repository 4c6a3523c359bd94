// Runs a fuzz target over the files of its corpus, for builds without libFuzzer: each as it is,
// and each cut off at every byte of its first few thousand.

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "fuzz_input.h"

namespace {

// The input is copied to memory of exactly its size, for the sanitizers to see a byte too far.
void run(const std::string& bytes, std::size_t size) {
    const auto exact = std::make_unique<std::uint8_t[]>(size);
    std::copy_n(bytes.begin(), size, exact.get());
    LLVMFuzzerTestOneInput(exact.get(), size);
}

}  // namespace

int main(int argc, char** argv) {
    constexpr std::size_t most_cuts = 2000;
    if (argc != 2) {
        std::fprintf(stderr, "usage: %s CORPUS_DIRECTORY\n", argv[0]);
        return 2;
    }
    std::vector<std::filesystem::path> files;
    for (const auto& entry : std::filesystem::directory_iterator(argv[1])) {
        if (entry.is_regular_file()) files.push_back(entry.path());
    }
    std::sort(files.begin(), files.end());
    for (const auto& file : files) {
        std::string bytes(std::filesystem::file_size(file), '\0');
        std::ifstream in(file, std::ios::binary);
        if (!in.read(bytes.data(), static_cast<std::streamsize>(bytes.size()))) return 1;
        std::fprintf(stderr, "%s\n", file.filename().c_str());
        for (std::size_t size = 0; size < std::min(bytes.size(), most_cuts); ++size) {
            run(bytes, size);
        }
        run(bytes, bytes.size());
    }
    std::printf("%zu inputs\n", files.size());
    return files.empty() ? 1 : 0;
}
