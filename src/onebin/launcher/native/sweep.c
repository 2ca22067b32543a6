/* Remove trees. A tree of the cache leaves a notice in its place, a few small files: environments, git hooks and
 * services may still use its path, and whoever starts one is told what to do. onebin.cache.notice writes the same. */
#include "launcher.h"

#include <dirent.h>
#include <ftw.h>
#include <sys/file.h>
#include <time.h>

#define KEPT 3 /* trees per bundle: this version and the two used most recently */
#define DAY (24 * 60 * 60)
#define UNUSED (30 * DAY)          /* seconds after which any other tree is removed */
#define UNUSED_OUTSIDE (400 * DAY) /* seconds after its last use from outside, and the age at which a notice goes */
#define DIGITS 32
#define NOTICE "onebin-removed" /* the script behind every program of a removed tree; marks the notice */

static int remove_one(const char *path, const struct stat *status, int kind, struct FTW *walk) {
    (void)status, (void)kind, (void)walk;
    remove(path); /* what cannot be removed is left for the next time */
    return 0;
}

/* Remove a directory and leave errno as it is. */
void discard(const char *path) {
    int why = errno;
    nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    errno = why;
}

static void write_file(const char *path, const void *content, size_t size) {
    int file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0700);
    if (file < 0) return;
    if (write(file, content, size) != (ssize_t)size) unlink(path);
    close(file);
}

/* Write a shell script that prints a line. */
static void write_script(const char *path, const char *line) {
    char *quoted = text("%s", "");
    for (; *line != 0; line++) quoted = *line == '\'' ? text("%s'\\''", quoted) : text("%s%c", quoted, *line);
    char *script = text("#!/bin/sh\nprintf '%%s\\n' '%s' >&2\nexit 127\n", quoted);
    write_file(path, script, strlen(script));
}

/* Write an ELF library, for the same processor as another, that needs a library whose name is the line. So the dynamic
 * loader prints it to whoever starts a copy of the tree's interpreter (`python -m venv --copies`). */
static void write_library(const char *path, const char *original, const char *line) {
    const uint64_t table = 64 + 2 * 56, names = table + 5 * 16, length = strlen(line) + 2, size = names + length;
    const uint64_t load = 1 | 6ull << 32, dynamic = 2 | 6ull << 32; /* types of segments, readable and writable */
    uint64_t header[8];
    int file = open(original, O_RDONLY | O_CLOEXEC);
    bool is_elf = file >= 0 && read(file, header, sizeof header) == sizeof header && !memcmp(header, "\177ELF\2\1", 6);
    char *content = is_elf ? calloc(size, 1) : NULL;
    if (file >= 0) close(file);
    if (content == NULL) return;
    const uint64_t whole[] = {
        header[0], header[1], header[2], 0, 64, 0, header[6], 2, /* two segments, which follow; no sections */
        load, 0, 0, 0, size, size, 1 << 16,
        dynamic, table, table, table, names - table, names - table, 8,
        1, 1, 5, names, 10, length, 6, names, 0, 0, /* needed, strings, their size, symbols, the end */
    };
    memcpy(content, whole, sizeof whole);
    memcpy(content + names + 1, line, length - 2);
    write_file(path, content, size);
}

/* Write what the notice has for a folder of the tree: links to the script, or a library in the place of Python's. */
static void write_folder(const char *tree, const char *notice, const char *folder, const char *up, const char *line) {
    struct dirent **listing;
    mkdir(text("%s/%s", notice, folder), 0700);
    for (int i = scandir(text("%s/%s", tree, folder), &listing, NULL, NULL); i-- > 0;) {
        const char *name = listing[i]->d_name;
        char *path = text("%s/%s/%s", notice, folder, name);
        if (up == NULL && strncmp(name, "libpython", strlen("libpython")) == 0)
            write_library(path, text("%s/%s/%s", tree, folder, name), line);
        else if (up != NULL && strcmp(name, ".") != 0 && strcmp(name, "..") != 0)
            symlink(text("%s/" NOTICE, up), path);
    }
}

/* Leave a notice at the path of a tree of this program that has been moved aside. */
static void leave_notice(const char *aside, const char *path, const char *program) {
    char *notice = text("%s.notice", aside);
    char *line = text("onebin: %s was removed because it was not in use: start the same version of %s to unpack it"
                      " again, or recreate what uses this path (an environment, a git hook, a service)", path, program);
    for (char *end; (end = strchr(line, '\n')) != NULL;) *end = '?';
    if (access(text("%s/bin", aside), F_OK) != 0 || mkdir(notice, 0700) != 0) return;
    mkdir(text("%s/python", notice), 0700);
    write_script(text("%s/" NOTICE, notice), line);
    write_folder(aside, notice, "bin", "..", line);
    write_folder(aside, notice, "python/bin", "../..", line);
    write_folder(aside, notice, "python/lib", NULL, line);
    if (access(text("%s/" NOTICE, notice), X_OK) != 0 || rename(notice, path) != 0) discard(notice);
}

/* Remove a directory of this user unless a running program has locked it. If it is a tree of a program, leave a notice.
 * Returns whether it is gone; false sets errno. */
bool discard_unlocked(const char *path, const char *program) {
    struct place place = {.path = (char *)path};
    if (!open_ours(&place)) return errno == ENOENT;
    bool is_free = flock(place.fd, LOCK_EX | LOCK_NB) == 0;
    if (is_free) {
        /* Rename it first: the next start must not take a half-removed directory for a complete one. */
        const char *name = strrchr(path, '/') + 1;
        char *aside = text("%.*s.%s.old", (int)(name - path), path, name);
        bool is_aside = name[0] != '.' && rename(path, aside) == 0;
        if (is_aside && program != NULL) leave_notice(aside, path, program);
        discard(is_aside ? aside : path);
        trace("removed %s", path);
    }
    close(place.fd);
    errno = EBUSY;
    return is_free;
}

/* Whether a name is <stem><digest>: an entry of this bundle, in this or another version. */
static bool is_version(const struct artifact *artifact, const char *name, char next) {
    return strncmp(name, artifact->label, artifact->stem) == 0 &&
           strspn(name + artifact->stem, "0123456789abcdef") == DIGITS && name[artifact->stem + DIGITS] == next;
}

/* When a file in the cache was changed, or 0 if there is none. */
static time_t changed(const struct place *cache, const char *name, const char *below) {
    struct stat status;
    return fstatat(cache->fd, text("%s%s", name, below), &status, AT_SYMLINK_NOFOLLOW) == 0 ? status.st_mtime : 0;
}

/* The last use of a tree of this bundle, or 0 if the name is not one. */
static time_t last_use(const struct artifact *artifact, const struct place *cache, const char *name) {
    return is_version(artifact, name, 0) && !changed(cache, name, "/" NOTICE) ? changed(cache, name, "") : 0;
}

/* Remove what killed starts left behind, and what has not been used for long. The caller holds the bundle's lock. */
void sweep(const struct artifact *artifact, const struct place *cache) {
    struct dirent **listing;
    time_t now = time(NULL);
    char *program = text("%.*s", (int)artifact->stem - 1, artifact->label);
    int count = scandir(cache->path, &listing, NULL, NULL);
    time_t *used = calloc(count > 0 ? (size_t)count : 1, sizeof *used);
    for (int i = 0; i < count && used != NULL; i++) used[i] = last_use(artifact, cache, listing[i]->d_name);
    for (int i = 0; i < count && used != NULL; i++) {
        const char *name = listing[i]->d_name;
        int later = 0;
        for (int j = 0; j < count; j++) later += used[j] > used[i];
        bool is_unused = used[i] == 0 || (later >= KEPT - 1 && now - used[i] > UNUSED);
        time_t last = changed(cache, name, used[i] ? "/" OUTSIDE : "");
        if (is_version(artifact, name, 0) && is_unused && now - last > UNUSED_OUTSIDE)
            discard_unlocked(text("%s/%s", cache->path, name), used[i] ? program : NULL);
        else if (name[0] == '.' && is_version(artifact, name + 1, '.'))
            discard_unlocked(text("%s/%s", cache->path, name), NULL);
    }
}
