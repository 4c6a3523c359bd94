#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace weir {

// The content of the file that the value of `key` names, of less than `most` bytes; `what` is what
// it would be too large for ("a key"). Throws Failure with the key's name and the path.
std::string read_file(std::string_view key, const std::string& path, std::size_t most,
                      std::string_view what);

}  // namespace weir
