/* Recognise the bundle's program: the artifact, given to its own interpreter as a script. */
#include "starter.h"

#include <fcntl.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/auxv.h>
#endif

#include "../trailer.h"

/* Return the index of the script among the arguments, as CPython's Python/getopt.c finds it, or 0. An option that CPython
 * does not know needs no care: it ends with a usage error. */
static int script_index(int argc, char **argv) {
    for (int i = 1; i < argc; i++) {
        const char *argument = argv[i];
        if (argument[0] != '-' || argument[1] == 0) return argument[0] == '-' ? 0 : i; /* "-" is standard input */
        if (strcmp(argument, "--") == 0) return i + 1 < argc && strcmp(argv[i + 1], "-") != 0 ? i + 1 : 0;
        if (argument[1] == '-') {
            i += strcmp(argument, "--check-hash-based-pycs") == 0;
            continue;
        }
        for (const char *option = argument + 1; *option != 0; option++) {
            if (*option == 'c' || *option == 'm') return 0;
            if (*option != 'W' && *option != 'X') continue;
            i += option[1] == 0; /* its value is the rest, or the next argument */
            break;
        }
    }
    return 0;
}

/* Whether an open file is an artifact of this tree. */
static bool is_artifact(const struct tree *tree, const struct archive *archive, int fd) {
    struct stat status;
    struct trailer trailer;
    const off_t size = (off_t)sizeof trailer;
    if (fstat(fd, &status) != 0 || !S_ISREG(status.st_mode) || status.st_size < size ||
        pread(fd, &trailer, sizeof trailer, status.st_size - size) != size ||
        memcmp(trailer.magic, TRAILER_MAGIC, sizeof trailer.magic) != 0)
        return false;
    if (archive->base == NULL)
        fail(tree, "code.bin is missing or damaged", "remove this directory, and start the program again");
    return memcmp(trailer.tree_sha256, archive->header->tree_sha256, sizeof trailer.tree_sha256) == 0;
}

/* Whether a path leads to an artifact of this tree. Only regular files are opened: others can be opened once. */
static bool leads_to_artifact(const struct tree *tree, const struct archive *archive, const char *path) {
    struct stat status;
    int fd = stat(path, &status) == 0 && S_ISREG(status.st_mode) ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    bool is_found = fd >= 0 && is_artifact(tree, archive, fd);
    if (fd >= 0) close(fd);
    return is_found;
}

/* Return the index of the argument that is this tree's artifact, or 0 if there is none. The launcher, which gives it as
 * the first, has passed on the open file: somebody may exchange what is at its path. So the path itself is only opened if
 * somebody else started this interpreter, and never with more rights than the user has. */
int find_program(const struct tree *tree, const struct archive *archive, int argc, char **argv) {
    int last, index = script_index(argc, argv);
    for (int fd = passed_range(&last); fd <= last && argc > 1; fd++) {
        if (!is_artifact(tree, archive, fd)) continue;
        close(fd);
        return 1;
    }
    return index != 0 && !is_privileged() && leads_to_artifact(tree, archive, argv[index]) ? index : 0;
}

/* Whether this process has more rights than its user (setuid, setgid, file capabilities). */
bool is_privileged(void) {
#ifdef __linux__
    return getauxval(AT_SECURE) != 0;
#else
    return issetugid();
#endif
}

/* Whether a module of onebin runs before the program: if the bundle needs it, or for a test of the program. */
bool wants_start_hook(const struct archive *archive) {
    const char *wanted = getenv("ONEBIN_SELF_TEST");
    return (archive->header->flags & START_HOOK) != 0 || (wanted != NULL && *wanted != 0 && !is_privileged());
}
