/* Find the tree that this process runs from, and hold it while the process lives. */
#include "starter.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>
#ifdef __APPLE__
#include <dlfcn.h>
#else
#include <link.h>
#endif

#include "../trailer.h"

#define LIBRARY_DIR "/python/lib"

_Noreturn void fail(const struct tree *tree, const char *what, const char *remedy) {
    fprintf(stderr, "onebin: cannot start %s: %s\n  %s\n", tree->path, what, remedy);
    exit(UNUSABLE);
}

/* Return the path of something in the tree, in new memory. */
char *below(const struct tree *tree, const char *path) {
    char *joined;
    if (asprintf(&joined, "%s/%s", tree->path, path) < 0) abort();
    return joined;
}

#ifdef __APPLE__
static const char *library_path(void) {
    Dl_info info;
    return dladdr((const void *)&Py_RunMain, &info) ? info.dli_fname : NULL;
}
#else
static int take_library(struct dl_phdr_info *info, size_t size, void *found) {
    const char *slash = strrchr(info->dlpi_name, '/');
    (void)size;
    if (slash == NULL || strncmp(slash + 1, "lib" PYTHON, strlen("lib" PYTHON)) != 0) return 0;
    *(const char **)found = info->dlpi_name;
    return 1;
}

/* Return where the dynamic loader found Python's library. (Before glibc 2.34, dladdr would need another library.) */
static const char *library_path(void) {
    const char *found = NULL;
    dl_iterate_phdr(take_library, &found);
    return found;
}
#endif

/* Find the tree by Python's library: a copy of this executable, as in `python -m venv --copies`, uses the same one.
 * The path is the loader's unless it goes through the $ORIGIN of a tree that no launcher unpacked. */
bool find_tree(struct tree *tree) {
    char folder[PATH_MAX];
    const char *library = library_path(), *slash = library ? strrchr(library, '/') : NULL;
    if (slash == NULL || (size_t)(slash - library) >= sizeof folder) return false;
    memcpy(folder, library, (size_t)(slash - library));
    folder[slash - library] = 0;
    bool is_plain = folder[0] == '/' && strstr(folder, "/./") == NULL && strstr(folder, "/../") == NULL;
    if (is_plain) strcpy(tree->path, folder);
    else if (realpath(folder, tree->path) == NULL) return false;
    size_t length = strlen(tree->path), tail = strlen(LIBRARY_DIR);
    if (length <= tail || strcmp(tree->path + length - tail, LIBRARY_DIR) != 0) return false;
    tree->path[length - tail] = 0;
    return true;
}

/* Return the open directory of the tree that the launcher has locked and passed on, or -1. */
static int inherited(const struct tree *tree) {
    struct stat status;
    for (int fd = FIRST_LOCK; fd <= LAST_LOCK; fd++)
        if (fstat(fd, &status) == 0 && S_ISDIR(status.st_mode) && status.st_dev == tree->device &&
            status.st_ino == tree->inode && fcntl(fd, F_SETFD, FD_CLOEXEC) == 0)
            return fd;
    return -1;
}

/* Lock the tree, so that nobody removes it while this process or a fork of it lives. On a file system without locks, go
 * on without one. */
void hold(struct tree *tree) {
    static const char *remedy = "start the program again; it unpacks itself";
    struct stat status;
    int fd = open(tree->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &status) != 0) fail(tree, strerror(errno), remedy);
    tree->device = status.st_dev;
    tree->inode = status.st_ino;
    if (inherited(tree) >= 0) {
        close(fd);
        return;
    }
    while (flock(fd, LOCK_SH) != 0 && errno == EINTR) continue;
    if (!is_tree(tree, tree->path)) fail(tree, "it was removed", remedy);
    if (fcntl(fd, F_DUPFD_CLOEXEC, FIRST_LOCK) >= 0) close(fd);
}

/* Whether a path leads to the tree. */
bool is_tree(const struct tree *tree, const char *path) {
    struct stat status;
    return stat(path, &status) == 0 && status.st_dev == tree->device && status.st_ino == tree->inode;
}

static bool is_same_folder(const char *one, const char *other) {
    struct stat first, second;
    return stat(one, &first) == 0 && stat(other, &second) == 0 && first.st_dev == second.st_dev &&
           first.st_ino == second.st_ino;
}

/* Put the folder of a command into a buffer, as CPython finds it: by its path, or on PATH. */
static bool find_folder(const char *argv0, char folder[PATH_MAX]) {
    char file[PATH_MAX];
    struct stat status;
    const char *slash = strrchr(argv0, '/'), *path = getenv("PATH");
    if (slash != NULL) return snprintf(folder, PATH_MAX, "%.*s/.", (int)(slash - argv0), argv0) < PATH_MAX;
    while (path != NULL) {
        const char *colon = strchrnul(path, ':');
        int length = (int)(colon - path);
        if (snprintf(file, sizeof file, "%.*s/%s", length, path, argv0) < PATH_MAX && access(file, X_OK) == 0 &&
            stat(file, &status) == 0 && S_ISREG(status.st_mode))
            return snprintf(folder, PATH_MAX, "%.*s", length, path) < PATH_MAX;
        path = *colon == 0 ? NULL : colon + 1;
    }
    return false;
}

/* Whether a command is an interpreter in the tree's own bin, which makes it the interpreter of the tree's environment. */
bool is_in_bin(const struct tree *tree, const char *argv0) {
    char folder[PATH_MAX], *bin = below(tree, "bin");
    bool is_own = find_folder(argv0, folder) && is_same_folder(folder, bin);
    free(bin);
    return is_own;
}

/* Whether pyvenv.cfg says where the tree's interpreter is now; it does not in a folder that its user has moved. */
bool has_home(const struct tree *tree) {
    char line[PATH_MAX], *file = below(tree, "pyvenv.cfg"), *home = below(tree, "python/bin");
    FILE *stream = fopen(file, "re");
    bool found = false;
    while (stream != NULL && !found && fgets(line, sizeof line, stream) != NULL) {
        size_t key = strspn(line, " \t"), gap = key + strlen("home");
        if (strncmp(line + key, "home", strlen("home")) != 0) continue;
        gap += strspn(line + gap, " \t");
        if (line[gap] != '=') continue;
        gap += 1 + strspn(line + gap + 1, " \t");
        line[gap + strcspn(line + gap, "\r\n")] = 0;
        found = strcmp(line + gap, home) == 0;
    }
    if (stream != NULL) fclose(stream);
    free(file);
    free(home);
    return found;
}
