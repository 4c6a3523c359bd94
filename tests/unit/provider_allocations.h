#pragma once

#include <cstddef>

// How often this program has allocated.
std::size_t allocations();
