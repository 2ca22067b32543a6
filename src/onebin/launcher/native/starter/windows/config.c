/* Tell CPython's configuration texts in UTF-16, in which Windows has them; and begin. */
#include "../starter.h"

#include "win.h"

#include <wchar.h>

static wchar_t **widen_all(int count, char **texts) {
    wchar_t **wide = calloc((size_t)count + 1, sizeof *wide);
    if (wide == NULL) abort();
    for (int i = 0; i < count; i++) wide[i] = widen(texts[i]);
    return wide;
}

PyStatus preinitialize_with(PyPreConfig *config, int argc, char **argv) {
    return Py_PreInitializeFromArgs(config, argc, widen_all(argc, argv));
}

PyStatus set_arguments(PyConfig *config, int argc, char **argv) {
    return PyConfig_SetArgv(config, argc, widen_all(argc, argv));
}

PyStatus set_text(PyConfig *config, wchar_t **member, const char *text) {
    wchar_t *wide = widen(text);
    PyStatus status = PyConfig_SetString(config, member, wide);
    free(wide);
    return status;
}

PyStatus append_text(PyWideStringList *list, const char *text) {
    wchar_t *wide = widen(text);
    PyStatus status = PyWideStringList_Append(list, wide);
    free(wide);
    return status;
}

void forget_variable(const char *name) {
    wchar_t *wide = widen(name);
    SetEnvironmentVariableW(wide, NULL);
    _wputenv_s(wide, L"");
    free(wide);
}

/* A process goes by the name of its executable, and nothing else. */
void name_process(const char *file) { (void)file; }

int wmain(int argc, wchar_t **argv) {
    char **texts = calloc((size_t)argc + 1, sizeof *texts);
    if (texts == NULL) abort();
    load_library();
    for (int i = 0; i < argc; i++) texts[i] = narrow(argv[i]);
    return run_python(argc, texts);
}
