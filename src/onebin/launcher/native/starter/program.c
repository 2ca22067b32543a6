/* Recognise the bundle's program: the artifact, given to its own interpreter as a script. */
#include "starter.h"

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

/* Whether the last bytes of a file are those of an artifact of this tree. */
bool is_of_tree(const struct tree *tree, const struct archive *archive, const struct trailer *trailer) {
    if (memcmp(trailer->magic, TRAILER_MAGIC, sizeof trailer->magic) != 0) return false;
    if (archive->base == NULL)
        fail(tree, "code.bin is missing or damaged", "remove this directory, and start the program again");
    return memcmp(trailer->tree_sha256, archive->header->tree_sha256, sizeof trailer->tree_sha256) == 0;
}

/* Return the index of the argument that is this tree's artifact, or 0 if there is none. The launcher, which gives it as
 * the first, may have passed on the open file: somebody may exchange what is at its path. So the path itself is only
 * opened if somebody else started this interpreter, and never with more rights than the user has. */
int find_program(const struct tree *tree, const struct archive *archive, int argc, char **argv) {
    struct trailer trailer;
    int index = script_index(argc, argv);
    if (argc > 1 && is_passed_on(tree, archive)) return 1;
    bool is_found = index != 0 && !is_privileged() && read_end(argv[index], &trailer, sizeof trailer);
    return is_found && is_of_tree(tree, archive, &trailer) ? index : 0;
}

/* Whether a module of onebin runs before the program: if the bundle needs it, or for a test of the program. */
bool wants_start_hook(const struct archive *archive) {
    const char *wanted = getenv("ONEBIN_SELF_TEST");
    return (archive->header->flags & START_HOOK) != 0 || (wanted != NULL && *wanted != 0 && !is_privileged());
}
