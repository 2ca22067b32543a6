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
#include <sys/stat.h>

#include "archive.h"

#ifdef _WIN32
#define SEPARATOR "\\"
#undef PATH_MAX
#define PATH_MAX 98304 /* bytes in UTF-8 of the longest path that Windows has: three for each of 32768 units */
#else
#define SEPARATOR "/"
#endif

#define TEXT_OF(number) #number
#define TEXT(number) TEXT_OF(number)
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
#define ZIP "python" TEXT(PY_MAJOR_VERSION) TEXT(PY_MINOR_VERSION) THREADS ".zip"
/* The file name of the interpreter. */
#define PYTHON "python" TEXT(PY_MAJOR_VERSION) "." TEXT(PY_MINOR_VERSION) THREADS DEBUG
#define UNUSABLE 126 /* the exit code of a shell that found a command but could not run it */

/* The unpacked folder that this process runs from. */
struct tree {
    char path[PATH_MAX]; /* absolute */
    dev_t device;
    ino_t inode;
    time_t used; /* when it was last used before, as far as that is known */
};

/* tree.c */
bool find_tree(struct tree *tree);
int passed_range(int *last);
void hold(struct tree *tree);
void note_use(const struct tree *tree, const char *argv0, bool is_program);
bool is_tree(const struct tree *tree, const char *path);
bool is_in_bin(const struct tree *tree, const char *argv0);
bool has_home(const struct tree *tree);
char *below(const struct tree *tree, const char *path);
_Noreturn void fail(const struct tree *tree, const char *what, const char *remedy);

/* program.c */
int find_program(const struct tree *tree, const struct archive *archive, int argc, char **argv);
bool is_privileged(void);
bool wants_start_hook(const struct archive *archive);

/* files.c: false means that there is no such file, or failure, with a Python exception set */
bool get_status(PyObject *path, struct status *status);

/* finder.c: false means failure, with a Python exception set */
bool install_finder(const struct tree *tree, const struct archive *archive);
bool is_usual(PyObject *place);
PyObject *script_code(PyObject *file);

/* patterns.c: false as above */
bool use_patterns(const struct archive *archive, PyObject *compiler);

/* run.c */
void run_script(const char *script);

/* quiet.c: false as above */
bool prepare_quiet_exit(const struct tree *tree);
void allow_quiet_exit(int status);

#endif
