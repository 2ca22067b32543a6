/* Map code.bin and find modules in it. */
#include "archive.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <patchlevel.h>

/* Whether the file is whole and has code for this version. Its content is trusted: it comes from a verified payload. */
static bool is_usable(const struct header *header, uint64_t size) {
    return size >= sizeof *header && memcmp(header->magic, ARCHIVE_MAGIC, sizeof header->magic) == 0 &&
           header->size == size && header->python == PY_VERSION_HEX >> 16 &&
           sizeof *header + (uint64_t)header->slots * sizeof(struct slot) +
                   (uint64_t)header->roots * sizeof(struct root) <= size;
}

/* Map the file for the life of the process. If it cannot be used, the archive's base is NULL. */
void map_archive(struct archive *archive, const char *file) {
    struct stat status;
    archive->base = NULL;
    int fd = open(file, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return;
    if (fstat(fd, &status) == 0 && status.st_size > 0) {
        size_t size = (size_t)status.st_size;
        const char *base = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);
        const struct header *header = (const void *)base;
        if (base != MAP_FAILED && is_usable(header, size)) {
            const struct slot *slots = (const void *)(header + 1);
            const struct root *roots = (const void *)(slots + header->slots);
            *archive = (struct archive){base, header, slots, roots, modified_at(&status)};
        } else if (base != MAP_FAILED) {
            munmap((void *)base, size);
        }
    }
    close(fd);
}

/* Return the slot of a module by its full name in UTF-8, or NULL. */
const struct slot *look_up(const struct archive *archive, const char *name, size_t length) {
    uint32_t hash = 0x811c9dc5, mask = archive->header->slots - 1;
    for (size_t i = 0; i < length; i++) hash = (hash ^ (unsigned char)name[i]) * 0x01000193;
    for (uint32_t i = hash & mask; archive->slots[i].name != 0; i = (i + 1) & mask) {
        const char *found = archive->base + archive->slots[i].name;
        if (archive->slots[i].hash == hash && strncmp(found, name, length) == 0 && found[length] == 0)
            return &archive->slots[i];
    }
    return NULL;
}
