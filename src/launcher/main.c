/* Find a place for the payload and start the program in it. */
#include "launcher.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define CACHES 3
#define TEMPORARY 3

/* Why no place would do, one after the other, for the message at the end. */
static char reasons[1024];

static void note(const char *path) {
    size_t used = strlen(reasons);
    if (path[0] != 0)
        snprintf(reasons + used, sizeof reasons - used, "%s%s: %s", used ? "; " : "", path, strerror(errno));
}

static void start_from_cache(const struct artifact *artifact, char **argv) {
    struct place cache, tree;
    for (int candidate = 0; candidate < CACHES; candidate++) {
        if (!open_cache(&cache, candidate)) {
            note(cache.path);
            continue;
        }
        for (int attempt = 0; attempt < 2; attempt++) {
            if (!enter(artifact, &cache, &tree)) {
                note(cache.path);
                break;
            }
            become(artifact, &tree, argv);
            note(tree.path);
            if (errno != ENOENT) break;
            forget(artifact, &cache); /* somebody removed files of the tree: unpack once more */
        }
    }
}

int main(int argc, char **argv) {
    struct artifact artifact;
    struct place tree;
    open_artifact(&artifact, argc > 0 ? argv[0] : "");
    trace("this is %s", artifact.path);
    /* A cache belongs to a user; who has other rights than the user must not run what that user may change. */
    if (!is_privileged()) start_from_cache(&artifact, argv);
    for (int candidate = 0; candidate < TEMPORARY; candidate++) {
        if (make_private(&artifact, candidate, &tree)) run_and_discard(&artifact, &tree, argv);
        note(tree.path);
    }
    fail(&artifact, reasons, "set ONEBIN_CACHE_DIR to a directory of yours with space, from which programs may run");
}
