/* code.bin: the code of the tree's modules, by name. freeze/driver/tree/code.py writes it and describes the parts. */
#ifndef ONEBIN_ARCHIVE_H
#define ONEBIN_ARCHIVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ARCHIVE_MAGIC "obcode\0\2"

enum { PYTHON_VARIABLES = 1, START_HOOK = 2, QUIET_EXIT = 4, HUGE_PAGES = 8 }; /* flags of the header */
enum { OWN = 1, COMPLETE = 2 };                /* flags of a root */
enum { SOURCE = 1, EXTENSION = 2 };            /* kinds of modules */
#define NO_SOURCE 0xffffffffu                  /* in place of a source's size: the tree has only the code */

struct header {
    char magic[8];
    uint32_t python; /* sys.hexversion >> 16 */
    uint8_t pyc_magic[4];
    uint8_t tree_sha256[32];
    uint64_t size; /* of the whole file */
    uint32_t slots; /* a power of two */
    uint32_t roots;
    uint32_t flags;
    uint32_t optimize;
    uint32_t script; /* the name of the program's script in bin */
    uint32_t script_size;
    uint32_t script_code;
    uint32_t script_code_size; /* 0: no code */
    uint32_t patterns; /* slots of regular expressions: 0, or a power of two */
};
_Static_assert(sizeof(struct header) == 96, "the header is read as it is in the file");

/* The slot of a module in the hash table; if `name` is 0, it is empty. */
struct slot {
    uint32_t hash;
    uint32_t name;
    uint32_t path; /* below the root */
    uint32_t code;
    uint32_t code_size; /* 0: no code */
    uint32_t source_size;
    uint32_t holders; /* a bit for each root that has a module of this name */
    uint8_t root;
    uint8_t kind;
    uint8_t is_package;
    uint8_t unused;
};
_Static_assert(sizeof(struct slot) == 32, "a slot is read as it is in the file");

struct root {
    uint32_t path; /* below the tree */
    uint32_t length;
    uint32_t flags;
};
_Static_assert(sizeof(struct root) == 12, "a root is read as it is in the file");

/* The slot of a regular expression; if `parts` is 0, it is empty. */
struct pattern {
    uint32_t hash;
    uint32_t text; /* in UTF-8, or bytes; followed by four bytes with the flags and one that says whether it is bytes */
    uint32_t text_size;
    uint32_t parts; /* what re gives to _sre.compile, as freeze/driver/tree/patterns.py packs it */
    uint32_t parts_size;
};
_Static_assert(sizeof(struct pattern) == 20, "a slot is read as it is in the file");

/* When something was changed, in the system's own units. */
struct moment {
    int64_t seconds;
    int64_t fraction;
};

struct status {
    bool is_file;
    uint64_t size;
    struct moment modified;
};

struct archive {
    const char *base; /* of the mapped file; NULL if there is no archive */
    const struct header *header;
    const struct slot *slots;
    const struct root *roots;
    const struct pattern *patterns;
    struct moment modified;
};

/* files.c of each system: paths are in the encoding of Python's file names */
bool get_file_status(const char *path, struct status *status);
const char *map_file(const char *path, struct status *status);
bool read_end(const char *path, void *end, size_t size);

void map_archive(struct archive *archive, const char *file);
const struct slot *look_up(const struct archive *archive, const char *name, size_t length);
const struct pattern *look_up_pattern(const struct archive *archive, const char *text, size_t length, uint32_t flags,
                                      bool is_bytes);
bool is_unchanged(const struct archive *archive, const struct status *status);

#endif
