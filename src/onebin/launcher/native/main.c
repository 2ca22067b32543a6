/* Find a place for the payload and execute the program there. */
#include "launcher.h"

extern char **environ;

#define CACHES 3
#define TEMPORARY 3

/* Set what PyInstaller's bootloader would otherwise set itself before executing itself a second time. */
static void prepare_bootloader(const char *program, const char *internal) {
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
    setenv("_PYI_LINUX_PROCESS_NAME", strrchr(program, '/') + 1, 1); /* not the dynamic loader's name */
}

/* Execute the program, which holds the lock until it ends. Returns only on failure, with errno set. */
static void execute(const struct artifact *artifact, const struct place *tree, char **argv) {
    const struct trailer *trailer = &artifact->trailer;
    char *program = text("%s/%s", tree->path, trailer->name), *internal = text("%s/_internal", tree->path);
    int held = fcntl(tree->fd, F_DUPFD, 100); /* far from the descriptors that callers usually pass on */
    if (held < 0) held = fcntl(tree->fd, F_DUPFD, 3);
    prepare_bootloader(program, internal);
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
    if (!is_privileged() && share(&artifact, &tree)) execute(&artifact, &tree, argv);
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
