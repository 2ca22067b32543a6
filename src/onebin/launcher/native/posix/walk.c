/* Open directories that nobody else can exchange for others, and list, make and remove below them.
 *
 * A path is followed from "/" on, one directory after the other. What follows is done relative to an open directory, so
 * that somebody who renames folders meanwhile changes nothing. */
#include "launcher.h"

#include <dirent.h>
#include <grp.h>
#include <pwd.h>
#ifdef __APPLE__
#include <sys/random.h>
#endif

#ifdef O_PATH
#define SEARCH (O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC) /* also where this user may not list */
#else
#define SEARCH (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
#endif
#define MOST_LINKS 40

const char *untrusted;

struct walk {
    const char *path; /* as far as it was followed */
    const char *rest;
    int fd;
    struct stat status;
    uid_t system; /* who owns "/": root, also in a namespace that does not know root */
    size_t own;   /* bytes at the end of the path whose directories may be made */
    int links;
};

/* Whether a group is only this user's, as on systems that give each user a group, and let it write. */
static bool is_own_group(gid_t group) {
    char *name = NULL;
    const struct passwd *user = getpwuid(geteuid());
    const struct group *found = getgrgid(group);
    if (user == NULL || found == NULL || group == 0) return false;
    name = text("%s", user->pw_name);
    for (char **member = found->gr_mem; *member != NULL; member++)
        if (strcmp(*member, name) != 0) return false;
    bool is_own = true;
    setpwent();
    while ((user = getpwent()) != NULL) is_own = is_own && (user->pw_gid != group || user->pw_uid == geteuid());
    endpwent();
    return is_own;
}

/* Whether others can exchange what is in a directory. If it is sticky, they can exchange only what is theirs. */
static bool is_open_to_others(const struct stat *status) {
    if ((status->st_mode & (S_IWGRP | S_IWOTH)) == 0 || (status->st_mode & S_ISVTX)) return false;
    return (status->st_mode & S_IWOTH) || status->st_uid != geteuid() || !is_own_group(status->st_gid);
}

/* Whether a directory or a link that belongs to `owner` and is in the walk's directory is root's or ours. */
static bool is_trusted(const struct walk *walk, uid_t owner) {
    bool is_shared = walk->status.st_mode & (S_IWGRP | S_IWOTH);
    return owner == 0 || owner == geteuid() || (owner == walk->system && !is_shared);
}

static bool refuse(const char *path) {
    untrusted = path;
    errno = EPERM;
    return false;
}

/* Go to a directory that was opened in the walk's own. */
static bool go(struct walk *walk, int fd, const char *path) {
    struct stat status;
    if (fd < 0 || fstat(fd, &status) != 0) return false;
    bool is_safe = (walk->fd < 0 || is_trusted(walk, status.st_uid)) && !is_open_to_others(&status);
    if (walk->fd >= 0) close(walk->fd);
    else walk->system = status.st_uid;
    walk->path = path, walk->fd = fd, walk->status = status;
    return is_safe || refuse(*path ? path : "/");
}

/* Put the target of a symbolic link before the rest of the way. */
static bool follow(struct walk *walk, const char *name) {
    static char target[PATH_MAX];
    struct stat link;
    char *path = text("%s/%s", walk->path, name);
    if (fstatat(walk->fd, name, &link, AT_SYMLINK_NOFOLLOW) != 0) return false;
    errno = ENOTDIR;
    if (!S_ISLNK(link.st_mode)) return false;
    if (!is_trusted(walk, link.st_uid)) return refuse(path);
    ssize_t length = readlinkat(walk->fd, name, target, sizeof target - 1);
    if (length < 0) return false;
    walk->rest = text("%.*s/%s", (int)length, target, walk->rest);
    if (target[0] != '/') return true;
    return go(walk, openat(walk->fd, "/", SEARCH), "");
}

/* Go to the next directory on the way; if it is missing, make it where that is allowed. */
static bool step(struct walk *walk, size_t given) {
    size_t length = strcspn(walk->rest, "/"), left = strlen(walk->rest);
    char *name = text("%.*s", (int)length, walk->rest);
    int next = openat(walk->fd, name, SEARCH);
    walk->rest += length;
    if (next < 0 && errno == ENOENT && left <= walk->own && (given == 0 || walk->status.st_uid == geteuid())) {
        if (mkdirat(walk->fd, name, 0700) != 0 && errno != EEXIST) return false;
        next = openat(walk->fd, name, SEARCH);
    }
    if (next >= 0) return go(walk, next, text("%s/%s", walk->path, name));
    if (errno != ENOTDIR && errno != ELOOP) return false;
    if (left - length < walk->own) walk->own = left - length; /* nothing is made at the target of a link */
    if (!follow(walk, name)) return false;
    errno = ELOOP;
    return ++walk->links <= MOST_LINKS;
}

/* Open the directory at an absolute path, or return -1 with errno set. Each directory on the way belongs to root or this
 * user, and is not open to others. What is missing beyond the first `given` bytes is made; if there are such bytes, only
 * in a directory of this user. */
int walk(const char *path, size_t given) {
    struct walk walk = {.path = "", .rest = path, .fd = -1, .own = given < strlen(path) ? strlen(path) - given : 0};
    bool is_open = go(&walk, open("/", SEARCH), "");
    while (is_open && *(walk.rest += strspn(walk.rest, "/")) != 0) is_open = step(&walk, given);
    int fd = is_open ? openat(walk.fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1, why = errno;
    if (walk.fd >= 0) close(walk.fd);
    errno = why;
    return fd;
}

/* Open a directory in an open one, if it belongs to this user and nobody else can write to it. */
bool open_place(struct place *place) {
    struct stat status;
    place->fd = openat(place->parent, place->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (place->fd < 0) return false;
    if (fstat(place->fd, &status) == 0 && status.st_uid == geteuid() && !(status.st_mode & (S_IWGRP | S_IWOTH)))
        return true;
    close(place->fd);
    return refuse(place->path);
}

/* Make and open a directory with a new name, which begins with that of the place. */
bool make_place(struct place *place) {
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz012345";
    char ending[RANDOM + 1] = {0};
    const char *prefix = place->name, *path = place->path;
    for (int attempt = 0; attempt < 100; attempt++) {
        if (getentropy(ending, RANDOM) != 0) return false;
        for (int i = 0; i < RANDOM; i++) ending[i] = letters[ending[i] & 31];
        place->name = text("%s%s", prefix, ending);
        place->path = text("%s%s", path, ending);
        if (mkdirat(place->parent, place->name, 0700) == 0) {
            if (open_place(place)) return true;
            int why = errno;
            unlinkat(place->parent, place->name, AT_REMOVEDIR);
            errno = why;
            return false;
        }
        if (errno != EEXIST) return false;
    }
    return false;
}

/* Return the names in a directory in an open one, after each other, with an empty one at the end. */
char **list_names(int parent, const char *name) {
    size_t count = 0, space = 64;
    char **names = calloc(space, sizeof *names);
    int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *stream = fd < 0 ? NULL : fdopendir(fd);
    for (const struct dirent *entry; stream != NULL && names != NULL && (entry = readdir(stream)) != NULL;) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
        names[count++] = text("%s", entry->d_name);
        if (count == space) names = realloc(names, (space *= 2) * sizeof *names);
        if (names != NULL) names[count] = NULL;
    }
    if (stream != NULL) closedir(stream);
    else if (fd >= 0) close(fd);
    if (names == NULL) abort();
    return names;
}

/* Remove what is at a path below an open directory. It takes one descriptor, however deep that is. */
static void discard_below(int parent, const char *path) {
    if (unlinkat(parent, path, 0) == 0 || errno == ENOENT) return; /* what cannot be removed is left for the next time */
    for (char **names = list_names(parent, path); *names != NULL; names++) discard_below(parent, text("%s/%s", path, *names));
    unlinkat(parent, path, AT_REMOVEDIR);
}

/* Remove a directory in an open one, and leave errno as it is. First it is no longer complete; last of all goes what shows
 * that it is onebin's. */
void discard(int parent, const char *name) {
    int why = errno;
    renameat(parent, text("%s/" COMPLETE, name), parent, text("%s/" UNPACKING, name));
    for (char **names = list_names(parent, name); *names != NULL; names++)
        if (strcmp(*names, UNPACKING) != 0) discard_below(parent, text("%s/%s", name, *names));
    discard_below(parent, text("%s/" UNPACKING, name));
    unlinkat(parent, name, AT_REMOVEDIR);
    errno = why;
}
