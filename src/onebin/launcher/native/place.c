/* Where the payload is unpacked: into this user's cache, or into a private directory for a single run.
 *
 * A cache entry is unpacked into a draft beside it and then renamed, so it is complete or does not exist. A program
 * that runs in an entry holds a shared lock on that directory; removing the entry needs the exclusive lock. */
#include "launcher.h"

#include <dirent.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <time.h>

#ifdef __APPLE__
#define syncfs(directory) sync()
#endif
#define YOUNG 60 /* seconds within which a new private directory is certainly locked */
#define ATTEMPTS 5

/* Open a directory that only this user can write to. Symbolic links are rejected: an attacker may have planted one. */
bool open_ours(struct place *place) {
    struct stat status;
    place->fd = open(place->path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (place->fd < 0) return false;
    if (fstat(place->fd, &status) == 0 && status.st_uid == geteuid() && !(status.st_mode & (S_IWGRP | S_IWOTH)))
        return true;
    close(place->fd);
    errno = EPERM;
    return false;
}

/* Take a shared lock, so that nobody removes the directory. False if it was removed or replaced since it was opened.
 * On a file system without locks, go on without one: an entry removed while in use is unpacked again. */
static bool hold(const struct place *place) {
    struct stat mine, there;
    flock(place->fd, LOCK_SH);
    return fstat(place->fd, &mine) == 0 && lstat(place->path, &there) == 0 && mine.st_ino == there.st_ino &&
           mine.st_dev == there.st_dev;
}

/* Whether a directory is a tree that can be started. What a removed tree leaves has no code.bin. */
static bool has_program(const struct artifact *artifact, const char *path) {
    struct stat status;
    return stat(text("%s/bin/%s", path, artifact->trailer.interpreter), &status) == 0 &&
           stat(text("%s/" CODE, path), &status) == 0 && is_in_place(path);
}

/* Open the tree that is the folder of the artifact itself. Anybody may own it, like any installation. */
bool open_beside(const struct artifact *artifact, struct place *tree) {
    tree->path = text("%.*s", (int)(strrchr(artifact->path, '/') - artifact->path), artifact->path);
    tree->fd = open(tree->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return tree->fd >= 0 && has_program(artifact, tree->path);
}

/* mkdir -p, except for the first `made` bytes of the path, with the mode that the XDG specification requires. */
static void make_directories(const char *path, size_t made) {
    for (const char *slash = path + made; (slash = strchr(slash + 1, '/')) != NULL;)
        mkdir(text("%.*s", (int)(slash - path), path), 0700);
    mkdir(path, 0700);
}

/* Open the n-th candidate for the cache; onebin.workspace finds the same place. */
bool open_cache(struct place *cache, int candidate) {
    static const struct { const char *variable, *below; } places[] = {
        {"ONEBIN_CACHE_DIR", "artifacts"},
        {"XDG_CACHE_HOME", "onebin/artifacts"},
        {"HOME", ".cache/onebin/artifacts"},
    };
    const char *variable = places[candidate].variable, *base = getenv(variable);
    errno = ENOENT;
    cache->path = NULL;
    /* The XDG specification says to ignore relative paths, which would mean a cache in every working directory. */
    if (base == NULL || base[0] != '/') return false;
    cache->path = text("%s/%s", base, places[candidate].below);
    errno = EILSEQ;
    if (!is_utf8(base)) return false; /* since 3.12, Python does not import extension modules from such a path */
    if (open_ours(cache)) return true;
    if (errno != ENOENT) return false;
    make_directories(cache->path, strcmp(variable, "HOME") == 0 ? strlen(base) : 0); /* never create $HOME */
    return open_ours(cache);
}

/* Verify and unpack the payload for a tree that will be at `path`. Exits if the artifact is damaged; false means failure,
 * with errno set. */
static bool unpack(const struct artifact *artifact, const struct place *place, const char *path) {
    const struct trailer *trailer = &artifact->trailer;
    size_t skip = trailer->payload_offset % (size_t)sysconf(_SC_PAGESIZE);
#ifdef ST_NOEXEC
    struct statvfs mount;
    errno = EACCES;
    if (fstatvfs(place->fd, &mount) != 0 || (mount.f_flag & ST_NOEXEC)) return false;
#endif
    off_t page = (off_t)(trailer->payload_offset - skip);
    uint8_t *mapped = mmap(NULL, trailer->payload_size + skip, PROT_READ, MAP_PRIVATE, artifact->fd, page);
    if (mapped == MAP_FAILED) return false;
    int outcome = onebin_extract(place->fd, mapped + skip, trailer->payload_size, trailer->payload_sha256);
    trace("unpacked into %s", place->path);
    if (outcome < 0) return false;
    if (outcome == 0 && has_program(artifact, place->path)) return relocate(place->fd, path);
    discard(place->path);
    fail(artifact, outcome > 0 ? "the payload does not match its digest" : "the payload does not contain the program",
         "do not trust this file; download or build it again");
}

static bool make_entry(const struct artifact *artifact, const struct place *cache, const char *path) {
    struct place draft = {.path = text("%s/.%s.XXXXXX", cache->path, artifact->label)};
    if (mkdtemp(draft.path) == NULL || !open_ours(&draft)) return false;
    bool made = unpack(artifact, &draft, path);
    if (made) {
        syncfs(draft.fd); /* data before name: after a power failure the entry is complete or does not exist */
        /* If locks do not work here, another start may have made the entry meanwhile; that one is just as good. */
        made = rename(draft.path, path) == 0 || errno == EEXIST || errno == ENOTEMPTY;
        fsync(cache->fd);
    }
    close(draft.fd);
    discard(draft.path);
    return made;
}

/* Make the entry unless it exists. Starts of one bundle wait for each other here. */
static bool ensure_entry(const struct artifact *artifact, const struct place *cache, char *path) {
    char *name = text("%s/.%.*slock", cache->path, (int)artifact->stem, artifact->label);
    int lock = open(name, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (lock < 0) return false;
    flock(lock, LOCK_EX);
    bool there = has_program(artifact, path);
    /* An entry without its program may still be in use; then there is no place for another one. */
    if (!there && discard_unlocked(path, NULL)) {
        sweep(artifact, cache);
        there = make_entry(artifact, cache, path);
    }
    close(lock);
    return there;
}

/* Open and lock the entry of this artifact; make it if it does not exist or has lost its program. */
bool enter(const struct artifact *artifact, const struct place *cache, struct place *tree) {
    tree->path = text("%s/%s", cache->path, artifact->label);
    for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
        if (open_ours(tree)) {
            if (has_program(artifact, tree->path) && hold(tree)) {
                futimens(tree->fd, NULL); /* record this use for sweep */
                return true;
            }
            close(tree->fd);
        } else if (errno != ENOENT) {
            return false;
        }
        if (!ensure_entry(artifact, cache, tree->path)) return false;
    }
    errno = EBUSY;
    return false;
}

/* Start a daemon that removes a directory as soon as its lock is released, which is when the program ends, however it
 * ends. The daemon is not the program's child, and keeps nothing open that others might wait for. */
static void discard_at_end(char *path) {
    struct place tree = {.path = path};
    sigset_t all;
    pid_t child = fork();
    if (child > 0) waitpid(child, NULL, 0);
    if (child != 0) return;
    if (setsid() < 0 || fork() != 0 || chdir("/") != 0) _exit(0);
    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, NULL);
    for (int fd = 0; fd < 65536; fd++) close(fd); /* the limit itself may be a billion, or unlimited */
    if (open_ours(&tree) && flock(tree.fd, LOCK_EX) == 0) discard(path);
    _exit(0);
}

/* Unpack into a new directory in the n-th candidate for temporary files, for this run only. */
bool make_private(const struct artifact *artifact, int candidate, struct place *tree) {
    static const char *const places[] = {NULL, "/tmp", "/var/tmp"};
    const char *base = candidate == 0 && !is_privileged() ? getenv("TMPDIR") : places[candidate];
    struct dirent **listing;
    struct stat status;
    tree->path = NULL;
    if (base == NULL || base[0] != '/' || !is_utf8(base)) return false;
    char *prefix = text("onebin-%ld-", (long)geteuid());
    for (int i = scandir(base, &listing, NULL, NULL); i-- > 0;) {
        char *name = listing[i]->d_name, *path = text("%s/%s", base, name);
        /* Its daemon was killed. A young directory may be about to be locked. */
        if (strncmp(name + (name[0] == '.'), prefix, strlen(prefix)) == 0 && lstat(path, &status) == 0 &&
            time(NULL) - status.st_mtime > YOUNG)
            discard_unlocked(path, NULL);
    }
    tree->path = text("%s/%s%s-XXXXXX", base, prefix, artifact->label);
    if (mkdtemp(tree->path) == NULL || !open_ours(tree)) return false;
    flock(tree->fd, LOCK_SH);
    discard_at_end(tree->path);
    if (unpack(artifact, tree, tree->path)) return true;
    close(tree->fd);
    return false;
}
