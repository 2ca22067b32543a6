/* Find the tree that this process runs from, and hold it while the process lives. */
#include "../starter.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#ifdef __APPLE__
#include <dlfcn.h>
#include <libproc.h>
#else
#include <link.h>
#include <sys/auxv.h>
#endif

#include "../../printable.h"
#include "../../trailer.h"

int passed_range(int *last); /* passed.c */

#define LIBRARY_DIR "/python/lib"
#define CACHE_DIR "artifacts" /* in it, the launcher names a tree <program>-<digest> */
#define DIGITS 32
#define SELDOM 3600 /* seconds within which a use of the tree is not noted again */
#define GENERATIONS 64

_Noreturn void fail(const struct tree *tree, const char *what, const char *remedy) {
    char *line;
    if (asprintf(&line, "onebin: cannot start %s: %s\n  %s\n", tree->path, what, remedy) < 0) abort();
    fputs(make_printable(line), stderr);
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
    static const char *found;
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
    int last;
    for (int fd = passed_range(&last); fd <= last; fd++)
        if (fstat(fd, &status) == 0 && S_ISDIR(status.st_mode) && (uint64_t)status.st_dev == tree->device &&
            (uint64_t)status.st_ino == tree->inode && fcntl(fd, F_SETFD, FD_CLOEXEC) == 0)
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
    tree->device = (uint64_t)status.st_dev;
    tree->inode = (uint64_t)status.st_ino;
    tree->used = status.st_mtime;
    if (inherited(tree) >= 0) {
        close(fd);
        return;
    }
    while (flock(fd, LOCK_SH) != 0 && errno == EINTR) continue;
    if (!is_tree(tree, tree->path)) fail(tree, "it was removed", remedy);
    if (fcntl(fd, F_DUPFD_CLOEXEC, FIRST_PASSED) >= 0) close(fd);
}

/* Whether a path leads to the tree. */
bool is_tree(const struct tree *tree, const char *path) {
    struct stat status;
    return stat(path, &status) == 0 && (uint64_t)status.st_dev == tree->device &&
           (uint64_t)status.st_ino == tree->inode;
}

static bool is_same_file(const char *one, const char *other) {
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
        int length = (int)strcspn(path, ":");
        if (snprintf(file, sizeof file, "%.*s/%s", length, path, argv0) < PATH_MAX && access(file, X_OK) == 0 &&
            stat(file, &status) == 0 && S_ISREG(status.st_mode))
            return snprintf(folder, PATH_MAX, "%.*s", length, path) < PATH_MAX;
        path = path[length] == 0 ? NULL : path + length + 1;
    }
    return false;
}

static bool is_in(const struct tree *tree, const char *path, const char *argv0) {
    char folder[PATH_MAX], *own = below(tree, path);
    bool is_own = find_folder(argv0, folder) && is_same_file(folder, own);
    free(own);
    return is_own;
}

/* Whether a command is an interpreter in the tree's own bin, which makes it the interpreter of the tree's environment. */
bool is_in_bin(const struct tree *tree, const char *argv0) {
    return is_in(tree, "bin", argv0);
}

/* Whether the tree is in the cache, where the launcher removes it when it has not been used for a long time. */
static bool is_in_cache(const struct tree *tree) {
    const char *slash = strrchr(tree->path, '/'), *dash = strrchr(tree->path, '-');
    const size_t length = strlen("/" CACHE_DIR);
    return dash > slash && strspn(dash + 1, "0123456789abcdef") == DIGITS && dash[1 + DIGITS] == 0 &&
           (size_t)(slash - tree->path) >= length && strncmp(slash - length, "/" CACHE_DIR, length) == 0;
}

#ifdef __APPLE__
/* Return the parent of a process, or 0 if the system does not say. */
static pid_t parent_of(pid_t process) {
    struct proc_bsdshortinfo info;
    bool is_known = proc_pidinfo(process, PROC_PIDT_SHORTBSDINFO, 0, &info, sizeof info) == (int)sizeof info;
    return is_known ? (pid_t)info.pbsi_ppid : 0;
}

/* Whether a process runs the same program as this one. */
static bool runs_the_same(pid_t process) {
    char one[PROC_PIDPATHINFO_MAXSIZE], other[PROC_PIDPATHINFO_MAXSIZE];
    return proc_pidpath(process, one, sizeof one) > 0 && proc_pidpath(getpid(), other, sizeof other) > 0 &&
           is_same_file(one, other);
}
#else
/* Return the parent of a process, or 0 if the system does not say. */
static pid_t parent_of(pid_t process) {
    char path[64], line[1024];
    int parent = 0;
    snprintf(path, sizeof path, "/proc/%ld/stat", (long)process);
    FILE *stream = fopen(path, "re");
    if (stream == NULL) return 0;
    /* The name of the process is in parentheses, and may have some. */
    const char *rest = fgets(line, sizeof line, stream) == NULL ? NULL : strrchr(line, ')');
    if (rest == NULL || sscanf(rest, ") %*c %d", &parent) != 1) parent = 0;
    fclose(stream);
    return parent;
}

/* Whether a process runs the same program as this one. */
static bool runs_the_same(pid_t process) {
    char executable[64];
    snprintf(executable, sizeof executable, "/proc/%ld/exe", (long)process);
    return is_same_file(executable, "/proc/self/exe");
}
#endif

/* Whether this process was started by something outside the tree, such as a git hook, or through a path outside it,
 * such as that of an environment. If in doubt, it was: then the tree is only kept for longer. */
static bool is_from_outside(const struct tree *tree, const char *path) {
#ifdef __linux__
    const char *executed = (const char *)getauxval(AT_EXECFN);
    if (executed != NULL) path = executed; /* of a script, it is the script's own */
#endif
    if (!is_in(tree, "bin", path) && !is_in(tree, "python/bin", path)) return true;
    /* Programs in the tree start others, such as a shell, that start the interpreter. */
    pid_t ancestor = getppid();
    for (int i = 0; i < GENERATIONS && ancestor > 1; i++, ancestor = parent_of(ancestor))
        if (runs_the_same(ancestor)) return false;
    return true;
}

/* Note this use of a tree in the cache, so that the launcher's sweep keeps what is in use. If that fails, go on. */
void note_use(const struct tree *tree, const char *argv0, bool is_program) {
    struct stat status;
    time_t now = time(NULL);
    if (!is_in_cache(tree)) return;
    if (now - tree->used > SELDOM) utimensat(AT_FDCWD, tree->path, NULL, 0);
    if (is_program) return;
    char *mark = below(tree, OUTSIDE);
    bool is_recent = stat(mark, &status) == 0 && now - status.st_mtime <= SELDOM;
    if (!is_recent && is_from_outside(tree, argv0)) {
        int fd = open(mark, O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
        if (fd >= 0) futimens(fd, NULL);
        if (fd >= 0) close(fd);
    }
    free(mark);
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
