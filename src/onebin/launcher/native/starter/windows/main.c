/* Configure CPython as its own python.exe does, and run it. The process always ends as CPython ends it. */
#include "windows.h"

/* How CPython is started. The arguments are those it gets; for the program, its script is in the artifact's place. */
struct start {
    const struct tree *tree;
    const struct archive *archive;
    int argc;
    wchar_t **given;
    wchar_t **argv;
    bool is_program;
};

/* Let the script of the program take the place of the artifact. */
static bool enter_program(struct start *start) {
    const struct archive *archive = start->archive;
    char *scripts = below(start->tree, "Scripts"), path[PATH_MAX];
    int length = snprintf(path, sizeof path, "%s\\%s", scripts, archive->base + archive->header->script);
    free(scripts);
    start->argv = calloc((size_t)start->argc + 1, sizeof *start->argv);
    if (start->argv == NULL || length < 0 || (size_t)length >= sizeof path) return false;
    memcpy(start->argv, start->given, (size_t)start->argc * sizeof *start->argv);
    start->argv[1] = wide(path);
    return start->argv[1] != NULL;
}

static bool ignores_variables(const struct start *start) {
    return start->is_program && (start->archive->header->flags & PYTHON_VARIABLES) == 0;
}

static PyStatus set_original(PyConfig *config, const struct start *start) {
    PyStatus status = PyStatus_Ok();
    for (int i = 0; i < start->argc && !PyStatus_Exception(status); i++)
        status = PyWideStringList_Append(&config->orig_argv, start->given[i]);
    return status;
}

static PyStatus set_program(PyConfig *config, const struct start *start) {
    PyStatus status = set_original(config, start);
    int level = (int)start->archive->header->optimize;
    if (PyStatus_Exception(status) || level == 0) return status;
    status = PyConfig_Read(config); /* counts the options -O */
    if (config->optimization_level < level) config->optimization_level = level;
    return status;
}

static PyStatus initialize(const struct start *start) {
    PyPreConfig early;
    PyConfig config;
    PyPreConfig_InitPythonConfig(&early);
    if (ignores_variables(start)) {
        early.use_environment = 0;
        SetEnvironmentVariableW(L"__PYVENV_LAUNCHER__", NULL); /* CPython obeys it even then */
    }
    PyStatus status = Py_PreInitializeFromArgs(&early, start->argc, start->argv);
    if (PyStatus_Exception(status)) return status;
    PyConfig_InitPythonConfig(&config);
    if (ignores_variables(start)) config.use_environment = 0;
    status = PyConfig_SetArgv(&config, start->argc, start->argv);
    if (!PyStatus_Exception(status) && start->is_program) status = set_program(&config, start);
    if (!PyStatus_Exception(status)) status = Py_InitializeFromConfig(&config);
    PyConfig_Clear(&config);
    return status;
}

/* Let sys.argv[0] be the path by which the artifact was started. CPython keeps its own copy for sys.path[0]. */
static bool set_argv0(const wchar_t *given) {
    PyObject *argv = PySys_GetObject("argv"), *text = PyUnicode_FromWideChar(given, -1);
    if (text == NULL || argv == NULL || !PyList_Check(argv) || PyList_GET_SIZE(argv) == 0) {
        Py_XDECREF(text);
        return PyErr_Occurred() == NULL;
    }
    return PyList_SetItem(argv, 0, text) == 0;
}

bool wants_start_hook(const struct archive *archive) {
    wchar_t first[2];
    const bool is_test = GetEnvironmentVariableW(L"ONEBIN_SELF_TEST", first, 2) != 0;
    return (archive->header->flags & START_HOOK) != 0 || is_test;
}

static bool run_start_hook(void) {
    PyObject *module = PyImport_ImportModule("onebin_start");
    PyObject *result = module == NULL ? NULL : PyObject_CallMethod(module, "start", NULL);
    Py_XDECREF(module);
    Py_XDECREF(result);
    return result != NULL;
}

static bool prepare(const struct start *start) {
    if (start->tree == NULL || start->archive->base == NULL) return true;
    if (!install_finder(start->tree, start->archive)) return false;
    if (!start->is_program) return true;
    return set_argv0(start->given[1]) && (!wants_start_hook(start->archive) || run_start_hook());
}

int wmain(int argc, wchar_t **argv) {
    static struct tree tree;
    static struct archive archive;
    struct start start = {.archive = &archive, .argc = argc, .given = argv, .argv = argv};
    if (find_tree(&tree)) {
        char *file = below(&tree, "code.bin");
        map_archive(&archive, file);
        free(file);
        start.tree = &tree;
        start.is_program = argc > 1 && leads_to_artifact(&archive, argv[1]);
    }
    if (start.is_program && !enter_program(&start)) return UNUSABLE;
    PyStatus status = initialize(&start);
    if (PyStatus_Exception(status)) Py_ExitStatusException(status);
    if (!prepare(&start)) {
        PyErr_Print(); /* ends the process if the exception is SystemExit */
        Py_FinalizeEx();
        return 1;
    }
    return Py_RunMain();
}
