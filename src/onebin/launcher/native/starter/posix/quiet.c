/* End the process without taking the interpreter apart, if nobody could notice the difference.
 *
 * At its end, CPython clears every module and collects every object. That takes a fifth or more of a short program's
 * time, and mostly does nothing that remains: the system gets the memory anyway. But it can do more: run `__del__` and
 * `finally`, write the rest of a file, call somebody back. So this looks at every object once, and exits only if it has
 * found nothing of that kind. In doubt, CPython ends as ever.
 *
 * It looks when all threads have ended, and all functions of `atexit` have been called, as the last of these functions. */
#include "../starter.h"

#include <dlfcn.h>

#include "kinds.h"

static struct {
    const struct tree *tree;
    bool is_allowed;
    bool has_c_functions; /* something was registered with Py_AtExit */
    int status;
    long frozen; /* how many objects CPython itself has set aside at its start */
    int descent;
    const char *noticed; /* the type of the object that somebody could notice */
    PyObject *streams[9]; /* borrowed: the standard streams with what is below them */
    /* What Python is asked at the end. Taken at the start, because the program can replace them, and imports. */
    PyObject *get_objects, *get_debug, *get_freeze_count, *callbacks, *garbage, *gettrace, *getprofile;
} state;

/* Functions that extension modules register ------------------------------------------------------------------------ */

/* These two take the place of CPython's own for extension modules: what is registered is seen here, and passed on. */
__attribute__((visibility("default"))) int Py_AtExit(void (*function)(void)) {
    int (*real)(void (*)(void)) = (int (*)(void (*)(void)))dlsym(RTLD_NEXT, "Py_AtExit");
    state.has_c_functions = true;
    return real == NULL ? -1 : real(function);
}

#if PY_VERSION_HEX >= 0x030D0000
__attribute__((visibility("default"))) int PyUnstable_AtExit(PyInterpreterState *interpreter, void (*function)(void *),
                                                             void *data) {
    typedef int (*type)(PyInterpreterState *, void (*)(void *), void *);
    type real = (type)dlsym(RTLD_NEXT, "PyUnstable_AtExit");
    state.has_c_functions = true;
    return real == NULL ? -1 : real(interpreter, function, data);
}
#endif

/* One object ------------------------------------------------------------------------------------------------------- */

/* Whether an attribute of an object of C's is true. */
static bool is_true(PyObject *object, const char *name) {
    PyObject *found = PyObject_GetAttrString(object, name);
    bool is_set = found == Py_True;
    PyErr_Clear();
    Py_XDECREF(found);
    return is_set;
}

static bool is_standard(PyObject *stream) {
    for (size_t i = 0; i < sizeof state.streams / sizeof *state.streams; i++)
        if (state.streams[i] == stream) return true;
    return false;
}

/* Whether a stream may still have something to write or to close: it is not standard, and its file is open. */
static bool is_open(PyObject *stream) {
    if (is_standard(stream)) return false;
    PyObject *below = Py_NewRef(stream);
    const char *next;
    while (below != NULL && (next = below_stream(Py_TYPE(below))) != NULL)
        Py_SETREF(below, PyObject_GetAttrString(below, next));
    bool is_closed = below != NULL && is_file(Py_TYPE(below)) && is_true(below, "closed");
    PyErr_Clear();
    Py_XDECREF(below);
    return !is_closed;
}

/* Whether a generator would run something if it were closed. */
static bool is_suspended(PyObject *generator) {
#if PY_VERSION_HEX >= 0x030B0000
    return !PyGen_CheckExact(generator) || is_true(generator, "gi_suspended");
#else
    PyObject *frame = PyObject_GetAttrString(generator, "gi_frame");
    bool has_ended = frame == Py_None;
    PyErr_Clear();
    Py_XDECREF(frame);
    return !has_ended;
#endif
}

static bool has_foreign_destructor(PyObject *capsule) {
    PyCapsule_Destructor destructor = PyCapsule_GetDestructor(capsule);
    PyErr_Clear();
    return destructor != NULL && !is_cpythons((void *)destructor);
}

static bool has_foreign_state(PyObject *module) {
    PyModuleDef *definition = PyModule_GetDef(module);
    PyErr_Clear();
    if (definition == NULL || definition->m_free == NULL) return false;
    return !is_cpythons((void *)definition->m_free) && !is_idle_function((void *)definition->m_free);
}

static bool is_of_interest(PyObject *object) {
    switch (kind_of(Py_TYPE(object))) {
    case QUIET: return false;
    case REFERENCE: return has_foreign_callback(object);
    case MODULE: return has_foreign_state(object);
    case CAPSULE: return has_foreign_destructor(object);
    case GENERATOR: return is_suspended(object);
    case STREAM: return is_open(object);
    default: return true;
    }
}

static bool is_noticed(PyObject *object) {
    if (!is_of_interest(object)) return false;
    state.noticed = Py_TYPE(object)->tp_name;
    return true;
}

/* All objects ------------------------------------------------------------------------------------------------------ */

/* What the collector does not track is found through what it tracks. Not 0 ends the search. */
static int visit(PyObject *object, void *unused) {
    if (!PyObject_IS_GC(object)) return is_noticed(object);
    if (PyObject_GC_IsTracked(object)) return 0;
    if (state.descent >= MOST_DESCENT || is_noticed(object)) return 1;
    traverseproc traverse = Py_TYPE(object)->tp_traverse;
    state.descent++;
    int found = traverse == NULL ? 0 : traverse(object, visit, unused);
    state.descent--;
    return found;
}

static bool are_all_quiet(void) {
    PyObject *objects = PyObject_CallNoArgs(state.get_objects);
    bool quiet = objects != NULL;
    for (Py_ssize_t i = 0; quiet && i < PyList_GET_SIZE(objects); i++) {
        PyObject *object = PyList_GET_ITEM(objects, i);
        traverseproc traverse = Py_TYPE(object)->tp_traverse;
        quiet = !is_noticed(object) && (traverse == NULL || traverse(object, visit, NULL) == 0);
    }
    Py_XDECREF(objects);
    return quiet && PyErr_Occurred() == NULL;
}

/* Whether nothing in the modules of C is noticed. Most objects that somebody could notice are there, so a program that has
 * some does not wait until all objects have been looked at. */
static bool are_modules_quiet(void) {
    PyObject *modules = PyImport_GetModuleDict(), *name, *module, *value;
    for (Py_ssize_t i = 0; PyDict_Next(modules, &i, &name, &module);) {
        bool is_of_c = PyModule_Check(module) && PyModule_GetDef(module) != NULL;
        PyErr_Clear();
        if (!is_of_c) continue;
        if (is_noticed(module)) return false;
        for (Py_ssize_t j = 0; PyDict_Next(PyModule_GetDict(module), &j, &name, &value);)
            if (is_noticed(value)) return false;
    }
    return true;
}

/* The process ------------------------------------------------------------------------------------------------------ */

/* Whether a call of a function without arguments returns a certain number, or None if that is negative. */
static bool returns(PyObject *function, long number) {
    PyObject *result = PyObject_CallNoArgs(function);
    bool is_so = result != NULL && (number < 0 ? result == Py_None : PyLong_Check(result) && PyLong_AsLong(result) == number);
    PyErr_Clear();
    Py_XDECREF(result);
    return is_so;
}

static bool is_empty(PyObject *list) { return PyList_CheckExact(list) && PyList_GET_SIZE(list) == 0; }

/* Whether this thread and this interpreter are the only ones. */
static bool is_alone(void) {
    PyInterpreterState *interpreter = PyInterpreterState_Head();
    return interpreter == PyInterpreterState_Get() && PyInterpreterState_Next(interpreter) == NULL &&
           PyThreadState_Next(PyInterpreterState_ThreadHead(interpreter)) == NULL;
}

/* Whether nobody watches what Python does: functions of debuggers and profilers, and of the collector. */
static bool is_unwatched(void) {
    return returns(state.gettrace, -1) && returns(state.getprofile, -1) && returns(state.get_debug, 0) &&
           returns(state.get_freeze_count, state.frozen) && is_empty(state.callbacks) && is_empty(state.garbage);
}

/* Find the standard streams. False if one of those that are flushed is not as CPython has made it. */
static bool find_streams(void) {
    static const char *names[] = {"stdin", "stdout", "stderr"}, *made[] = {"__stdin__", "__stdout__", "__stderr__"};
    for (int i = 0, count = 0; i < 3; i++) {
        PyObject *stream = PySys_GetObject(made[i]);
        if (i > 0 && stream != PySys_GetObject(names[i])) return false;
        if (stream == NULL || stream == Py_None) continue;
        if (below_stream(Py_TYPE(stream)) == NULL) return false;
        for (const char *next = ""; next != NULL && stream != NULL; count++) {
            state.streams[count] = stream;
            next = below_stream(Py_TYPE(stream));
            stream = next == NULL ? NULL : PyObject_GetAttrString(stream, next);
            Py_XDECREF(stream); /* the one above it has a reference, too */
        }
        PyErr_Clear();
    }
    return true;
}

static bool is_flushed(const char *name) {
    PyObject *stream = PySys_GetObject(name);
    if (stream == NULL || stream == Py_None || is_true(stream, "closed")) return true;
    PyObject *result = PyObject_CallMethod(stream, "flush", NULL);
    PyErr_Clear();
    Py_XDECREF(result);
    return result != NULL;
}

/* Say what keeps the process from ending quietly, if somebody asks for it. */
static void report(void) {
    const char *trace = getenv("ONEBIN_TRACE");
    if (trace == NULL || *trace == 0 || is_privileged()) return;
    fprintf(stderr, "onebin: the interpreter is taken apart, because there is %s%s\n",
            state.noticed == NULL ? "something that watches it" : "an object of the type ",
            state.noticed == NULL ? "" : state.noticed);
}

/* The last function of `atexit`. */
static PyObject *end(PyObject *self, PyObject *none) {
    (void)self, (void)none;
    if (!state.is_allowed || state.has_c_functions || !is_alone()) Py_RETURN_NONE;
    find_libraries(state.tree);
    if (!is_unwatched() || !find_streams() || !are_modules_quiet() || !are_all_quiet()) {
        report();
        Py_RETURN_NONE;
    }
    if (!is_flushed("stdout") || !is_flushed("stderr")) Py_RETURN_NONE; /* CPython tries again, and tells */
    PySys_Audit("cpython.PyInterpreterState_Clear", NULL);
    exit(state.status);
}

static PyMethodDef end_definition = {"end", end, METH_NOARGS, NULL};

/* Import a module, and do not leave it in sys.modules if it was not there. */
static PyObject *borrow_module(const char *name) {
    PyObject *modules = PyImport_GetModuleDict();
    bool was_there = PyDict_GetItemString(modules, name) != NULL;
    PyObject *module = PyImport_ImportModule(name);
    if (module != NULL && !was_there) PyDict_DelItemString(modules, name);
    return module;
}

/* Return what a method without arguments returns, as a number; -1 with an exception set. */
static long number_of(PyObject *module, const char *method) {
    PyObject *result = module == NULL ? NULL : PyObject_CallMethod(module, method, NULL);
    long number = result == NULL ? -1 : PyLong_AsLong(result);
    Py_XDECREF(result);
    return number;
}

/* Take what Python is asked at the end, and how many objects the collector sets aside by itself: in 3.12, some tuples. */
static bool take_functions(void) {
    PyObject *module = borrow_module("gc"), *sys = PySys_GetObject("modules");
    if (module == NULL || sys == NULL || (sys = PyDict_GetItemString(sys, "sys")) == NULL) return false;
    const struct {
        PyObject **place, *module;
        const char *name;
    } wanted[] = {
        {&state.get_objects, module, "get_objects"}, {&state.get_debug, module, "get_debug"},
        {&state.get_freeze_count, module, "get_freeze_count"}, {&state.callbacks, module, "callbacks"},
        {&state.garbage, module, "garbage"}, {&state.gettrace, sys, "gettrace"}, {&state.getprofile, sys, "getprofile"},
    };
    bool is_whole = true;
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++)
        is_whole = (*wanted[i].place = PyObject_GetAttrString(wanted[i].module, wanted[i].name)) != NULL && is_whole;
    state.frozen = number_of(module, "get_freeze_count");
    Py_DECREF(module);
    return is_whole && state.frozen >= 0;
}

/* Register `end` with `atexit`, unless somebody else has registered a function before. */
bool prepare_quiet_exit(const struct tree *tree) {
    PyObject *module = borrow_module("atexit"), *result = NULL;
    PyObject *function = module == NULL ? NULL : PyCFunction_New(&end_definition, NULL);
    state.tree = tree;
    if (function != NULL && number_of(module, "_ncallbacks") == 0 && take_functions())
        result = PyObject_CallMethod(module, "register", "O", function);
    Py_XDECREF(module);
    Py_XDECREF(function);
    Py_XDECREF(result);
    return PyErr_Occurred() == NULL;
}

/* Let the finalisation that comes now end the process with an exit code, if nobody can notice. */
void allow_quiet_exit(int status) {
    state.is_allowed = true;
    state.status = status;
}
