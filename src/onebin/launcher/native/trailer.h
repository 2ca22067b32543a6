/* The last bytes of an artifact, written by onebin.card. Numbers are little-endian, names end with NUL. */
#ifndef ONEBIN_TRAILER_H
#define ONEBIN_TRAILER_H

#include <stdint.h>

#define TRAILER_MAGIC "onebin\0\4"

/* The launcher passes two descriptors to the starter: the open directory of the tree, with its lock, and the artifact.
 * They get the first free numbers from this one on, far from those that callers usually pass on; under a limit that does
 * not allow all of these, any numbers above those of the standard streams. */
#define FIRST_PASSED 100
#define LAST_PASSED 115

/* The starter makes this file in a tree, and updates its time, when something uses the tree from outside. */
#define OUTSIDE "used-from-outside"

struct __attribute__((packed)) trailer {
    uint8_t payload_sha256[32];
    uint8_t file_sha256[32]; /* of launcher and payload */
    uint8_t card_sha256[32];
    uint8_t tree_sha256[32]; /* identifies the tree; its code.bin has the same bytes */
    uint64_t payload_offset;
    uint64_t payload_size; /* 0: the tree is the folder of the file */
    uint64_t card_size;
    char interpreter[32]; /* the file name of the interpreter in the tree's bin, such as python3.12 */
    char name[256];       /* the program's file name */
    char magic[8];
};
_Static_assert(sizeof(struct trailer) == 448, "the trailer is read as it is in the file");
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the numbers are read as they are in the file");

#endif
