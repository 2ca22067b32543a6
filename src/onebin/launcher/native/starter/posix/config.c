/* Tell CPython's configuration texts in the encoding of the locale, which it may still have to choose. */
#include "../starter.h"

#ifdef __linux__
#include <sys/prctl.h>
#endif

#ifdef DYNAMIC_LOADER
/* The compiler's own option for this path allows no more than 255 bytes. */
__attribute__((section(".interp"), used, retain)) static const char dynamic_loader[] = DYNAMIC_LOADER;
#endif

PyStatus preinitialize_with(PyPreConfig *config, int argc, char **argv) {
    return Py_PreInitializeFromBytesArgs(config, argc, argv);
}

PyStatus set_arguments(PyConfig *config, int argc, char **argv) { return PyConfig_SetBytesArgv(config, argc, argv); }

PyStatus set_text(PyConfig *config, wchar_t **member, const char *text) {
    return PyConfig_SetBytesString(config, member, text);
}

PyStatus append_text(PyWideStringList *list, const char *text) {
    wchar_t *wide = Py_DecodeLocale(text, NULL);
    PyStatus status = wide == NULL ? PyStatus_NoMemory() : PyWideStringList_Append(list, wide);
    PyMem_RawFree(wide);
    return status;
}

void forget_variable(const char *name) { unsetenv(name); }

/* Let the process go by the name of the program's file. */
void name_process(const char *file) {
#ifdef __linux__
    const char *slash = strrchr(file, '/');
    prctl(PR_SET_NAME, slash == NULL ? file : slash + 1);
#else
    (void)file;
#endif
}

int main(int argc, char **argv) { return run_python(argc, argv); }
