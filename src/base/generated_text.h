#pragma once

#include <cstdio>
#include <string>
#include <string_view>

namespace weir {

// The end of a program that writes a document: to standard output, or, with a file as its argument,
// it checks that the file is what would be written. `target` writes the file anew.
inline int write_or_check(int argc, char** argv, std::string_view text, const char* target) {
    if (argc < 2) {
        std::fwrite(text.data(), 1, text.size(), stdout);
        return 0;
    }
    std::string content;
    if (std::FILE* file = std::fopen(argv[1], "rb")) {
        for (int c = std::fgetc(file); c != EOF; c = std::fgetc(file)) {
            content += static_cast<char>(c);
        }
        std::fclose(file);
    }
    if (content == text) return 0;
    std::fprintf(stderr, "%s is not what its table says: run ninja %s\n", argv[1], target);
    return 1;
}

}  // namespace weir
