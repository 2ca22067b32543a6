/* Locks (flock). A start waits for one that somebody else holds, but not for ever: that process may be stopped. */
#include "launcher.h"

#include <sys/file.h>
#include <time.h>

#define PATIENT 5     /* seconds after which a start says what it waits for */
#define TOO_LONG 30   /* seconds after which it goes on without */
#define SHORT 1000000 /* nanoseconds between the first attempts */
#define LONG 20000000 /* and between later ones */

static time_t seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec;
}

/* Tell whom this start waits for. The file of a bundle's lock has the process that unpacks. */
static void tell(const struct artifact *artifact, int fd) {
    char owner[16] = {0};
    long process = pread(fd, owner, sizeof owner - 1, 0) > 0 ? strtol(owner, NULL, 10) : 0;
    const char *who = process > 0 ? text("process %ld, which unpacks it", process) : "a process that uses its directory";
    fprintf(stderr, "onebin: %.*s waits for %s\n", (int)artifact->stem - 1, artifact->label, who);
}

/* Take a lock. On a file system without locks, go on without one. False if it took too long. */
bool wait_for_lock(const struct artifact *artifact, int fd, int kind) {
    struct timespec pause = {0, SHORT};
    bool has_told = false;
    for (time_t begin = seconds(); flock(fd, kind | LOCK_NB) != 0;) {
        if (errno != EWOULDBLOCK && errno != EINTR) return true;
        if (!has_told && seconds() - begin > PATIENT) tell(artifact, fd), has_told = true;
        errno = ETIMEDOUT;
        if (seconds() - begin > TOO_LONG) return false;
        nanosleep(&pause, NULL);
        if (pause.tv_nsec < LONG) pause.tv_nsec *= 2;
    }
    return true;
}

/* Whether a file or directory that this process has locked is locked for others, too. Some file systems only say so. */
bool is_really_locked(int parent, const char *name) {
    int again = openat(parent, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    bool is_locked = again >= 0 && flock(again, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK;
    if (again >= 0) close(again);
    return is_locked;
}

/* Take the lock of a bundle, and return its descriptor, or -1. `is_real` tells whether nobody else has it, too. */
int lock_bundle(const struct artifact *artifact, const struct place *cache, bool *is_real) {
    char *name = text(".%.*slock", (int)artifact->stem, artifact->label);
    int fd = openat(cache->fd, name, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0) return -1;
    if (!wait_for_lock(artifact, fd, LOCK_EX)) {
        close(fd);
        errno = ETIMEDOUT;
        return -1;
    }
    char *owner = text("%ld\n", (long)getpid());
    if (ftruncate(fd, 0) == 0 && pwrite(fd, owner, strlen(owner), 0) < 0) errno = 0; /* only for a message */
    *is_real = is_really_locked(cache->fd, name);
    return fd;
}
