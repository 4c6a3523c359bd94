#include "ticket_map.h"

#include <stdlib.h>

#define FIRST_SLOTS ((size_t)1024)

static struct ticket_slot* slot_of(const struct ticket_map* map, uint64_t ticket) {
    size_t i = (size_t)((ticket * 0x9E3779B97F4A7C15u) >> 32) & (map->slot_count - 1);
    while (map->slots[i].ticket && map->slots[i].ticket != ticket)
        i = (i + 1) & (map->slot_count - 1);
    return &map->slots[i];
}

static int grow(struct ticket_map* map) {
    struct ticket_map larger = {.slot_count = map->slots ? map->slot_count * 2 : FIRST_SLOTS};
    larger.slots = calloc(larger.slot_count, sizeof *larger.slots);
    if (!larger.slots) return 0;
    larger.used = map->used;
    for (size_t i = 0; i < map->slot_count; i++)
        if (map->slots[i].ticket) *slot_of(&larger, map->slots[i].ticket) = map->slots[i];
    free(map->slots);
    *map = larger;
    return 1;
}

int ticket_map_add(struct ticket_map* map, uint64_t ticket, struct id* id) {
    if (map->used >= map->slot_count / 2 && !grow(map)) return 0;
    *slot_of(map, ticket) = (struct ticket_slot){ticket, id};
    map->used++;
    return 1;
}

struct id* ticket_map_find(const struct ticket_map* map, uint64_t ticket) {
    return map->slots ? slot_of(map, ticket)->id : NULL;
}

void ticket_map_clear(struct ticket_map* map) {
    free(map->slots);
    *map = (struct ticket_map){0};
}
