/* Find a place for the payload and execute the program there. */
#include "launcher.h"

extern char **environ;

#define CACHES 3
#define TEMPORARY 3

/* Become the tree's interpreter, which holds the lock until it ends. Returns only on failure, with errno set. */
static void execute(const struct artifact *artifact, const struct place *tree, char **argv) {
    char *python = text("%s/bin/%s", tree->path, artifact->trailer.interpreter);
    size_t count = 0;
    while (argv[count] != NULL) count++;
    char **whole = calloc(count + 2, sizeof *whole);
    if (whole == NULL) return;
    whole[0] = python;
    whole[1] = (char *)artifact->started_as;
    if (count > 0) memcpy(whole + 2, argv + 1, (count - 1) * sizeof *argv);
    /* The interpreter looks for the lock at these numbers, which are far from those that callers usually pass on. */
    int held = fcntl(tree->fd, F_DUPFD, FIRST_LOCK);
    trace("becoming %s", python);
    umask(artifact->umask);
    execve(python, whole, environ);
    umask(077);
    if (held >= 0) close(held);
}

/* Why each place was unsuitable, for the error message. */
static const char *reasons = "";

static void note(const char *path) {
    const char *why = errno == EPERM ? "it belongs to another user, or others may write to it" : strerror(errno);
    if (path == NULL) return;
    trace("%s: %s", path, why);
    reasons = text("%s%s%s: %s", reasons, *reasons ? "; " : "", path, why);
}

int main(int argc, char **argv) {
    struct artifact artifact;
    struct place cache, tree;
    if (argc < 1) return UNUSABLE; /* a start without argv[0] is an attack or a mistake */
    artifact.umask = umask(077); /* files made here are for this user only, whatever the caller's umask */
    open_artifact(&artifact, argv[0]);
    trace("this is %s", artifact.path);
    if (artifact.trailer.payload_size == 0) {
        if (open_beside(&artifact, &tree)) execute(&artifact, &tree, argv);
        fail(&artifact, strerror(errno), "this file works only in its folder: copy or build the whole folder again");
    }
    /* A cache belongs to its user. With more rights than the user, do not run what that user can change. */
    for (int candidate = 0; candidate < CACHES && !is_privileged(); candidate++) {
        if (open_cache(&cache, candidate) && enter(&artifact, &cache, &tree)) execute(&artifact, &tree, argv);
        note(cache.path);
    }
    for (int candidate = 0; candidate < TEMPORARY; candidate++) {
        if (make_private(&artifact, candidate, &tree)) execute(&artifact, &tree, argv);
        note(tree.path);
    }
    fail(&artifact, reasons, "set ONEBIN_CACHE_DIR to a directory of your own with free space, not mounted noexec");
}
