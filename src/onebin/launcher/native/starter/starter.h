/* The starter: the python of an unpacked tree.
 *
 * It is what CPython's own python is, Py_InitializeFromConfig and Py_RunMain, and adds four things: it locks the tree,
 * it finds modules in code.bin, it runs the bundle's program when it is given the artifact as a script, and it names
 * that process after the program. If nothing but the program is started, it does the work of Py_RunMain itself.
 * docs/starter.md has the details. */
#ifndef ONEBIN_STARTER_H
#define ONEBIN_STARTER_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <marshal.h>

#include <limits.h>
#include <stdbool.h>

#include "archive.h"

#define STRING_OF(number) #number
#define STRING(number) STRING_OF(number)
#ifdef Py_GIL_DISABLED
#define THREADS "t"
#else
#define THREADS ""
#endif
#ifdef Py_DEBUG
#define DEBUG "d"
#else
#define DEBUG ""
#endif
#define ZIP "python" STRING(PY_MAJOR_VERSION) STRING(PY_MINOR_VERSION) THREADS ".zip"
#define UNUSABLE 126 /* the exit code of a shell that found a command but could not run it */

#include "system.h" /* of the system: where things are in a tree, and how paths are written */

/* The unpacked folder that this process runs from. Paths are in the encoding of Python's file names. */
struct tree {
    char path[LONGEST_PATH]; /* absolute */
    uint64_t device;
    uint64_t inode;
    int64_t used; /* when it was last used before, as far as that is known */
};

/* tree.c of each system */
bool find_tree(struct tree *tree);
void hold(struct tree *tree);
void note_use(const struct tree *tree, const char *argv0, bool is_program);
bool is_tree(const struct tree *tree, const char *path);
bool is_in_bin(const struct tree *tree, const char *argv0);
bool has_home(const struct tree *tree);
char *below(const struct tree *tree, const char *path);
_Noreturn void fail(const struct tree *tree, const char *what, const char *remedy);

/* passed.c of each system */
bool is_passed_on(const struct tree *tree, const struct archive *archive);
bool is_privileged(void);

/* config.c of each system */
PyStatus preinitialize_with(PyPreConfig *config, int argc, char **argv);
PyStatus set_arguments(PyConfig *config, int argc, char **argv);
PyStatus set_text(PyConfig *config, wchar_t **member, const char *text);
PyStatus append_text(PyWideStringList *list, const char *text);
void forget_variable(const char *name);
void name_process(const char *file);

/* main.c */
int run_python(int argc, char **argv);

/* memory.c of each system */
void use_huge_pages(void);

/* program.c */
struct trailer;
int find_program(const struct tree *tree, const struct archive *archive, int argc, char **argv);
bool is_of_tree(const struct tree *tree, const struct archive *archive, const struct trailer *trailer);
bool wants_start_hook(const struct archive *archive);

/* finder.c: false means failure, with a Python exception set */
bool install_finder(const struct tree *tree, const struct archive *archive);
bool is_usual(PyObject *place);
PyObject *script_code(PyObject *file);

/* patterns.c: false as above */
bool use_patterns(const struct archive *archive, PyObject *compiler);

/* run.c of each system */
void run_script(const char *script);

/* quiet.c of each system: false as above */
bool prepare_quiet_exit(const struct tree *tree);
void allow_quiet_exit(int status);

#endif
