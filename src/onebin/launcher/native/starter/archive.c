/* Map code.bin and find modules in it. */
#include "archive.h"

#include <string.h>

#include <patchlevel.h>

/* Whether the file is whole and has code for this version. Its content is trusted: it comes from a verified payload. */
static bool is_usable(const struct header *header, uint64_t size) {
    return size >= sizeof *header && memcmp(header->magic, ARCHIVE_MAGIC, sizeof header->magic) == 0 &&
           header->size == size && header->python == PY_VERSION_HEX >> 16 &&
           sizeof *header + (uint64_t)header->slots * sizeof(struct slot) +
                   (uint64_t)header->roots * sizeof(struct root) +
                   (uint64_t)header->patterns * sizeof(struct pattern) <= size;
}

/* Map the file for the life of the process. If it cannot be used, the archive's base is NULL. */
void map_archive(struct archive *archive, const char *file) {
    struct status status;
    const char *base = map_file(file, &status);
    const struct header *header = (const void *)base;
    archive->base = NULL;
    if (base == NULL || !is_usable(header, status.size)) return;
    const struct slot *slots = (const void *)(header + 1);
    const struct root *roots = (const void *)(slots + header->slots);
    const struct pattern *patterns = (const void *)(roots + header->roots);
    *archive = (struct archive){base, header, slots, roots, patterns, status.modified};
}

/* Whether a file or folder is as old as the archive. Everything newer was changed after the tree was unpacked. */
bool is_unchanged(const struct archive *archive, const struct status *status) {
    const struct moment mine = status->modified, limit = archive->modified;
    return mine.seconds < limit.seconds || (mine.seconds == limit.seconds && mine.fraction <= limit.fraction);
}

/* FNV-1a, continued over more data. */
static uint32_t hashed(uint32_t hash, const char *data, size_t length) {
    for (size_t i = 0; i < length; i++) hash = (hash ^ (unsigned char)data[i]) * 0x01000193;
    return hash;
}

#define FIRST_HASH 0x811c9dc5

/* Return the slot of a module by its full name in UTF-8, or NULL. */
const struct slot *look_up(const struct archive *archive, const char *name, size_t length) {
    uint32_t hash = hashed(FIRST_HASH, name, length), mask = archive->header->slots - 1;
    for (uint32_t i = hash & mask; archive->slots[i].name != 0; i = (i + 1) & mask) {
        const char *found = archive->base + archive->slots[i].name;
        if (archive->slots[i].hash == hash && strncmp(found, name, length) == 0 && found[length] == 0)
            return &archive->slots[i];
    }
    return NULL;
}

/* Return the slot of a regular expression by its text in UTF-8, or its bytes, and its flags; or NULL. */
const struct pattern *look_up_pattern(const struct archive *archive, const char *text, size_t length, uint32_t flags,
                                      bool is_bytes) {
    const char tail[5] = {(char)flags, (char)(flags >> 8), (char)(flags >> 16), (char)(flags >> 24), is_bytes};
    uint32_t hash = hashed(hashed(FIRST_HASH, text, length), tail, sizeof tail), mask = archive->header->patterns - 1;
    if (archive->header->patterns == 0) return NULL;
    for (uint32_t i = hash & mask; archive->patterns[i].parts != 0; i = (i + 1) & mask) {
        const struct pattern *pattern = &archive->patterns[i];
        const char *found = archive->base + pattern->text;
        if (pattern->hash == hash && pattern->text_size == length && memcmp(found, text, length) == 0 &&
            memcmp(found + length, tail, sizeof tail) == 0)
            return pattern;
    }
    return NULL;
}
