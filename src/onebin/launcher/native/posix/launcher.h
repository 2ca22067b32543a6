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

#include "../trailer.h"

#define CODE "code.bin"
#define COMPLETE ".complete"   /* in a tree: it is complete, with a list of its files */
#define UNPACKING ".unpacking" /* the same before that */
#define UNUSABLE 126           /* the exit code of a shell that found a command but could not run it */
#define DIGITS 32              /* of the digest in the name of a tree */
#define RANDOM 6               /* letters at the end of the name of a draft or of a private directory */
#define BOOT 8                 /* and before them in that of a draft: the beginning of the boot's identity */
#define DAY (24 * 60 * 60)

struct artifact {
    int fd;
    mode_t umask;           /* the caller's, restored for the program */
    const char *path;       /* absolute; only for messages and for the layout onedir */
    const char *started_as; /* the path by which it was executed; the host's sys.argv[0] */
    struct trailer trailer;
    char *label; /* <name>-<digest>: names the directory of this payload */
    size_t stem; /* length of <name>-, which all versions of the bundle share */
};

/* A directory in an open one. While its own descriptor holds its lock, nobody removes it. */
struct place {
    int parent;
    const char *name;
    const char *path; /* absolute */
    int fd;
};

/* artifact.c */
void open_artifact(struct artifact *artifact, const char *argv0);
bool is_privileged(void);
bool is_utf8(const char *text);
bool can_import_from(const struct artifact *artifact, const char *path);
char *text(const char *format, ...) __attribute__((format(printf, 1, 2)));
void trace(const char *format, ...) __attribute__((format(printf, 1, 2)));
noreturn void fail(const struct artifact *artifact, const char *what, const char *remedy);

/* walk.c: false or -1 means failure, with errno set; `untrusted` is then what others could change, or NULL */
extern const char *untrusted;
int walk(const char *path, size_t given);
bool open_place(struct place *place);
bool make_place(struct place *place);
char **list_names(int parent, const char *name);
void discard(int parent, const char *name);

/* lock.c */
bool wait_for_lock(const struct artifact *artifact, int fd, int kind);
int lock_bundle(const struct artifact *artifact, const struct place *cache, bool *is_real);
bool is_really_locked(int parent, const char *name);

/* place.c: the same; if the path is NULL, there is no such candidate */
bool open_beside(const struct artifact *artifact, struct place *tree);
bool open_cache(const struct artifact *artifact, struct place *cache, int candidate);
bool enter(const struct artifact *artifact, const struct place *cache, struct place *tree);
bool make_private(const struct artifact *artifact, int candidate, struct place *tree);

/* complete.c */
const char *boot_id(void);
bool is_complete(int tree);
bool is_sound(const struct artifact *artifact, int tree);
bool complete(int tree, const char *list);
bool list_again(int tree, char *list, const char *path);
size_t restore(const struct artifact *artifact, int tree, int draft);

/* sweep.c */
bool discard_unlocked(const struct place *cache, const char *name, const char *program);
void sweep(const struct artifact *artifact, const struct place *cache, bool is_locked);
void sweep_private(int parent, bool is_locked);

/* notice.c */
#define NOTICE "onebin-removed" /* the script behind every program of a removed tree; marks the notice */
void leave_notice(int cache, const char *aside, const char *name, const char *path, const char *program);

/* relocate.c: false means failure, with errno set */
bool write_all(int file, const char *content, size_t size, off_t offset);
bool relocate(int directory, const char *path, char *list);
bool is_in_place(int directory);

/* extract.zig: 0, or -1 with errno set, or 1 if the digest is wrong; the list has a line for each file and link */
int onebin_extract(int directory, const uint8_t *payload, size_t size, const uint8_t *sha256, char **list);
uint64_t onebin_sum(const void *bytes, size_t size);

#endif
