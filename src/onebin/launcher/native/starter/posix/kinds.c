/* Decide by its type what the end of an object can do: see kinds.h.
 *
 * types.c has types of CPython by their names, never types of packages. A type is one of CPython's if its code is in the
 * interpreter's libraries. Classes that are made by a class statement do at the end of an object what their first base
 * in C does. Of other types, only those that a compiler of Python has made can be known: see compiled.c. */
#include "kinds.h"

#ifndef __APPLE__
#include <link.h>
#endif

enum { MOST_LIBRARIES = 256, MOST_TYPES = 4096 };

static struct {
    const struct tree *tree;
    int count;
    struct {
        uintptr_t start, end;
    } libraries[MOST_LIBRARIES]; /* the code of CPython and of its extension modules */
    destructor of_class;         /* tp_dealloc of what a class statement makes */
    destructor of_sequence;      /* tp_dealloc of what PyStructSequence_NewType makes */
    struct {
        PyTypeObject *type;
        enum kind kind;
    } known[MOST_TYPES];
    int types;
} state;

/* Whose code it is ------------------------------------------------------------------------------------------------- */

#ifndef __APPLE__
static int take_library(struct dl_phdr_info *info, size_t size, void *folder) {
    (void)size;
    if (strncmp(info->dlpi_name, folder, strlen(folder)) != 0) return 0;
    for (int i = 0; i < info->dlpi_phnum && state.count < MOST_LIBRARIES; i++) {
        const ElfW(Phdr) *part = &info->dlpi_phdr[i];
        if (part->p_type != PT_LOAD || (part->p_flags & PF_X) == 0) continue;
        state.libraries[state.count].start = info->dlpi_addr + part->p_vaddr;
        state.libraries[state.count++].end = info->dlpi_addr + part->p_vaddr + part->p_memsz;
    }
    return 0;
}
#endif

/* Find where the code of CPython is: its libraries and extension modules are below the tree's python/lib. */
void find_libraries(const struct tree *tree) {
#ifndef __APPLE__
    char *folder = below(tree, "python/lib/");
    state.count = 0;
    dl_iterate_phdr(take_library, folder);
    free(folder);
#else
    (void)tree;
#endif
}

bool is_cpythons(const void *function) {
    for (int i = 0; i < state.count; i++)
        if ((uintptr_t)function >= state.libraries[i].start && (uintptr_t)function < state.libraries[i].end) return true;
    return false;
}

/* Types ------------------------------------------------------------------------------------------------------------ */

static int compare(const void *name, const void *entry) { return strcmp(name, *(const char *const *)entry); }

static bool is_listed(const char *name) {
    return bsearch(name, quiet_types, quiet_types_count, sizeof *quiet_types, compare) != NULL;
}

/* Return the attribute of a stream of the module io in which the stream below it is; NULL if there is none. */
const char *below_stream(PyTypeObject *type) {
    static const char *const buffers[] = {"_io.BufferedRandom", "_io.BufferedReader", "_io.BufferedWriter"};
    if (!is_cpythons((void *)type->tp_dealloc)) return NULL;
    if (strcmp(type->tp_name, "_io.TextIOWrapper") == 0) return "buffer";
    for (int i = 0; i < 3; i++)
        if (strcmp(type->tp_name, buffers[i]) == 0) return "raw";
    return NULL;
}

bool is_file(PyTypeObject *type) {
    return strcmp(type->tp_name, "_io.FileIO") == 0 && is_cpythons((void *)type->tp_dealloc);
}

/* Return the kind of a type whose objects have a finaliser: it is known of a few types, and of no class below them. */
static enum kind kind_with_finaliser(PyTypeObject *type) {
    if (type == &PyGen_Type || type == &PyCoro_Type || type == &PyAsyncGen_Type) return GENERATOR;
    if (below_stream(type) != NULL || is_file(type)) return STREAM;
    bool is_in_memory = strcmp(type->tp_name, "_io.BytesIO") == 0 || strcmp(type->tp_name, "_io.StringIO") == 0;
    return is_in_memory && is_cpythons((void *)type->tp_dealloc) ? QUIET : NOTICED;
}

static enum kind kind_of_base(PyTypeObject *base) {
    if (PyType_IsSubtype(base, &_PyWeakref_RefType) || base == &_PyWeakref_ProxyType || base == &_PyWeakref_CallableProxyType)
        return REFERENCE;
    if (base == &PyModule_Type) return MODULE;
    if (base == &PyCapsule_Type) return CAPSULE;
    if (base->tp_dealloc == state.of_sequence || PyType_IsSubtype(base, (PyTypeObject *)PyExc_BaseException)) return QUIET;
    return is_listed(base->tp_name) ? QUIET : NOTICED;
}

static enum kind judged(PyTypeObject *type) {
    if (type->tp_del != NULL || !is_cpythons((void *)type->tp_free)) return NOTICED;
    if (type->tp_finalize != NULL) return kind_with_finaliser(type);
    PyTypeObject *base = type;
    while (base != NULL && base->tp_dealloc == state.of_class) base = base->tp_base;
    if (base == NULL) return NOTICED;
    if (!is_cpythons((void *)base->tp_dealloc)) return is_compiled_quietly(base) ? QUIET : NOTICED;
    while (base->tp_base != NULL && base->tp_base->tp_dealloc == base->tp_dealloc) base = base->tp_base;
    return kind_of_base(base);
}

static bool learn(void) {
    PyObject *class = PyObject_CallFunction((PyObject *)&PyType_Type, "s(){}", "C"), *flags = PySys_GetObject("flags");
    if (class == NULL || flags == NULL) return false;
    state.of_class = ((PyTypeObject *)class)->tp_dealloc;
    state.of_sequence = Py_TYPE(flags)->tp_dealloc;
    Py_DECREF(class);
    return true;
}

/* Return the kind of a type, which is decided once. */
enum kind kind_of(PyTypeObject *type) {
    size_t i = ((uintptr_t)type >> 4) % MOST_TYPES;
    while (state.known[i].type != NULL && state.known[i].type != type) i = (i + 1) % MOST_TYPES;
    if (state.known[i].type == type) return state.known[i].kind;
    if (state.types >= MOST_TYPES / 2 || (state.of_class == NULL && !learn())) return NOTICED;
    state.types++;
    state.known[i].type = type;
    state.known[i].kind = judged(type);
    return state.known[i].kind;
}

/* Callbacks of weak references ------------------------------------------------------------------------------------- */

/* Functions of the standard library that only remove an entry from a collection. */
static const struct {
    const char *module, *name;
} removers[] = {
    {"weakref", "WeakValueDictionary.__init__.<locals>.remove"},
    {"weakref", "WeakKeyDictionary.__init__.<locals>.remove"},
    {"_weakrefset", "WeakSet.__init__.<locals>._remove"},
    {"logging", "_removeHandlerRef"},
};

static bool is_remover(PyObject *function) {
    PyObject *name = ((PyFunctionObject *)function)->func_qualname, *modules = PyImport_GetModuleDict();
    for (size_t i = 0; i < sizeof removers / sizeof *removers; i++) {
        if (PyUnicode_CompareWithASCIIString(name, removers[i].name) != 0) continue;
        PyObject *module = PyDict_GetItemString(modules, removers[i].module);
        return module != NULL && PyModule_Check(module) && PyFunction_GET_GLOBALS(function) == PyModule_GetDict(module);
    }
    return false;
}

/* Whether it is a function of C that does the same: for classes of abc, and for the values of threads. */
static bool is_remover_of_c(PyObject *function) {
    static const char *const names[] = {"_destroy", "_localdummy_destroyed", "clear_locals"};
    const PyMethodDef *definition = ((PyCFunctionObject *)function)->m_ml;
    for (int i = 0; i < 3; i++)
        if (strcmp(definition->ml_name, names[i]) == 0) return is_cpythons((void *)definition->ml_meth);
    return false;
}

/* Whether it is a weakref.finalize after the end of the program, when it does nothing any more. */
static bool is_spent(PyObject *callback) {
    PyObject *module = PyDict_GetItemString(PyImport_GetModuleDict(), "weakref");
    PyObject *type = module == NULL ? NULL : PyObject_GetAttrString(module, "finalize");
    PyObject *ended = type != (PyObject *)Py_TYPE(callback) ? NULL : PyObject_GetAttrString(type, "_shutdown");
    bool is_so = ended == Py_True;
    PyErr_Clear();
    Py_XDECREF(type);
    Py_XDECREF(ended);
    return is_so;
}

/* Whether it removes an entry from a cache of types of ctypes. */
static bool is_remover_of_ctypes(PyObject *callback) {
    const PyTypeObject *type = Py_TYPE(callback);
    return strcmp(type->tp_name, "_ctypes.DictRemover") == 0 && is_cpythons((void *)type->tp_dealloc);
}

/* Whether a weak reference would call something that could be noticed when its object ends. */
bool has_foreign_callback(PyObject *reference) {
    PyObject *callback = ((PyWeakReference *)reference)->wr_callback;
    if (callback == NULL) return false;
    if (PyFunction_Check(callback)) return !is_remover(callback);
    if (PyCFunction_Check(callback)) return !is_remover_of_c(callback);
    return !is_remover_of_ctypes(callback) && !is_spent(callback);
}
