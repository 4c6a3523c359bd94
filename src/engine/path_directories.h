#pragma once

#include <string>
#include <vector>

namespace weir {

// The directories in which something has to change for the path to lead to other content: those of
// the file and of the symbolic links on the way to it, or else the deepest one that is there.
// Sorted, each once.
std::vector<std::string> directories_of_path(const std::string& path);

}  // namespace weir
