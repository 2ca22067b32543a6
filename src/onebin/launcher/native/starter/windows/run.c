/* What this starter leaves to CPython: it opens the script, takes memory and the interpreter apart, as ever. */
#include "../starter.h"

void run_script(const char *script) { (void)script; }

bool prepare_quiet_exit(const struct tree *tree) {
    (void)tree;
    return true;
}

void use_huge_pages(void) {}

/* The launcher passes nothing on: it has the artifact and the tree open for as long as this process lives. */
bool is_passed_on(const struct tree *tree, const struct archive *archive) {
    (void)tree, (void)archive;
    return false;
}

/* No program has more rights than the user who starts it. */
bool is_privileged(void) { return false; }
