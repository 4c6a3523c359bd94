/* Pointers to every function of the library, for the tests that load it with dlopen. */
#ifndef WEIR_TESTS_API_WEIR_DL_TABLE_H
#define WEIR_TESTS_API_WEIR_DL_TABLE_H

#include <weir/weir.h>

#include "weir_functions.h"

struct weir_dl_table {
#define WEIR_DL_MEMBER(name) __typeof__(&name) name;
    WEIR_FUNCTIONS(WEIR_DL_MEMBER)
#undef WEIR_DL_MEMBER
};

extern struct weir_dl_table weir_dl;

/* Loads the library and looks every function up; ends the program if one is missing. May be called
 * again: a second load gives the same functions. */
void weir_dl_load(void);

#endif
