/* The launcher: the executable part of an artifact.
 *
 *     launcher (this program, static) | payload (tar, zstd) | card (JSON) | trailer
 *
 * It unpacks the payload once, into a directory that only its user can write, and becomes the program in there. */
#ifndef ONEBIN_LAUNCHER_H
#define ONEBIN_LAUNCHER_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdnoreturn.h>

#define MAGIC "onebin\0\2"
#define SHA256_SIZE 32
#define UNUSABLE 126 /* exit code, as of a shell that found a command and could not run it */

/* The last bytes of an artifact; onebin.card writes them. Numbers are little-endian, names end with NUL. */
struct __attribute__((packed)) trailer {
    uint8_t payload_sha256[SHA256_SIZE];
    uint8_t file_sha256[SHA256_SIZE]; /* of launcher and payload; not read here */
    uint8_t card_sha256[SHA256_SIZE]; /* not read here */
    uint64_t payload_offset;
    uint64_t payload_size;
    uint64_t card_size;
    char loader[64]; /* the bundled dynamic loader's file name in _internal, or empty */
    char name[256];  /* the program's file name in the payload */
    char magic[8];
};
_Static_assert(sizeof(struct trailer) == 448, "the trailer is read as it lies in the file");
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the trailer's numbers are read as they lie in the file");

struct artifact {
    int fd;
    char *path; /* absolute, for the host to know as its executable */
    struct trailer trailer;
    char label[160]; /* <name>-<digest>: the directory of this very payload */
    size_t stem;     /* length of the part that all versions of the bundle share: <name>- */
};

struct place {
    int fd; /* of an open directory */
    char path[PATH_MAX];
};

/* artifact.c */
void open_artifact(struct artifact *artifact, const char *argv0);
bool is_privileged(void);
noreturn void fail(const struct artifact *artifact, const char *what, const char *remedy);
void trace(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* place.c: false means that errno says why */
bool open_cache(struct place *cache, int candidate);
bool enter(const struct artifact *artifact, const struct place *cache, struct place *tree);
void forget(const struct artifact *artifact, const struct place *cache);
bool make_private(const struct artifact *artifact, int candidate, struct place *tree);

/* directory.c */
bool open_directory(struct place *place, int parent, const char *name);
bool is_ours(const struct place *place);
bool allows_programs(const struct place *place);
bool hold(const struct place *place, const char *name, int parent);
bool unpack(const struct artifact *artifact, const struct place *place);
void discard(const char *path);
bool discard_unheld(const char *path);

/* run.c */
void become(const struct artifact *artifact, const struct place *tree, char **argv);
noreturn void run_and_discard(const struct artifact *artifact, const struct place *tree, char **argv);

/* extract.zig: 0, or an errno, or -1 for what has none; `why` gets the error's name */
int onebin_verify(const uint8_t *payload, size_t size, const uint8_t *sha256);
int onebin_extract(int directory, const uint8_t *payload, size_t size, char *why, size_t why_size);

#endif
