/* Where the payload is unpacked: into this user's cache, or into a private directory for a single run.
 *
 * A cache entry is unpacked into a draft beside it and then renamed, so it is complete or does not exist. A program
 * that runs in an entry holds a shared lock on that directory; removing the entry needs the exclusive lock. */
#include "launcher.h"
#include "../printable.h"

#include <signal.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#ifdef __linux__
#include <sys/prctl.h>
#endif
#ifdef __APPLE__
#include <sys/mount.h>
#define USUAL_CACHE "/Library/Caches/onebin"
#else
#define USUAL_CACHE "/.cache/onebin"
#endif

#define ATTEMPTS 5

/* Take a shared lock, so that nobody removes the directory. False if it was removed or replaced since it was opened. */
static bool hold(const struct artifact *artifact, const struct place *place) {
    struct stat mine, there;
    if (!wait_for_lock(artifact, place->fd, LOCK_SH)) return false;
    errno = ENOENT;
    return fstat(place->fd, &mine) == 0 && fstatat(place->parent, place->name, &there, AT_SYMLINK_NOFOLLOW) == 0 &&
           mine.st_ino == there.st_ino && mine.st_dev == there.st_dev;
}

/* Whether a directory is a tree that can be started. What a removed tree leaves has no code.bin. */
static bool has_program(const struct artifact *artifact, int directory) {
    struct stat status;
    return fstatat(directory, text("bin/%s", artifact->trailer.interpreter), &status, 0) == 0 &&
           fstatat(directory, CODE, &status, 0) == 0 && is_in_place(directory);
}

/* Open the tree that is the folder of the artifact itself. Anybody may own it, like any installation; but with more rights
 * than the user, nobody else may be able to exchange it. */
bool open_beside(const struct artifact *artifact, struct place *tree) {
    struct stat mine, there;
    const char *slash = strrchr(artifact->path, '/');
    errno = ENOENT;
    if (slash == NULL) return false;
    tree->path = text("%.*s", (int)(slash - artifact->path), artifact->path);
    tree->fd = is_privileged() ? walk(tree->path, SIZE_MAX) : open(tree->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (tree->fd < 0 || !has_program(artifact, tree->fd)) return false;
    errno = EPERM;
    return !is_privileged() || (fstat(artifact->fd, &mine) == 0 && fstatat(tree->fd, slash + 1, &there, 0) == 0 &&
                                mine.st_ino == there.st_ino && mine.st_dev == there.st_dev);
}

/* Open the n-th candidate for the cache; onebin.workspace finds the same place. */
bool open_cache(const struct artifact *artifact, struct place *cache, int candidate) {
    static const struct { const char *variable, *below; } places[] = {
        {"ONEBIN_CACHE_DIR", ""},
        {"XDG_CACHE_HOME", "/onebin"},
        {"HOME", USUAL_CACHE},
    };
    const char *variable = places[candidate].variable, *base = getenv(variable);
    errno = ENOENT;
    cache->path = NULL;
    /* The XDG specification says to ignore relative paths, which would mean a cache in every working directory. */
    if (base == NULL || base[0] != '/') return false;
    char *above = text("%s%s", base, places[candidate].below);
    cache->name = "artifacts";
    cache->path = text("%s/%s", above, cache->name);
    errno = EILSEQ;
    if (!can_import_from(artifact, base)) return false;
    cache->parent = walk(above, strcmp(variable, "HOME") == 0 ? strlen(base) : 0); /* never make $HOME */
    if (cache->parent < 0) return false;
    if (open_place(cache)) return true;
    return errno == ENOENT && (mkdirat(cache->parent, cache->name, 0700) == 0 || errno == EEXIST) && open_place(cache);
}

/* Whether programs in an open directory cannot be executed, or the system does not say. */
static bool is_noexec(int directory) {
#ifdef __APPLE__
    struct statfs mount;
    return fstatfs(directory, &mount) != 0 || (mount.f_flags & MNT_NOEXEC);
#else
    struct statvfs mount;
    return fstatvfs(directory, &mount) != 0 || (mount.f_flag & ST_NOEXEC);
#endif
}

/* Verify and unpack the payload for a tree that will be at `path`. Exits if the artifact is damaged; false means failure,
 * with errno set. */
static bool unpack(const struct artifact *artifact, const struct place *place, const char *path) {
    const struct trailer *trailer = &artifact->trailer;
    size_t skip = trailer->payload_offset % (size_t)sysconf(_SC_PAGESIZE);
    char *list = NULL;
    errno = EACCES;
    if (is_noexec(place->fd)) return false;
    int mark = openat(place->fd, UNPACKING, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (mark < 0) return false;
    close(mark);
    off_t page = (off_t)(trailer->payload_offset - skip);
    uint8_t *mapped = mmap(NULL, trailer->payload_size + skip, PROT_READ, MAP_PRIVATE, artifact->fd, page);
    if (mapped == MAP_FAILED) return false;
    int outcome = onebin_extract(place->fd, mapped + skip, trailer->payload_size, trailer->payload_sha256, &list);
    trace("unpacked into %s", place->path);
    if (outcome < 0) return false;
    if (outcome == 0 && has_program(artifact, place->fd))
        return relocate(place->fd, path, list) && complete(place->fd, list);
    discard(place->parent, place->name);
    fail(artifact, outcome > 0 ? "the payload does not match its digest" : "the payload does not contain the program",
         "do not trust this file; download or build it again");
}

/* Unpack into a new directory beside an entry; its name tells in which boot it was made. */
static bool make_draft(const struct artifact *artifact, const struct place *cache, const char *path, struct place *draft) {
    draft->parent = cache->fd;
    draft->name = text(".%s.%.*s", artifact->label, BOOT, boot_id());
    draft->path = text("%s/%s", cache->path, draft->name);
    if (!make_place(draft)) return false;
    if (unpack(artifact, draft, path)) return true;
    close(draft->fd);
    discard(cache->fd, draft->name);
    return false;
}

/* Make the entry unless it exists. Starts of one bundle wait for each other here. */
static bool ensure_entry(const struct artifact *artifact, const struct place *cache, struct place *tree) {
    struct place draft;
    bool is_locked, is_there = false;
    int lock = lock_bundle(artifact, cache, &is_locked);
    if (lock < 0) return false;
    if (open_place(tree)) {
        is_there = has_program(artifact, tree->fd) && is_complete(tree->fd);
        close(tree->fd);
    }
    /* An entry without its program may still be in use; then there is no place for another one. */
    if (!is_there && discard_unlocked(cache, artifact->label, NULL)) {
        sweep(artifact, cache, is_locked);
        is_there = make_draft(artifact, cache, tree->path, &draft);
        if (is_there) {
            /* If locks do not work here, another start may have made the entry meanwhile; that one is just as good. */
            is_there = renameat(cache->fd, draft.name, cache->fd, artifact->label) == 0 || errno == EEXIST ||
                       errno == ENOTEMPTY;
            close(draft.fd);
            discard(cache->fd, draft.name);
        }
    }
    int why = errno;
    close(lock);
    errno = why;
    return is_there;
}

/* Unpack again what is missing in an entry, which this process holds. */
static bool mend(const struct artifact *artifact, const struct place *cache, const struct place *tree) {
    struct place draft;
    bool is_locked, is_sound_now;
    int lock = lock_bundle(artifact, cache, &is_locked);
    if (lock < 0) return false;
    is_sound_now = is_sound(artifact, tree->fd);
    if (!is_sound_now && make_draft(artifact, cache, tree->path, &draft)) {
        size_t count = restore(artifact, tree->fd, draft.fd);
        const char *shown = make_printable(text("%s", tree->path));
        if (count > 0) fprintf(stderr, "onebin: restored %zu missing or damaged files in %s\n", count, shown);
        close(draft.fd);
        discard(cache->fd, draft.name);
        is_sound_now = is_sound(artifact, tree->fd);
        errno = EIO;
    }
    int why = errno;
    close(lock);
    errno = why;
    return is_sound_now;
}

/* Open and lock the entry of this artifact; make it if it does not exist or has lost its program. */
bool enter(const struct artifact *artifact, const struct place *cache, struct place *tree) {
    *tree = (struct place){cache->fd, artifact->label, text("%s/%s", cache->path, artifact->label), -1};
    for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
        if (open_place(tree)) {
            bool is_there = has_program(artifact, tree->fd) && is_complete(tree->fd);
            if (is_there && hold(artifact, tree) && (is_sound(artifact, tree->fd) || mend(artifact, cache, tree))) {
                futimens(tree->fd, NULL); /* record this use for sweep */
                return true;
            }
            close(tree->fd);
            if (is_there && errno != ENOENT) return false;
        } else if (errno != ENOENT) {
            return false;
        }
        if (!ensure_entry(artifact, cache, tree)) return false;
    }
    errno = EBUSY;
    return false;
}

/* Whether this process adopts the orphans of its children, as the first one of a container does. */
static bool adopts_orphans(void) {
    int adopts = getpid() == 1;
#ifdef PR_GET_CHILD_SUBREAPER
    if (!adopts && prctl(PR_GET_CHILD_SUBREAPER, &adopts) != 0) adopts = 0;
#endif
    return adopts;
}

/* Start a daemon that removes a directory as soon as its lock is released, which is when the program ends, however it
 * ends. The daemon is not the program's child, and keeps nothing open that others might wait for. */
static void discard_at_end(struct place tree) {
    sigset_t all;
    pid_t child = fork();
    if (child > 0) waitpid(child, NULL, 0);
    if (child != 0) return;
    if (setsid() < 0 || fork() != 0 || chdir("/") != 0) _exit(0);
    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, NULL);
    for (int fd = 0; fd < 65536; fd++) /* the limit itself may be a billion, or unlimited */
        if (fd != tree.parent) close(fd);
    if (open_place(&tree) && flock(tree.fd, LOCK_EX) == 0) discard(tree.parent, tree.name);
    _exit(0);
}

/* Unpack into a new directory in the n-th candidate for temporary files, for this run only. */
bool make_private(const struct artifact *artifact, int candidate, struct place *tree) {
    static const char *const places[] = {NULL, "/tmp", "/var/tmp"};
    const char *base = candidate == 0 && !is_privileged() ? getenv("TMPDIR") : places[candidate];
    tree->path = NULL;
    if (base == NULL || base[0] != '/' || !can_import_from(artifact, base)) return false;
    tree->name = text("onebin-%ld-%s-", (long)geteuid(), artifact->label);
    tree->path = text("%s/%s", base, tree->name);
    tree->parent = walk(base, SIZE_MAX);
    if (tree->parent < 0 || !make_place(tree)) return false;
    bool is_locked = flock(tree->fd, LOCK_SH) == 0 && is_really_locked(tree->parent, tree->name);
    bool has_daemon = is_locked && !adopts_orphans();
    if (has_daemon) discard_at_end(*tree);
    sweep_private(tree->parent, is_locked);
    if (unpack(artifact, tree, tree->path)) return true;
    int why = errno;
    close(tree->fd);
    if (!has_daemon) discard(tree->parent, tree->name);
    errno = why;
    return false;
}
