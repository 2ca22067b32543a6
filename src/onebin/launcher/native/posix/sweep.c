/* Remove trees that are not used any more, and what killed starts left behind. */
#include "launcher.h"

#include <sys/file.h>
#include <time.h>

#define KEPT 3                     /* trees per bundle: this version and the two used most recently */
#define UNUSED (30 * DAY)          /* seconds after which any other tree is removed */
#define UNUSED_OUTSIDE (400 * DAY) /* seconds after its last use from outside, and the age at which a notice goes */
#define OLD (60 * 60)              /* seconds after which nobody writes to a draft, whatever its lock says */
#define YOUNG 60                   /* seconds within which a new private directory is certainly locked */

/* Remove a directory of this user unless a running program has locked it. If it is a tree of a program, leave a notice.
 * Returns whether it is gone; false sets errno. */
bool discard_unlocked(const struct place *cache, const char *name, const char *program) {
    struct place place = {cache->fd, name, text("%s/%s", cache->path, name), -1};
    if (!open_place(&place)) return errno == ENOENT;
    bool is_free = flock(place.fd, LOCK_EX | LOCK_NB) == 0;
    if (is_free) {
        /* Rename it first: the next start must not take a half-removed directory for a complete one. */
        char *aside = text(".%s.old", name);
        bool is_aside = name[0] != '.' && renameat(cache->fd, name, cache->fd, aside) == 0;
        if (is_aside && program != NULL) leave_notice(cache->fd, aside, name, place.path, program);
        discard(cache->fd, is_aside ? aside : name);
        trace("removed %s", place.path);
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

/* When a file in an open directory was changed, or 0 if there is none. */
static time_t changed(int directory, const char *name, const char *below) {
    struct stat status;
    return fstatat(directory, text("%s%s", name, below), &status, AT_SYMLINK_NOFOLLOW) == 0 ? status.st_mtime : 0;
}

/* The last use of a tree of this bundle, or 0 if the name is not one. */
static time_t last_use(const struct artifact *artifact, int cache, const char *name) {
    return is_version(artifact, name, 0) && !changed(cache, name, "/" NOTICE) ? changed(cache, name, "") : 0;
}

/* Whether nobody writes to a draft any more, or removes what was moved aside. Locks between machines may not work: a
 * young draft is only removed if it comes from this machine, whose drafts are all made under the bundle's lock. */
static bool is_leftover(const struct artifact *artifact, int cache, const char *name, bool is_locked) {
    if (name[0] != '.' || !is_version(artifact, name + 1, '.')) return false;
    const char *ending = name + 1 + artifact->stem + DIGITS + 1;
    bool is_known = is_locked && boot_id()[0] != '?' && strncmp(ending, boot_id(), BOOT) == 0;
    return is_known || strncmp(ending, "old", strlen("old")) == 0 || time(NULL) - changed(cache, name, "") > OLD;
}

/* Remove what killed starts left behind, and what has not been used for long. The caller holds the bundle's lock, if the
 * file system has locks. */
void sweep(const struct artifact *artifact, const struct place *cache, bool is_locked) {
    time_t now = time(NULL);
    char *program = text("%.*s", (int)artifact->stem - 1, artifact->label), **names = list_names(cache->fd, ".");
    for (char **name = names; *name != NULL; name++) {
        time_t used = last_use(artifact, cache->fd, *name);
        int later = 0;
        for (char **other = names; *other != NULL; other++) later += last_use(artifact, cache->fd, *other) > used;
        bool is_unused = used == 0 || (later >= KEPT - 1 && now - used > UNUSED);
        time_t last = changed(cache->fd, *name, used ? "/" OUTSIDE : "");
        if (is_version(artifact, *name, 0) && is_unused && now - last > UNUSED_OUTSIDE)
            discard_unlocked(cache, *name, used ? program : NULL);
        else if (is_leftover(artifact, cache->fd, *name, is_locked))
            discard_unlocked(cache, *name, NULL);
    }
}

/* Whether a name is onebin-<uid>-<bundle>-<digest>-<letters>, that of a private directory. */
static bool is_private(const char *name) {
    char *prefix = text("onebin-%ld-", (long)geteuid());
    size_t length = strlen(name), tail = 1 + DIGITS + 1 + RANDOM;
    if (strncmp(name, prefix, strlen(prefix)) != 0 || length < strlen(prefix) + 1 + tail) return false;
    const char *digest = name + length - tail + 1;
    return digest[-1] == '-' && strspn(digest, "0123456789abcdef") >= DIGITS && digest[DIGITS] == '-';
}

/* Remove private directories whose daemons were killed. One without locks may be in use for as long as any tree. */
void sweep_private(int parent, bool is_locked) {
    for (char **name = list_names(parent, "."); *name != NULL; name++) {
        struct place place = {parent, *name, *name, -1};
        time_t age = time(NULL) - changed(parent, *name, "");
        bool is_marked = changed(parent, *name, "/" COMPLETE) || changed(parent, *name, "/" UNPACKING);
        if (!is_private(*name) || age <= (is_locked ? YOUNG : UNUSED)) continue;
        if (!is_marked) unlinkat(parent, *name, AT_REMOVEDIR); /* if it was killed at once, it is empty */
        if (!is_marked || !open_place(&place)) continue;
        if (flock(place.fd, LOCK_EX | LOCK_NB) == 0) discard(parent, *name);
        close(place.fd);
    }
}
