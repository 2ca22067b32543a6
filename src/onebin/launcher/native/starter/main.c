/* Configure CPython as its own python does, and run it. */
#include "starter.h"

/* How CPython is started. The arguments are those it gets; for the program, its script is in the artifact's place. */
struct start {
    const struct tree *tree; /* NULL if Python's library is not in a tree */
    const struct archive *archive;
    int argc;
    char **given;
    char **argv;
    int program; /* the index of the artifact in `given`, or 0 */
    bool is_moved;
};

/* Let the script of the program take the place of the artifact, and the tree's own interpreter that of any other. */
static void enter_program(struct start *start) {
    const struct archive *archive = start->archive;
    char *programs = below(start->tree, PROGRAMS), *script;
    start->argv = calloc((size_t)start->argc + 1, sizeof *start->argv);
    const char *name = archive->base + archive->header->script;
    if (start->argv == NULL || asprintf(&script, "%s%c%s", programs, SEPARATOR, name) < 0) abort();
    memcpy(start->argv, start->given, (size_t)start->argc * sizeof *start->argv);
    start->argv[0] = below(start->tree, PROGRAMS "/" PYTHON);
    start->argv[start->program] = script;
    free(programs);
}

static bool ignores_variables(const struct start *start) {
    /* A caller must not tell a program with more rights which code to run. */
    return start->program != 0 && (is_privileged() || (start->archive->header->flags & PYTHON_VARIABLES) == 0);
}

static PyStatus preinitialize(const struct start *start) {
    PyPreConfig config;
    PyPreConfig_InitPythonConfig(&config);
    if (ignores_variables(start)) {
        config.use_environment = 0;
        /* CPython 3.11 and later obey these two even then. */
        forget_variable("PYTHONEXECUTABLE");
        forget_variable("__PYVENV_LAUNCHER__");
    }
    return preinitialize_with(&config, start->argc, start->argv);
}

/* Set sys.orig_argv to the arguments that were really given. */
static PyStatus set_original(PyConfig *config, const struct start *start) {
    PyStatus status = PyStatus_Ok();
    for (int i = 0; i < start->argc && !PyStatus_Exception(status); i++)
        status = append_text(&config->orig_argv, start->given[i]);
    return status;
}

static PyStatus set_path(PyConfig *config, wchar_t **member, const struct tree *tree, const char *path) {
    char *text = below(tree, path);
    PyStatus status = set_text(config, member, text);
    free(text);
    return status;
}

/* Say where the base interpreter is, if CPython does not find that out itself. Python 3.10 takes the interpreter of an
 * environment for the base, and no version understands a pyvenv.cfg with a relative path. */
static PyStatus set_home(PyConfig *config, struct start *start) {
    const bool is_old = PY_VERSION_HEX < 0x030B0000;
    PyStatus status = PyStatus_Ok();
    if (start->tree == NULL) return status;
    bool is_own = start->argc > 0 && is_in_bin(start->tree, start->argv[0]);
    start->is_moved = is_own && !has_home(start->tree);
    if (start->is_moved || is_old)
        status = set_path(config, &config->base_executable, start->tree, HOME "/" PYTHON);
    if (!start->is_moved && !(is_old && is_own)) return status;
    if (strstr(start->tree->path, PATHS_END) != NULL)
        fail(start->tree, "Python divides the path of its home at \"" PATHS_END "\"",
             "move this folder to a path without one");
    if (!PyStatus_Exception(status))
        status = set_path(config, &config->home, start->tree, "python");
    return status;
}

static PyStatus set_program(PyConfig *config, const struct start *start) {
    PyStatus status = set_text(config, &config->program_name, start->argv[0]);
    if (PyStatus_Exception(status)) return status;
    status = set_original(config, start);
    int level = (int)start->archive->header->optimize;
    if (PyStatus_Exception(status) || level == 0) return status;
    status = PyConfig_Read(config); /* counts the options -O */
    if (config->optimization_level < level) config->optimization_level = level;
    return status;
}

static PyStatus initialize(struct start *start) {
    PyConfig config;
    PyStatus status = preinitialize(start);
    if (PyStatus_Exception(status)) return status;
    if (start->archive->base != NULL && (start->archive->header->flags & HUGE_PAGES) != 0) use_huge_pages();
    PyConfig_InitPythonConfig(&config);
    if (ignores_variables(start)) config.use_environment = 0;
    status = set_arguments(&config, start->argc, start->argv);
    if (!PyStatus_Exception(status)) status = set_home(&config, start);
    if (!PyStatus_Exception(status) && start->program != 0) status = set_program(&config, start);
    if (!PyStatus_Exception(status)) status = Py_InitializeFromConfig(&config);
    PyConfig_Clear(&config);
    return status;
}

/* Make sys._home absolute: `site` takes it from pyvenv.cfg, where it is relative in a folder that can be moved. */
static bool correct_home(const struct tree *tree) {
    if (PySys_GetObject("_home") == NULL) return true;
    char *home = below(tree, HOME);
    PyObject *text = PyUnicode_DecodeFSDefault(home);
    free(home);
    bool is_set = text != NULL && PySys_SetObject("_home", text) == 0;
    Py_XDECREF(text);
    return is_set;
}

/* Let sys.argv[0] be the path by which the artifact was started. CPython keeps its own copy for sys.path[0]. */
static bool set_argv0(const char *given) {
    PyObject *argv = PySys_GetObject("argv"), *text = PyUnicode_DecodeFSDefault(given);
    if (text == NULL || argv == NULL || !PyList_Check(argv) || PyList_GET_SIZE(argv) == 0) {
        Py_XDECREF(text);
        return PyErr_Occurred() == NULL;
    }
    return PyList_SetItem(argv, 0, text) == 0;
}

static bool run_start_hook(void) {
    PyObject *module = PyImport_ImportModule("onebin_start");
    PyObject *result = module == NULL ? NULL : PyObject_CallMethod(module, "start", NULL);
    Py_XDECREF(module);
    Py_XDECREF(result);
    return result != NULL;
}

/* Whether the program is run here, and not by Py_RunMain: if nothing but the script says how Python runs. */
static bool is_run_here(const struct start *start) {
    return start->program == 1 && ignores_variables(start);
}

static bool prepare(const struct start *start) {
    if (start->tree == NULL) return true;
    if (start->is_moved && !correct_home(start->tree)) return false;
    if (start->archive->base != NULL && !install_finder(start->tree, start->archive)) return false;
    if (start->program == 0) return true;
    if (is_run_here(start) && (start->archive->header->flags & QUIET_EXIT) != 0 && !prepare_quiet_exit(start->tree))
        return false;
    return set_argv0(start->given[start->program]) && (!wants_start_hook(start->archive) || run_start_hook());
}

/* What main does, with arguments in the encoding of Python's file names. */
int run_python(int argc, char **argv) {
    static struct tree tree;
    static struct archive archive;
    struct start start = {.archive = &archive, .argc = argc, .given = argv, .argv = argv};
    if (find_tree(&tree)) {
        hold(&tree);
        char *file = below(&tree, "code.bin");
        map_archive(&archive, file);
        free(file);
        start.tree = &tree;
        start.program = find_program(&tree, &archive, argc, argv);
        note_use(&tree, argv[0], start.program != 0);
    }
    if (start.program != 0) {
        enter_program(&start);
        name_process(argv[start.program]);
    }
    PyStatus status = initialize(&start);
    if (PyStatus_Exception(status)) Py_ExitStatusException(status);
    if (!prepare(&start)) {
        PyErr_Print(); /* ends the process if the exception is SystemExit */
        Py_FinalizeEx();
        return 1;
    }
    if (is_run_here(&start)) run_script(start.argv[start.program]);
    return Py_RunMain();
}
