/* Tell CPython's configuration texts in UTF-16, in which Windows has them; and begin. */
#include "../starter.h"

#include "win.h"

#include <stdio.h>
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

/* The interpreter itself, if this is a copy of it that is named after a script. */
static char *interpreter;

PyStatus set_arguments(PyConfig *config, int argc, char **argv) {
    PyStatus status = PyConfig_SetArgv(config, argc, widen_all(argc, argv));
    return PyStatus_Exception(status) || interpreter == NULL ? status : set_text(config, &config->executable, interpreter);
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

/* Return the script that this copy of the interpreter is named after, in new memory: Scripts\\NAME for Scripts\\NAME.exe.
 * NULL if there is none. */
static char *script_of_name(void) {
    static wchar_t file[32768];
    DWORD length = GetModuleFileNameW(NULL, file, 32768);
    wchar_t *name = length < 5 || length >= 32768 ? NULL : wcsrchr(file, L'\\'), *end = file + length - 4;
    if (name == NULL || _wcsicmp(end, L".exe") != 0 || _wcsicmp(name + 1, L"" PYTHON) == 0) return NULL;
    *end = 0;
    DWORD attributes = GetFileAttributesW(file);
    bool is_file = attributes != INVALID_FILE_ATTRIBUTES && (attributes & FILE_ATTRIBUTE_DIRECTORY) == 0;
    return is_file ? narrow(file) : NULL;
}

static char *interpreter_beside(const char *script) {
    char *path;
    if (asprintf(&path, "%.*s" PYTHON, (int)(strrchr(script, '\\') + 1 - script), script) < 0) abort();
    return path;
}

int wmain(int argc, wchar_t **argv) {
    char **texts = calloc((size_t)argc + 2, sizeof *texts), **given = texts;
    if (texts == NULL) abort();
    load_library();
    char *script = script_of_name();
    if (script != NULL) {
        interpreter = interpreter_beside(script);
        *given++ = interpreter;
        *given++ = script;
    }
    for (int i = script == NULL ? 0 : 1; i < argc; i++) *given++ = narrow(argv[i]);
    return run_python((int)(given - texts), texts);
}
