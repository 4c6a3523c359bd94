#include <sys/resource.h>

#include <cstdio>
#include <exception>
#include <fstream>

#include "http/options.h"
#include "http/server.h"

namespace {

// A test may open thousands of connections.
void allow_many_connections() {
    rlimit files{};
    if (getrlimit(RLIMIT_NOFILE, &files) != 0) return;
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
}

bool write_report(const std::string& file, const std::string& report) {
    std::ofstream out(file, std::ios::binary | std::ios::trunc);
    out << report;
    out.close();
    return static_cast<bool>(out);
}

}  // namespace

int main(int argc, char** argv) {
    weir::model::Options options;
    int exit_status = 0;
    if (!weir::model::read_options(argc, argv, &options, &exit_status)) return exit_status;
    allow_many_connections();
    try {
        weir::model::Server server(options);
        std::printf("listening on %s\n", server.url().c_str());
        std::fflush(stdout);
        server.run();
        if (!options.report_file.empty() && !write_report(options.report_file, server.report())) {
            std::fprintf(stderr, "weir-model-server: %s: cannot be written\n",
                         options.report_file.c_str());
            return 1;
        }
    } catch (const std::exception& problem) {
        std::fprintf(stderr, "weir-model-server: %s\n", problem.what());
        return 1;
    }
    return 0;
}
