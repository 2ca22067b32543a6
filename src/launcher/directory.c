/* Directories: open, judge, lock, fill and remove them. */
#include "launcher.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

/* Open `place->path` by its name in an open directory. Symbolic links are refused: somebody may have planted them. */
bool open_directory(struct place *place, int parent, const char *name) {
    place->fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    return place->fd >= 0;
}

/* Whether a directory is this user's, and nobody else may put anything there. */
bool is_ours(const struct place *place) {
    struct stat status;
    if (fstat(place->fd, &status) != 0) return false;
    if (status.st_uid == geteuid() && (status.st_mode & (S_IWGRP | S_IWOTH)) == 0) return true;
    errno = EPERM;
    return false;
}

bool allows_programs(const struct place *place) {
    struct statvfs status;
    if (fstatvfs(place->fd, &status) != 0) return false;
#ifdef ST_NOEXEC
    errno = EACCES;
    return (status.f_flag & ST_NOEXEC) == 0;
#else
    return true;
#endif
}

/* Take a shared lock, so that nobody removes the directory; false if somebody is about to, or has. */
bool hold(const struct place *place, const char *name, int parent) {
    struct stat mine, there;
    if (flock(place->fd, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK) return false;
    /* A file system without locks is used without: what is removed there while it is in use is unpacked again. */
    return fstat(place->fd, &mine) == 0 && fstatat(parent, name, &there, AT_SYMLINK_NOFOLLOW) == 0 &&
           mine.st_ino == there.st_ino && mine.st_dev == there.st_dev;
}

static int remove_one(const char *path, const struct stat *status, int kind, struct FTW *walk) {
    (void)status, (void)kind, (void)walk;
    remove(path); /* what resists is left for the next time */
    return 0;
}

void discard(const char *path) { nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT); }

/* Remove a directory of ours unless a running program holds it. */
bool discard_unheld(const char *path) {
    struct place place;
    char aside[PATH_MAX];
    if (!open_directory(&place, AT_FDCWD, path)) return false;
    bool removed = false;
    if (is_ours(&place) && flock(place.fd, LOCK_EX | LOCK_NB) == 0) {
        /* Away from its name first: whoever comes next must not take a half-removed directory for a whole one. */
        const char *name = strrchr(path, '/') + 1;
        snprintf(aside, sizeof aside, "%.*s.%s.old", (int)(name - path), path, name);
        bool renamed = name[0] != '.' && rename(path, aside) == 0;
        discard(renamed ? aside : path);
        removed = true;
    }
    close(place.fd);
    return removed;
}

/* Verify the payload and unpack it. A damaged artifact ends here; false leaves the cause in errno. */
bool unpack(const struct artifact *artifact, const struct place *place) {
    const struct trailer *trailer = &artifact->trailer;
    size_t skip = trailer->payload_offset % (size_t)sysconf(_SC_PAGESIZE);
    size_t length = trailer->payload_size + skip;
    uint8_t *mapped = mmap(NULL, length, PROT_READ, MAP_PRIVATE, artifact->fd, (off_t)(trailer->payload_offset - skip));
    if (mapped == MAP_FAILED) return false;
    if (!onebin_verify(mapped + skip, trailer->payload_size, trailer->payload_sha256)) {
        discard(place->path);
        fail(artifact, "the payload does not have its digest", "do not trust this file; fetch or build it anew");
    }
    trace("payload verified, %llu bytes", (unsigned long long)trailer->payload_size);
    char why[64];
    int error = onebin_extract(place->fd, mapped + skip, trailer->payload_size, why, sizeof why);
    munmap(mapped, length);
    if (error < 0) {
        discard(place->path);
        fail(artifact, why, "the payload cannot be unpacked; build the file anew");
    }
    errno = error;
    return error == 0;
}
