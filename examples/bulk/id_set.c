#include "id_set.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define CHUNK_BYTES ((size_t)64 * 1024)

struct id_chunk {
    struct id_chunk* next;
    size_t used;
    size_t capacity;
    char bytes[];
};

/* FNV-1a, with a last multiplication so that the low bits depend on every byte. */
static size_t hash_text(const char* text) {
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (; *text; text++) hash = (hash ^ (unsigned char)*text) * UINT64_C(0x100000001b3);
    hash = (hash ^ (hash >> 32)) * UINT64_C(0x9e3779b97f4a7c15);
    return (size_t)(hash ^ (hash >> 29));
}

/* The slot of `text`, or the free one where it belongs. */
static struct id** find_slot(struct id** slots, size_t slot_count, const char* text) {
    size_t at = hash_text(text) & (slot_count - 1);
    while (slots[at] && strcmp(slots[at]->text, text) != 0) at = (at + 1) & (slot_count - 1);
    return &slots[at];
}

static int grow(struct id_set* set) {
    size_t slot_count = set->slot_count ? set->slot_count * 2 : 1024;
    struct id** slots = calloc(slot_count, sizeof *slots);
    if (!slots) return -1;
    for (size_t i = 0; i < set->slot_count; i++)
        if (set->slots[i]) *find_slot(slots, slot_count, set->slots[i]->text) = set->slots[i];
    free(set->slots);
    set->slots = slots;
    set->slot_count = slot_count;
    return 0;
}

static struct id* new_entry(struct id_set* set, const char* text) {
    size_t size = sizeof(struct id) + strlen(text) + 1;
    struct id_chunk* chunk = set->chunks;
    if (!chunk || chunk->capacity - chunk->used < size) {
        size_t capacity = size > CHUNK_BYTES ? size : CHUNK_BYTES;
        chunk = malloc(sizeof *chunk + capacity);
        if (!chunk) return NULL;
        *chunk = (struct id_chunk){.next = set->chunks, .capacity = capacity};
        set->chunks = chunk;
    }
    struct id* entry =
        (struct id*)(chunk->bytes + chunk->used); /* bytes alone: any address will do */
    chunk->used += size;
    entry->flags = 0;
    memcpy(entry->text, text, size - sizeof(struct id));
    return entry;
}

struct id* id_set_entry(struct id_set* set, const char* text) {
    if (set->used >= set->slot_count / 4 * 3 && grow(set) != 0) return NULL;
    struct id** slot = find_slot(set->slots, set->slot_count, text);
    if (!*slot && (*slot = new_entry(set, text))) set->used++;
    return *slot;
}

void id_set_each(const struct id_set* set, void (*function)(struct id* id)) {
    for (size_t i = 0; i < set->slot_count; i++)
        if (set->slots[i]) function(set->slots[i]);
}

void id_set_clear(struct id_set* set) {
    while (set->chunks) {
        struct id_chunk* next = set->chunks->next;
        free(set->chunks);
        set->chunks = next;
    }
    free(set->slots);
    *set = (struct id_set){0};
}
