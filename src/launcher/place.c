/* Where the payload is unpacked: in a cache of this user, or in a private directory for a single run.
 *
 * An entry of the cache is made beside its place and renamed into it, so it is whole or not there. Who runs a program
 * in an entry holds a shared lock on that directory; who removes one needs the exclusive lock. */
#include "launcher.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define KEPT 3 /* entries of one bundle: this version and the two that were used last */
#define SEEN 64
#define ATTEMPTS 5
#define DIGITS 32

/* mkdir -p with the mode that the XDG base directory specification asks for. */
static void make_directories(const char *path) {
    char part[PATH_MAX];
    for (const char *slash = strchr(path + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        snprintf(part, sizeof part, "%.*s", (int)(slash - path), path);
        mkdir(part, 0700);
    }
    mkdir(path, 0700);
}

/* Open the n-th place for the cache, the same that onebin.paths names; ENOENT if there is none of that number. */
bool open_cache(struct place *cache, int candidate) {
    static const struct { const char *variable, *below; } places[] = {
        {"ONEBIN_CACHE_DIR", "artifacts"},
        {"XDG_CACHE_HOME", "onebin/artifacts"},
        {"HOME", ".cache/onebin/artifacts"},
    };
    char path[PATH_MAX];
    const char *base = getenv(places[candidate].variable);
    errno = ENOENT;
    cache->path[0] = 0;
    /* The XDG specification wants relative paths ignored; they would mean a cache in every working directory. */
    if (base == NULL || base[0] != '/') return false;
    if (snprintf(cache->path, sizeof cache->path, "%s/%s", base, places[candidate].below) >= (int)sizeof path) return false;
    make_directories(cache->path);
    if (!open_directory(cache, AT_FDCWD, cache->path)) return false;
    if (is_ours(cache) && allows_programs(cache) && realpath(cache->path, path) != NULL) {
        strcpy(cache->path, path);
        return true;
    }
    int why = errno;
    close(cache->fd);
    errno = why;
    return false;
}

/* Whether a name is <stem><digest>, and so that of an entry of this bundle, in this or another version. */
static bool is_version(const struct artifact *artifact, const char *name) {
    return strncmp(name, artifact->label, artifact->stem) == 0 && strlen(name) >= artifact->stem + DIGITS &&
           strspn(name + artifact->stem, "0123456789abcdef") == DIGITS;
}

struct version { char name[160]; struct timespec used; };

static int by_last_use(const void *left, const void *right) {
    const struct version *a = left, *b = right;
    if (a->used.tv_sec != b->used.tv_sec) return a->used.tv_sec < b->used.tv_sec ? 1 : -1;
    return (a->used.tv_nsec < b->used.tv_nsec) - (a->used.tv_nsec > b->used.tv_nsec);
}

/* Remove what dead starts left and the versions used least lately. The caller holds the bundle's lock. */
static void sweep(const struct artifact *artifact, const struct place *cache) {
    struct version versions[SEEN];
    char path[PATH_MAX + 256];
    struct stat status;
    size_t count = 0;
    DIR *listing = opendir(cache->path);
    if (listing == NULL) return;
    for (struct dirent *each; (each = readdir(listing)) != NULL;) {
        snprintf(path, sizeof path, "%s/%s", cache->path, each->d_name);
        if (each->d_name[0] == '.' && is_version(artifact, each->d_name + 1)) {
            discard(path);
        } else if (count < SEEN && is_version(artifact, each->d_name) && lstat(path, &status) == 0) {
            snprintf(versions[count].name, sizeof versions[count].name, "%s", each->d_name);
            versions[count++].used = status.st_mtim;
        }
    }
    closedir(listing);
    qsort(versions, count, sizeof *versions, by_last_use);
    for (size_t i = KEPT - 1; i < count; i++) {
        snprintf(path, sizeof path, "%s/%s", cache->path, versions[i].name);
        if (discard_unheld(path)) trace("removed %s", path);
    }
}

/* Make the data safe before the name is: after a power failure the entry is whole or not there. */
static void settle(int directory) {
#ifdef __linux__
    syncfs(directory);
#else
    sync();
    (void)directory;
#endif
}

static bool make_entry(const struct artifact *artifact, const struct place *cache) {
    struct place draft;
    snprintf(draft.path, sizeof draft.path, "%.3800s/.%s.XXXXXX", cache->path, artifact->label);
    if (mkdtemp(draft.path) == NULL) return false;
    bool made = open_directory(&draft, AT_FDCWD, draft.path) && unpack(artifact, &draft);
    if (made) {
        settle(draft.fd);
        /* Only where locks do not work can another start have been here meanwhile; its entry is as good. */
        made = renameat(AT_FDCWD, draft.path, cache->fd, artifact->label) == 0 || errno == EEXIST || errno == ENOTEMPTY;
        fsync(cache->fd);
    }
    int why = errno;
    if (draft.fd >= 0) close(draft.fd);
    discard(draft.path);
    errno = why;
    return made;
}

/* Make the entry unless it is there; starts of one bundle wait for each other here. */
static bool ensure_entry(const struct artifact *artifact, const struct place *cache) {
    char name[160];
    struct stat status;
    snprintf(name, sizeof name, ".%.*slock", (int)artifact->stem, artifact->label);
    int lock = openat(cache->fd, name, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (lock < 0) return false;
    while (flock(lock, LOCK_EX) != 0 && errno == EINTR) {}
    bool there = fstatat(cache->fd, artifact->label, &status, AT_SYMLINK_NOFOLLOW) == 0;
    if (!there) {
        sweep(artifact, cache);
        there = make_entry(artifact, cache);
        trace("unpacked into %s/%s", cache->path, artifact->label);
    }
    int why = errno;
    close(lock);
    errno = why;
    return there;
}

/* Open and hold the entry of this artifact, making it if it is not there. */
bool enter(const struct artifact *artifact, const struct place *cache, struct place *tree) {
    snprintf(tree->path, sizeof tree->path, "%.3900s/%s", cache->path, artifact->label);
    for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
        if (open_directory(tree, cache->fd, artifact->label)) {
            if (!is_ours(tree)) return false;
            if (hold(tree, artifact->label, cache->fd)) {
                futimens(tree->fd, NULL); /* used last now, see sweep */
                return true;
            }
            close(tree->fd);
        } else if (errno != ENOENT) {
            return false;
        }
        if (!ensure_entry(artifact, cache)) return false;
    }
    errno = EBUSY;
    return false;
}

/* Drop an entry in which the program is missing, so that it is made anew. */
void forget(const struct artifact *artifact, const struct place *cache) {
    char path[PATH_MAX + 256];
    snprintf(path, sizeof path, "%s/%s", cache->path, artifact->label);
    discard_unheld(path);
}

/* Remove private directories whose processes were killed. */
static void sweep_private(const char *base, const char *prefix) {
    char path[PATH_MAX];
    DIR *listing = opendir(base);
    if (listing == NULL) return;
    for (struct dirent *each; (each = readdir(listing)) != NULL;)
        if (strncmp(each->d_name, prefix, strlen(prefix)) == 0 &&
            snprintf(path, sizeof path, "%s/%s", base, each->d_name) < (int)sizeof path)
            discard_unheld(path);
    closedir(listing);
}

/* Unpack into a new directory of the n-th place for temporary files; ENOENT if there is none of that number. */
bool make_private(const struct artifact *artifact, int candidate, struct place *tree) {
    static const char *const places[] = {NULL, "/tmp", "/var/tmp"};
    char prefix[32];
    const char *base = candidate == 0 && !is_privileged() ? getenv("TMPDIR") : places[candidate];
    tree->path[0] = 0;
    errno = ENOENT;
    if (base == NULL || base[0] != '/' || strlen(base) > PATH_MAX - 100) return false;
    snprintf(prefix, sizeof prefix, "onebin-%ld-", (long)geteuid());
    sweep_private(base, prefix);
    for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
        snprintf(tree->path, sizeof tree->path, "%s/%sXXXXXX", base, prefix);
        if (mkdtemp(tree->path) == NULL || !open_directory(tree, AT_FDCWD, tree->path)) return false;
        if (!hold(tree, tree->path, AT_FDCWD)) { /* another start took it for a leftover */
            close(tree->fd);
            continue;
        }
        if (allows_programs(tree) && unpack(artifact, tree)) {
            trace("unpacked into %s, for this run only", tree->path);
            return true;
        }
        int why = errno;
        discard(tree->path);
        close(tree->fd);
        errno = why;
        return false;
    }
    errno = EBUSY;
    return false;
}
