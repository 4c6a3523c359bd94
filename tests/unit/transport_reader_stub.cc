// Stands in for the provider's reader until that lands.
#include <map>

#include "provider/response_reader.h"

namespace weir {
namespace {
struct State {
    std::size_t max = 0;
    int status = 0;
    bool progress = false;
    std::vector<ResponseReader::Header> headers;
    std::string body;
    std::string line;
};
std::map<const ResponseReader*, State>& states() {
    static auto* all = new std::map<const ResponseReader*, State>;
    return *all;
}
State& of(const ResponseReader* reader) { return states()[reader]; }
}  // namespace

void ResponseReader::reset(bool, std::size_t max_bytes, std::int64_t, Sink*) {
    of(this) = State{};
    of(this).max = max_bytes;
}
void ResponseReader::on_status(int http_status) { of(this).status = http_status; }
void ResponseReader::on_header(std::string_view name, std::string_view value) {
    of(this).headers.emplace_back(name, value);
}
void ResponseReader::on_headers_end() {}
bool ResponseReader::on_body(std::string_view bytes) {
    State& state = of(this);
    state.body.append(bytes);
    if (state.body.size() > state.max) return false;
    if (bytes.find("ping") == std::string_view::npos) state.progress = true;
    return true;
}
bool ResponseReader::take_progress() { return std::exchange(of(this).progress, false); }
void ResponseReader::finish(const WireEnd&, Outcome*, ErrorDetail*) {}
int ResponseReader::http_status() const { return of(this).status; }
const std::vector<ResponseReader::Header>& ResponseReader::headers() const {
    return of(this).headers;
}
std::string ResponseReader::take_body() { return std::move(of(this).body); }
}  // namespace weir
