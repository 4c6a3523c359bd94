#pragma once

/* What the program says of its command line. */

extern const char usage_text[];
extern const char run_help_text[];
extern const char batch_help_text[];
