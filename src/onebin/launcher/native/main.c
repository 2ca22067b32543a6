/* Find a place for the payload and become the program in there. */
#include "launcher.h"

extern char **environ;

#define CACHES 3
#define TEMPORARY 3

/* PyInstaller's boot loader would set the library path and start itself once more: it takes over what it finds set. */
static void prepare_boot_loader(const char *program, const char *internal) {
    const char *inherited = getenv("LD_LIBRARY_PATH");
    if (inherited != NULL && *inherited != 0) {
        setenv("LD_LIBRARY_PATH_ORIG", inherited, 1);
        setenv("LD_LIBRARY_PATH", text("%s:%s", internal, inherited), 1);
    } else {
        unsetenv("LD_LIBRARY_PATH_ORIG");
        setenv("LD_LIBRARY_PATH", internal, 1);
    }
    setenv("_PYI_ARCHIVE_FILE", program, 1);
    setenv("_PYI_PARENT_PROCESS_LEVEL", "0", 1);
    unsetenv("_PYI_APPLICATION_HOME_DIR");
    unsetenv("_PYI_SPLASH_IPC");
    setenv("_PYI_LINUX_PROCESS_NAME", strrchr(program, '/') + 1, 1); /* and not that of the dynamic loader */
}

/* Become the program, which keeps the lock to its end; returns only if the system refuses, with errno set. */
static void become(const struct artifact *artifact, const struct place *tree, char **argv) {
    const struct trailer *trailer = &artifact->trailer;
    char *program = text("%s/%s", tree->path, trailer->name), *internal = text("%s/_internal", tree->path);
    int held = fcntl(tree->fd, F_DUPFD, 100); /* far from the numbers that programs are handed descriptors under */
    if (held < 0) held = fcntl(tree->fd, F_DUPFD, 3);
    prepare_boot_loader(program, internal);
    setenv("_ONEBIN_ARTIFACT", artifact->path, 1);
    setenv("_ONEBIN_ARGV0", argv[0], 1);
    setenv("_ONEBIN_HELD", text("%d", held), 1);
    setenv("_ONEBIN_TREE", tree->path, 1);
    trace("becoming %s", program);
    umask(artifact->umask);
    if (trailer->loader[0] == 0) {
        execve(program, argv, environ);
    } else {
        size_t count = 0;
        while (argv[count] != NULL) count++;
        char *loader = text("%s/%s", internal, trailer->loader);
        char *front[] = {loader, "--library-path", internal, program}, **whole = calloc(count + 4, sizeof *whole);
        if (whole == NULL) return;
        memcpy(whole, front, sizeof front);
        memcpy(whole + 4, argv + 1, (count - 1) * sizeof *argv);
        execve(loader, whole, environ);
    }
    umask(077);
    close(held);
}

/* Why no place would do, one after the other, for the message at the end. */
static const char *reasons = "";

static void note(const char *path) {
    const char *why = errno == EPERM ? "it is somebody else's, or others may write to it" : strerror(errno);
    if (path == NULL) return;
    trace("%s: %s", path, why);
    reasons = text("%s%s%s: %s", reasons, *reasons ? "; " : "", path, why);
}

int main(int argc, char **argv) {
    struct artifact artifact;
    struct place cache, tree;
    if (argc < 1) return UNUSABLE; /* only who wants to break a program starts it without its name */
    artifact.umask = umask(077); /* what is made here is for this user alone, whatever the caller's mask */
    open_artifact(&artifact, argv[0]);
    trace("this is %s", artifact.path);
    if (!is_privileged() && share(&artifact, &tree)) become(&artifact, &tree, argv);
    /* A cache belongs to a user; who has other rights than the user must not run what that user may change. */
    for (int candidate = 0; candidate < CACHES && !is_privileged(); candidate++) {
        if (open_cache(&cache, candidate) && enter(&artifact, &cache, &tree)) become(&artifact, &tree, argv);
        note(cache.path);
    }
    for (int candidate = 0; candidate < TEMPORARY; candidate++) {
        if (make_private(&artifact, candidate, &tree)) become(&artifact, &tree, argv);
        note(tree.path);
    }
    fail(&artifact, reasons, "set ONEBIN_CACHE_DIR to a directory of yours with space, from which programs may run");
}
