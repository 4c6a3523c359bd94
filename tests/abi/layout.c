/* The one public struct, member by member, as bindings mirror it. */
#include <stdio.h>
#include <weir/weir.h>

#define AT(member, offset, size)                                                    \
    _Static_assert(offsetof(weir_event, member) == (offset), #member " has moved"); \
    _Static_assert(sizeof(((weir_event*)0)->member) == (size), #member " has its size changed")

_Static_assert(sizeof(void*) != 8 || sizeof(weir_event) == 64, "64 bytes with 64-bit pointers");
#if UINTPTR_MAX == UINT64_MAX
AT(ticket, 0, 8);
AT(user_data, 8, 8);
AT(type, 16, 4);
AT(status, 20, 4);
AT(flags, 24, 4);
AT(index, 28, 4);
AT(data, 32, 8);
AT(data_length, 40, 8);
AT(object, 48, 8);
AT(reserved, 56, 8);
#endif

int main(void) {
    if (weir_event_size() != sizeof(weir_event)) {
        printf("the library's weir_event has %zu bytes, the header's %zu\n", weir_event_size(),
               sizeof(weir_event));
        return 1;
    }
    return 0;
}
