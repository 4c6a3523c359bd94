#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "weir_dl_table.h"

struct weir_dl_table weir_dl;

static void look_up(void* library, const char* name, void* pointer) {
    void* address = dlsym(library, name);
    if (address == NULL) {
        fprintf(stderr, "%s\n", dlerror());
        exit(2);
    }
    /* ISO C has no cast from an object's pointer to a function's. */
    memcpy(pointer, &address, sizeof address);
}

void weir_dl_load(void) {
    void* library = dlopen(WEIR_LIBRARY_PATH, RTLD_NOW | RTLD_LOCAL);
    if (library == NULL) {
        fprintf(stderr, "%s\n", dlerror());
        exit(2);
    }
#define WEIR_DL_FILL(name) look_up(library, #name, &weir_dl.name);
    WEIR_FUNCTIONS(WEIR_DL_FILL)
#undef WEIR_DL_FILL
}
