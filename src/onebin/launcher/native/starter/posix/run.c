/* Run the program's script from code.bin, and end the process: what Py_RunMain does with the file of a script.
 *
 * It saves opening and compiling the script, and can end the process without taking the interpreter apart (quiet.c).
 * Only a start without options of Python and without its variables comes here; all others are left to Py_RunMain. */
#include "../starter.h"

#include <signal.h>
#include <unistd.h>

#define FLUSH_FAILED 120 /* the exit code of CPython if it could not write its last output */

#if PY_VERSION_HEX >= 0x030C0000
/* They are exported, but not declared in a header for others. */
PyAPI_FUNC(int) _PyInterpreterState_SetRunningMain(PyInterpreterState *);
PyAPI_FUNC(void) _PyInterpreterState_SetNotRunningMain(PyInterpreterState *);
#endif

/* Note that the script is not a zip archive to import from, and put its folder first on sys.path. */
static bool enter_path(const char *script, PyObject *file) {
    char resolved[PATH_MAX];
    PyObject *importers = PySys_GetObject("path_importer_cache"), *path = PySys_GetObject("path");
    if (importers == NULL || !PyDict_Check(importers) || PyDict_SetItem(importers, file, Py_None) != 0) return false;
    const char *whole = realpath(script, resolved) == NULL ? script : resolved;
    PyObject *folder = PyUnicode_DecodeFSDefaultAndSize(whole, strrchr(whole, '/') - whole);
    bool is_set = folder != NULL && path != NULL && PyList_Check(path) && PyList_Insert(path, 0, folder) == 0;
    Py_XDECREF(folder);
    return is_set;
}

/* Give the module __main__ the attributes of a script. */
static bool enter_main(PyObject *variables, PyObject *file) {
    PyObject *library = PyImport_ImportModule("_frozen_importlib_external");
    PyObject *loader = library == NULL ? NULL : PyObject_CallMethod(library, "SourceFileLoader", "sO", "__main__", file);
    bool is_set = loader != NULL && PyDict_SetItemString(variables, "__file__", file) == 0 &&
                  PyDict_SetItemString(variables, "__cached__", Py_None) == 0 &&
                  PyDict_SetItemString(variables, "__loader__", loader) == 0;
    Py_XDECREF(library);
    Py_XDECREF(loader);
    return is_set;
}

/* Tell audit hooks what Py_RunMain tells them (PEP 578). */
static bool audit(PyObject *file, PyObject *code) {
    return PySys_Audit("cpython.run_file", "O", file) == 0 && PySys_Audit("open", "Osi", file, "rb", 0) == 0 &&
           Py_MakePendingCalls() == 0 && PySys_Audit("exec", "O", code) == 0;
}

static PyObject *take_exception(void) {
#if PY_VERSION_HEX >= 0x030C0000
    return PyErr_GetRaisedException();
#else
    PyObject *type, *value, *traceback;
    PyErr_Fetch(&type, &value, &traceback);
    PyErr_NormalizeException(&type, &value, &traceback);
    if (value != NULL && traceback != NULL) PyException_SetTraceback(value, traceback);
    Py_XDECREF(type);
    Py_XDECREF(traceback);
    return value;
#endif
}

static void give_exception(PyObject *exception) {
#if PY_VERSION_HEX >= 0x030C0000
    PyErr_SetRaisedException(exception);
#else
    PyErr_Restore(Py_NewRef(Py_TYPE(exception)), exception, PyException_GetTraceback(exception));
#endif
}

static void flush(const char *name) {
    PyObject *stream = PySys_GetObject(name);
    Py_XDECREF(stream == NULL ? NULL : PyObject_CallMethod(stream, "flush", NULL));
    PyErr_Clear();
}

/* Flush the standard streams after the script, whose exception stays. A failure shows at the end of the process. */
static void flush_both(void) {
    PyObject *exception = take_exception();
    flush("stderr");
    flush("stdout");
    if (exception != NULL) give_exception(exception);
}

/* Return the exit code of a SystemExit that has none or a number, or a negative number for anything else. */
static long exit_code_of(PyObject *exception) {
    if (!Py_IS_TYPE(exception, (PyTypeObject *)PyExc_SystemExit)) return -1;
    PyObject *code = ((PySystemExitObject *)exception)->code;
    if (code == NULL || code == Py_None) return 0;
    int overflow;
    long number = PyLong_Check(code) ? PyLong_AsLongAndOverflow(code, &overflow) : -1;
    return number > INT_MAX ? -1 : number;
}

/* Take the exception if it is a plain SystemExit, with its exit code. False for anything else; the exception stays. */
static bool take_exit_code(int *status) {
    PyObject *exception = take_exception();
    long code = exit_code_of(exception);
    if (code < 0) {
        give_exception(exception);
        return false;
    }
    fflush(stdout);
    *status = (int)code;
    Py_DECREF(exception); /* and with it the variables of all functions that it went through */
    return true;
}

/* Die of SIGINT, so that a shell knows that the user interrupted the program. */
static int die_of_interrupt(void) {
    PyOS_setsig(SIGINT, SIG_DFL);
    kill(getpid(), SIGINT);
    return 128 + SIGINT;
}

static _Noreturn void end(int status, bool is_interrupted) {
#if PY_VERSION_HEX >= 0x030C0000
    _PyInterpreterState_SetNotRunningMain(PyInterpreterState_Get());
#endif
    if (!is_interrupted) allow_quiet_exit(status);
    if (Py_FinalizeEx() < 0) status = FLUSH_FAILED;
    if (is_interrupted) status = die_of_interrupt();
    exit(status);
}

/* Execute the code as a module, and end the process. At the end, no reference may be left here, because what the module
 * refers to would never be released. */
static _Noreturn void run(PyObject *module, PyObject *code) {
    int status = 0;
    PyObject *variables = PyModule_GetDict(module);
    Py_INCREF(module);
    PyObject *result = code == NULL ? NULL : PyEval_EvalCode(code, variables, variables);
    Py_XDECREF(code);
    Py_XDECREF(result);
    bool is_interrupted = result == NULL && PyErr_Occurred() == PyExc_KeyboardInterrupt;
    flush_both();
    Py_DECREF(module);
    if (result == NULL) {
        if (take_exit_code(&status)) end(status, false);
        PyErr_Print(); /* ends the process if the exception is SystemExit */
        status = 1;
    }
    module = PyImport_AddModule("__main__");
    variables = module == NULL ? NULL : PyModule_GetDict(module);
    if (variables == NULL || PyDict_DelItemString(variables, "__file__") != 0 ||
        PyDict_DelItemString(variables, "__cached__") != 0)
        PyErr_Print();
    end(status, is_interrupted);
}

/* Run the script, and end the process. Return if that is left to Py_RunMain, which then also meets any error. */
void run_script(const char *script) {
    PyObject *file = PyUnicode_DecodeFSDefault(script);
    PyObject *code = file != NULL && is_usual(file) ? script_code(file) : NULL;
    PyObject *module = code == NULL ? NULL : PyImport_AddModule("__main__");
    if (module == NULL || PyObject_HasAttrString(module, "__file__") || !enter_path(script, file)) {
        PyErr_Clear();
        Py_XDECREF(file);
        Py_XDECREF(code);
        return;
    }
#if PY_VERSION_HEX >= 0x030C0000
    if (_PyInterpreterState_SetRunningMain(PyInterpreterState_Get()) < 0) PyErr_Clear();
#endif
    if (!enter_main(PyModule_GetDict(module), file) || !audit(file, code)) Py_CLEAR(code);
    Py_DECREF(file);
    run(module, code);
}
