/* Where the payload is unpacked: in a cache of this user, or in a private directory for a single run.
 *
 * An entry of the cache is made beside its place and renamed into it, so it is whole or not there. Who runs a program
 * in an entry holds a shared lock on that directory; who removes one needs the exclusive lock. */
#include "launcher.h"

#include <dirent.h>
#include <ftw.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <time.h>

#ifdef __APPLE__
#define syncfs(directory) sync()
#endif
#define KEPT 3 /* entries of one bundle: this version and the two that were used last */
#define YOUNG 60 /* seconds in which a new private directory surely is locked */
#define ATTEMPTS 5
#define DIGITS 32

/* Open a directory that is this user's alone to write. A symbolic link is refused: somebody may have planted it. */
static bool open_ours(struct place *place) {
    struct stat status;
    place->fd = open(place->path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (place->fd < 0) return false;
    if (fstat(place->fd, &status) == 0 && status.st_uid == geteuid() && !(status.st_mode & (S_IWGRP | S_IWOTH)))
        return true;
    close(place->fd);
    errno = EPERM;
    return false;
}

/* Take a shared lock, so that nobody removes the directory; false if it was removed, or replaced, since it was opened.
 * A file system without locks is used without: what is removed there while it is in use is unpacked again. */
static bool hold(const struct place *place) {
    struct stat mine, there;
    flock(place->fd, LOCK_SH);
    return fstat(place->fd, &mine) == 0 && lstat(place->path, &there) == 0 && mine.st_ino == there.st_ino &&
           mine.st_dev == there.st_dev;
}

static int remove_one(const char *path, const struct stat *status, int kind, struct FTW *walk) {
    (void)status, (void)kind, (void)walk;
    remove(path); /* what resists is left for the next time */
    return 0;
}

/* Remove a directory and leave errno as it is. */
static void discard(const char *path) {
    int why = errno;
    nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    errno = why;
}

/* Remove a directory of ours unless a running program holds it. */
static void discard_unheld(char *path) {
    struct place place = {.path = path};
    if (!open_ours(&place)) return;
    if (flock(place.fd, LOCK_EX | LOCK_NB) == 0) {
        /* Away from its name first: whoever comes next must not take a half-removed directory for a whole one. */
        const char *name = strrchr(path, '/') + 1;
        char *aside = text("%.*s.%s.old", (int)(name - path), path, name);
        discard(name[0] != '.' && rename(path, aside) == 0 ? aside : path);
        trace("removed %s", path);
    }
    close(place.fd);
}

static bool has_program(const struct artifact *artifact, const struct place *tree) {
    struct stat status;
    const char *loader = artifact->trailer.loader;
    return lstat(text("%s/%s", tree->path, artifact->trailer.name), &status) == 0 &&
           (loader[0] == 0 || lstat(text("%s/_internal/%s", tree->path, loader), &status) == 0);
}

/* Open the tree of the process that started this one, if it is of this very payload: worker processes compare paths,
 * and the environment, or a private directory, might lead each of them to a tree of its own. */
bool share(const struct artifact *artifact, struct place *tree) {
    tree->path = getenv("_ONEBIN_TREE");
    return tree->path != NULL && strstr(tree->path, artifact->label) != NULL && open_ours(tree) && hold(tree) &&
           has_program(artifact, tree);
}

/* mkdir -p below `made` bytes of a path, with the mode that the XDG base directory specification asks for. */
static void make_directories(const char *path, size_t made) {
    for (const char *slash = path + made; (slash = strchr(slash + 1, '/')) != NULL;)
        mkdir(text("%.*s", (int)(slash - path), path), 0700);
    mkdir(path, 0700);
}

/* Open the n-th place for the cache, the same that onebin.paths names. */
bool open_cache(struct place *cache, int candidate) {
    static const struct { const char *variable, *below; } places[] = {
        {"ONEBIN_CACHE_DIR", "artifacts"},
        {"XDG_CACHE_HOME", "onebin/artifacts"},
        {"HOME", ".cache/onebin/artifacts"},
    };
    const char *variable = places[candidate].variable, *base = getenv(variable);
    errno = ENOENT;
    cache->path = NULL;
    /* The XDG specification wants relative paths ignored; they would mean a cache in every working directory. */
    if (base == NULL || base[0] != '/') return false;
    cache->path = text("%s/%s", base, places[candidate].below);
    if (open_ours(cache)) return true;
    if (errno != ENOENT) return false;
    make_directories(cache->path, strcmp(variable, "HOME") == 0 ? strlen(base) : 0); /* nobody wants a new home */
    return open_ours(cache);
}

/* Whether a name is <stem><digest>, and so that of an entry of this bundle, in this or another version. */
static bool is_version(const struct artifact *artifact, const char *name, char next) {
    return strncmp(name, artifact->label, artifact->stem) == 0 &&
           strspn(name + artifact->stem, "0123456789abcdef") == DIGITS && name[artifact->stem + DIGITS] == next;
}

/* When an entry of this bundle was used last; 0 if there is none of that name. */
static time_t last_use(const struct artifact *artifact, const struct place *cache, const char *name) {
    struct stat status;
    return is_version(artifact, name, 0) && fstatat(cache->fd, name, &status, 0) == 0 ? status.st_mtime : 0;
}

/* Remove what dead starts left and the versions used least lately. The caller holds the bundle's lock. */
static void sweep(const struct artifact *artifact, const struct place *cache) {
    struct dirent **listing;
    int count = scandir(cache->path, &listing, NULL, NULL);
    for (int i = 0; i < count; i++) {
        const char *name = listing[i]->d_name;
        time_t used = last_use(artifact, cache, name);
        int later = 0;
        for (int j = 0; j < count && used; j++) later += last_use(artifact, cache, listing[j]->d_name) > used;
        if (later >= KEPT - 1 || (name[0] == '.' && is_version(artifact, name + 1, '.')))
            discard_unheld(text("%s/%s", cache->path, name));
    }
}

/* Verify and unpack the payload. A damaged artifact ends here; false leaves the cause in errno. */
static bool unpack(const struct artifact *artifact, const struct place *place) {
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
    if (outcome == 0 && has_program(artifact, place)) return true;
    discard(place->path);
    fail(artifact, outcome > 0 ? "the payload does not have its digest" : "its program is not in the payload",
         "do not trust this file; fetch or build it anew");
}

static bool make_entry(const struct artifact *artifact, const struct place *cache, const char *path) {
    struct place draft = {.path = text("%s/.%s.XXXXXX", cache->path, artifact->label)};
    if (mkdtemp(draft.path) == NULL || !open_ours(&draft)) return false;
    bool made = unpack(artifact, &draft);
    if (made) {
        syncfs(draft.fd); /* the data before the name: after a power failure the entry is whole or not there */
        /* Only where locks do not work can another start have been here meanwhile; its entry is as good. */
        made = rename(draft.path, path) == 0 || errno == EEXIST || errno == ENOTEMPTY;
        fsync(cache->fd);
    }
    close(draft.fd);
    discard(draft.path);
    return made;
}

/* Make the entry unless it is there; starts of one bundle wait for each other here. */
static bool ensure_entry(const struct artifact *artifact, const struct place *cache, const char *path) {
    struct stat status;
    char *name = text("%s/.%.*slock", cache->path, (int)artifact->stem, artifact->label);
    int lock = open(name, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (lock < 0) return false;
    flock(lock, LOCK_EX);
    bool there = lstat(path, &status) == 0;
    if (!there) {
        sweep(artifact, cache);
        there = make_entry(artifact, cache, path);
    }
    close(lock);
    return there;
}

/* Open and hold the entry of this artifact; make it if it is not there or has lost its program. */
bool enter(const struct artifact *artifact, const struct place *cache, struct place *tree) {
    tree->path = text("%s/%s", cache->path, artifact->label);
    for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
        if (open_ours(tree)) {
            bool held = hold(tree);
            if (held && has_program(artifact, tree)) {
                futimens(tree->fd, NULL); /* used last now, see sweep */
                return true;
            }
            close(tree->fd);
            if (held) discard_unheld(tree->path);
        } else if (errno != ENOENT) {
            return false;
        }
        if (!ensure_entry(artifact, cache, tree->path)) return false;
    }
    errno = EBUSY;
    return false;
}

/* Leave a process behind that removes a directory once nobody holds it: at the program's end, whatever ends it. It is
 * nobody's child, and has nothing open for which others might wait. */
static void discard_at_end(char *path) {
    struct place tree = {.path = path};
    sigset_t all;
    pid_t child = fork();
    if (child > 0) waitpid(child, NULL, 0);
    if (child != 0) return;
    if (setsid() < 0 || fork() != 0 || chdir("/") != 0) _exit(0);
    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, NULL);
    for (int fd = 0; fd < 65536; fd++) close(fd); /* the limit may be a thousand million, or none */
    if (open_ours(&tree) && flock(tree.fd, LOCK_EX) == 0) discard(path);
    _exit(0);
}

/* Unpack into a new directory of the n-th place for temporary files, for this run only. */
bool make_private(const struct artifact *artifact, int candidate, struct place *tree) {
    static const char *const places[] = {NULL, "/tmp", "/var/tmp"};
    const char *base = candidate == 0 && !is_privileged() ? getenv("TMPDIR") : places[candidate];
    struct dirent **listing;
    struct stat status;
    tree->path = NULL;
    if (base == NULL || base[0] != '/') return false;
    char *prefix = text("onebin-%ld-", (long)geteuid());
    for (int i = scandir(base, &listing, NULL, NULL); i-- > 0;) {
        char *name = listing[i]->d_name, *path = text("%s/%s", base, name);
        /* Nobody was left to remove this one; a young one may be about to be locked. */
        if (strncmp(name + (name[0] == '.'), prefix, strlen(prefix)) == 0 && lstat(path, &status) == 0 &&
            time(NULL) - status.st_mtime > YOUNG)
            discard_unheld(path);
    }
    tree->path = text("%s/%s%s-XXXXXX", base, prefix, artifact->label);
    if (mkdtemp(tree->path) == NULL || !open_ours(tree)) return false;
    flock(tree->fd, LOCK_SH);
    discard_at_end(tree->path);
    if (unpack(artifact, tree)) return true;
    close(tree->fd);
    return false;
}
