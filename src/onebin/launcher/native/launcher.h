/* The launcher: the executable part of an artifact.
 *
 *     launcher (this program, static) | payload (tar, zstd) | card (JSON, zstd) | trailer
 *
 * It unpacks the payload once, into a directory that only its user can write to: a tree, which is an installation of
 * Python with the program in it. Then it becomes that tree's interpreter, with this file as the script to run.
 * docs/launcher.md has the details. Memory is never freed, because execve soon replaces the process. */
#ifndef ONEBIN_LAUNCHER_H
#define ONEBIN_LAUNCHER_H

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <stdnoreturn.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "trailer.h"

#define CODE "code.bin"
#define UNUSABLE 126 /* the exit code of a shell that found a command but could not run it */

struct artifact {
    int fd;
    mode_t umask;           /* the caller's, restored for the program */
    const char *path;       /* absolute */
    const char *started_as; /* the path by which it was executed; the host's sys.argv[0] */
    struct trailer trailer;
    char *label; /* <name>-<digest>: names the directory of this payload */
    size_t stem; /* length of <name>-, which all versions of the bundle share */
};

/* An open directory; while the descriptor holds its lock, nobody removes it. */
struct place {
    int fd;
    char *path;
};

/* artifact.c */
void open_artifact(struct artifact *artifact, const char *argv0);
bool is_privileged(void);
bool is_utf8(const char *text);
char *text(const char *format, ...) __attribute__((format(printf, 1, 2)));
void trace(const char *format, ...) __attribute__((format(printf, 1, 2)));
noreturn void fail(const struct artifact *artifact, const char *what, const char *remedy);

/* place.c: false means failure, with errno set; if the path is NULL, there is no such candidate */
bool open_ours(struct place *place);
bool open_beside(const struct artifact *artifact, struct place *tree);
bool open_cache(struct place *cache, int candidate);
bool enter(const struct artifact *artifact, const struct place *cache, struct place *tree);
bool make_private(const struct artifact *artifact, int candidate, struct place *tree);

/* sweep.c */
void discard(const char *path);
bool discard_unlocked(const char *path, const char *program);
void sweep(const struct artifact *artifact, const struct place *cache);

/* relocate.c: false means failure, with errno set */
bool relocate(int directory, const char *path);
bool is_in_place(const char *path);

/* extract.zig: 0, or -1 with errno set, or 1 if the digest is wrong */
int onebin_extract(int directory, const uint8_t *payload, size_t size, const uint8_t *sha256);

#endif
