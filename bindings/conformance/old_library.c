/* A library of an earlier version, as far as a binding looks at it before it refuses it. */
#include <stdint.h>

uint32_t weir_version_num(void);
uint32_t weir_version_num(void) { return 9; }
