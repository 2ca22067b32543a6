/* The finder and the loader for modules with code in code.bin.
 *
 * The finder stands before PathFinder in sys.meta_path, and its answer is the one that PathFinder would give: it answers
 * only for a file that is on the module's search path and unchanged since the tree was unpacked, asks PathFinder about
 * the entries before it that the archive does not know, and leaves everything else to PathFinder by answering None.
 *
 * It serves the main interpreter only. What is in `state` never changes after `install_finder`. */
#include "starter.h"

#define MOST_ROOTS 32
#if PY_VERSION_HEX >= 0x030B0000
#define PATTERN_COMPILER "re._compiler"
#else
#define PATTERN_COMPILER "sre_compile"
#endif

static struct {
    const struct archive *archive;
    bool has_code;                /* the code is for this process's level of optimization */
    PyObject *places[MOST_ROOTS]; /* the text of each root as sys.path has it; NULL if it cannot be there */
    PyObject *absent;             /* sys.path's entry for a zip that does not exist; may be NULL */
    PyObject *hooks[2];           /* the two items of sys.path_hooks: for zip files, and for folders */
    PyObject *path_finder, *file_finder, *source_loader, *extension_loader, *own_loader, *pattern_loader;
    PyObject *new_spec, *fix_file_name; /* functions of importlib */
    PyObject *new_spec_names;           /* the names of the arguments that it gets by keyword */
} state;

static const char *in_archive(uint32_t offset) { return state.archive->base + offset; }

static const struct root *root_of(const struct slot *slot) { return &state.archive->roots[slot->root]; }

static bool is_own(const struct slot *slot) { return (root_of(slot)->flags & OWN) != 0; }

/* Files ------------------------------------------------------------------------------------------------------------ */

/* Set the status of a file. False if it is not there, or with an exception set. */
static bool get_status(PyObject *path, struct status *status) {
    PyObject *bytes = PyUnicode_EncodeFSDefault(path);
    if (bytes == NULL) {
        if (PyErr_ExceptionMatches(PyExc_UnicodeError)) PyErr_Clear(); /* no file can have such a name */
        return false;
    }
    bool is_there = get_file_status(PyBytes_AS_STRING(bytes), status);
    Py_DECREF(bytes);
    return is_there;
}

static bool is_fresh(const struct slot *slot, const struct status *status) {
    return slot->kind == EXTENSION || (is_unchanged(state.archive, status) && status->size == slot->source_size);
}

/* Whether the tree has the file of a module as the archive knows it. A module without a source has only its code. */
static bool is_unchanged_file(const struct slot *slot, PyObject *file, bool *is_file) {
    struct status status;
    if (slot->source_size == NO_SOURCE && slot->kind == SOURCE) return *is_file = true;
    *is_file = get_status(file, &status) && status.is_file;
    return *is_file && is_fresh(slot, &status);
}

/* Return a path below the tree as the system writes it. */
static PyObject *text_of(const char *path, Py_ssize_t length) {
    if (SEPARATOR == '/') return PyUnicode_DecodeUTF8(path, length, NULL);
    char *own = malloc((size_t)length + 1);
    if (own == NULL) return PyErr_NoMemory();
    for (Py_ssize_t i = 0; i < length; i++) own[i] = path[i] == '/' ? SEPARATOR : path[i];
    PyObject *text = PyUnicode_DecodeUTF8(own, length, NULL);
    free(own);
    return text;
}

/* Return the folder that an entry of the search path must name to lead to a module, and its file. */
static PyObject *folder_of(const struct slot *slot, int levels) {
    PyObject *place = state.places[slot->root];
    const char *path = in_archive(slot->path), *end = path + strlen(path);
    for (; levels > 0 && end > path; levels--)
        do end--; while (end > path && *end != '/');
    if (end == path) return Py_NewRef(place);
    PyObject *text = text_of(path, end - path);
    if (text == NULL) return NULL;
    PyObject *folder = PyUnicode_FromFormat("%U%c%U", place, SEPARATOR, text);
    Py_DECREF(text);
    return folder;
}

static PyObject *file_of(const struct slot *slot) { return folder_of(slot, 0); }

/* The loader ------------------------------------------------------------------------------------------------------- */

static const struct slot *slot_of(PyObject *name) {
    Py_ssize_t length;
    const char *text = PyUnicode_Check(name) ? PyUnicode_AsUTF8AndSize(name, &length) : NULL;
    if (text == NULL) {
        PyErr_Clear(); /* a name with a surrogate */
        return NULL;
    }
    const struct slot *slot = look_up(state.archive, text, (size_t)length);
    return slot == NULL || state.places[slot->root] == NULL ? NULL : slot;
}

/* Whether an attribute of a loader has a value. -1 with an exception set if there is no such attribute. */
static int has(PyObject *loader, const char *name, PyObject *value) {
    PyObject *found = PyObject_GetAttrString(loader, name);
    if (found == NULL) return -1;
    int equal = PyObject_RichCompareBool(found, value, Py_EQ);
    Py_DECREF(found);
    return equal;
}

/* Return code with its real file name. */
static PyObject *read_code(uint32_t offset, uint32_t size, PyObject *file) {
    PyObject *code = PyMarshal_ReadObjectFromString(in_archive(offset), (Py_ssize_t)size);
    PyObject *none = code == NULL ? NULL : PyObject_CallFunctionObjArgs(state.fix_file_name, code, file, NULL);
    if (none == NULL) Py_CLEAR(code);
    Py_XDECREF(none);
    return code;
}

/* Return the code of the program's script. NULL if there is none for the file as it is, or with an exception set. */
PyObject *script_code(PyObject *file) {
    struct status status;
    const struct header *header = state.archive == NULL ? NULL : state.archive->header;
    if (header == NULL || header->script_code_size == 0 || !state.has_code || !get_status(file, &status)) return NULL;
    if (!is_unchanged(state.archive, &status) || status.size != header->script_size) return NULL;
    return read_code(header->script_code, header->script_code_size, file);
}

/* SourceFileLoader.get_code, but from the archive if the loader is for a module and a file that are in it. */
static PyObject *get_code(PyObject *self, PyObject *name) {
    const struct slot *slot = slot_of(name);
    if (slot != NULL && slot->code_size != 0 && state.has_code) {
        bool is_file;
        PyObject *file = file_of(slot), *code = NULL;
        int is_mine = file == NULL ? -1 : has(self, "path", file);
        if (is_mine > 0) is_mine = has(self, "name", name);
        if (is_mine > 0) is_mine = is_unchanged_file(slot, file, &is_file);
        if (is_mine > 0) code = read_code(slot->code, slot->code_size, file);
        Py_XDECREF(file);
        if (code != NULL || PyErr_Occurred()) return code;
    }
    return PyObject_CallMethod(state.source_loader, "get_code", "OO", self, name);
}

/* A copy, or what another interpreter unpickles, is an ordinary loader of the same file. */
static PyObject *reduce(PyObject *self, PyObject *none) {
    (void)none;
    PyObject *name = PyObject_GetAttrString(self, "name"), *path = PyObject_GetAttrString(self, "path");
    PyObject *reduced = name && path ? Py_BuildValue("O(OO)", state.source_loader, name, path) : NULL;
    Py_XDECREF(name);
    Py_XDECREF(path);
    return reduced;
}

static PyMethodDef loader_methods[] = {
    {"get_code", get_code, METH_O, "Return the code of a module, from the archive if it has it."},
    {"__reduce__", reduce, METH_NOARGS, "Reduce to a plain SourceFileLoader."},
    {NULL, NULL, 0, NULL},
};
static PyType_Slot loader_slots[] = {{Py_tp_methods, loader_methods}, {0, NULL}};
/* Execute the module that compiles regular expressions, and let it take them from the archive. */
static PyObject *execute_compiler(PyObject *self, PyObject *module) {
    PyObject *none = PyObject_CallMethod(state.source_loader, "exec_module", "OO", self, module);
    if (none != NULL && !use_patterns(state.archive, module)) Py_CLEAR(none);
    return none;
}

static PyMethodDef pattern_loader_methods[] = {
    {"exec_module", execute_compiler, METH_O, "Execute the module."},
    {NULL, NULL, 0, NULL},
};
static PyType_Slot pattern_loader_slots[] = {{Py_tp_methods, pattern_loader_methods}, {0, NULL}};
/* Both go by the name of their base, which some programs compare. */
static PyType_Spec loader_spec = {
    .name = "_frozen_importlib_external.SourceFileLoader",
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE,
    .slots = loader_slots,
};
static PyType_Spec pattern_loader_spec = {
    .name = "_frozen_importlib_external.SourceFileLoader",
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE,
    .slots = pattern_loader_slots,
};

/* The finder ------------------------------------------------------------------------------------------------------- */

/* Whether one entry of the search path equals another text; -1 with an exception set. */
static int is_entry(PyObject *entry, PyObject *text) {
    return text == NULL || !PyUnicode_Check(entry) ? 0 : PyObject_RichCompareBool(entry, text, Py_EQ);
}

/* Whether an entry of sys.path is known to have no module of this name; -1 with an exception set. */
static int is_without(PyObject *entry, const struct slot *slot) {
    const struct header *header = state.archive->header;
    int equal = is_entry(entry, state.absent);
    for (uint32_t i = 0; equal == 0 && i < header->roots; i++) {
        if ((state.archive->roots[i].flags & COMPLETE) == 0 || (slot->holders >> i & 1) != 0) continue;
        equal = is_entry(entry, state.places[i]);
        struct status status;
        bool unchanged = equal > 0 && get_status(state.places[i], &status) && is_unchanged(state.archive, &status);
        if (equal > 0) return PyErr_Occurred() ? -1 : unchanged;
    }
    return equal;
}

/* Go through a search path up to `place`, and append the entries that may have the module, too. Whether `place` is there;
 * -1 with an exception set. */
static int search(PyObject *path, PyObject *place, const struct slot *slot, bool is_top, PyObject *others) {
    PyObject *entries = PySequence_Fast(path, "the search path is not iterable");
    int found = entries == NULL ? -1 : 0;
    for (Py_ssize_t i = 0; found == 0 && i < PySequence_Fast_GET_SIZE(entries); i++) {
        PyObject *entry = Py_NewRef(PySequence_Fast_GET_ITEM(entries, i));
        found = is_entry(entry, place);
        if (found == 0) {
            int without = is_top ? is_without(entry, slot) : 0;
            if (without < 0 || (without == 0 && PyList_Append(others, entry) != 0)) found = -1;
        }
        Py_DECREF(entry);
    }
    Py_XDECREF(entries);
    return found;
}

/* Return what PathFinder finds in some entries: the spec of a module, or None. */
static PyObject *ask_path_finder(PyObject *name, PyObject *entries) {
    PyObject *spec = PyObject_CallMethod(state.path_finder, "find_spec", "OO", name, entries);
    if (spec == NULL || spec == Py_None) return spec;
    PyObject *loader = PyObject_GetAttrString(spec, "loader");
    if (loader == NULL) Py_CLEAR(spec);
    else if (loader == Py_None) Py_SETREF(spec, Py_NewRef(Py_None)); /* a portion of a namespace: modules come first */
    Py_XDECREF(loader);
    return spec;
}

/* Whether folders are searched as usual: a host can put its own finders into sys.path_hooks, and into their cache. */
bool is_usual(PyObject *place) {
    PyObject *hooks = PySys_GetObject("path_hooks"), *cache = PySys_GetObject("path_importer_cache");
    if (hooks == NULL || !PyList_Check(hooks) || PyList_GET_SIZE(hooks) < 2 || state.hooks[0] == NULL ||
        PyList_GET_ITEM(hooks, 0) != state.hooks[0] || PyList_GET_ITEM(hooks, 1) != state.hooks[1])
        return false;
    PyObject *finder = cache == NULL || !PyDict_Check(cache) ? NULL : PyDict_GetItemWithError(cache, place);
    return finder == NULL ? PyErr_Occurred() == NULL : (PyObject *)Py_TYPE(finder) == state.file_finder;
}

/* Return the type of the loader for a module. */
static PyObject *loader_type(const struct slot *slot, bool has_code) {
    if (slot->kind == EXTENSION) return state.extension_loader;
    if (!has_code) return state.source_loader;
    bool has_patterns = state.archive->header->patterns != 0 && strcmp(in_archive(slot->name), PATTERN_COMPILER) == 0;
    return has_patterns ? state.pattern_loader : state.own_loader;
}

static PyObject *make_spec(PyObject *name, const struct slot *slot, PyObject *file, bool has_code) {
    PyObject *type = loader_type(slot, has_code);
    PyObject *loader = PyObject_CallFunctionObjArgs(type, name, file, NULL);
    PyObject *locations = Py_NewRef(Py_None), *spec = NULL;
    if (slot->is_package) Py_SETREF(locations, PyList_New(1));
    if (locations != NULL && slot->is_package) PyList_SET_ITEM(locations, 0, folder_of(slot, 1));
    if (loader != NULL && locations != NULL && PyErr_Occurred() == NULL) {
        PyObject *arguments[] = {name, file, loader, locations};
        spec = PyObject_Vectorcall(state.new_spec, arguments, 2, state.new_spec_names);
    }
    Py_XDECREF(loader);
    Py_XDECREF(locations);
    return spec;
}

/* Return the spec of a module whose file is on the search path, or None if the file is not as the archive knows it. */
static PyObject *answer(PyObject *name, const struct slot *slot) {
    bool is_file = false;
    PyObject *file = file_of(slot), *spec = NULL;
    bool fresh = file != NULL && is_unchanged_file(slot, file, &is_file);
    if (is_file) {
        if (fresh || is_own(slot)) spec = make_spec(name, slot, file, fresh && slot->code_size != 0 && state.has_code);
    }
    Py_XDECREF(file);
    return spec != NULL || PyErr_Occurred() ? spec : Py_NewRef(Py_None);
}

/* Return the spec of a module that the archive has below one of its roots. */
static PyObject *find_in_path(PyObject *name, const struct slot *slot, PyObject *path, bool is_top) {
    PyObject *place = folder_of(slot, slot->is_package ? 2 : 1), *others = PyList_New(0), *spec = NULL;
    int found = place == NULL || others == NULL ? -1 : is_usual(place);
    if (found > 0) found = search(path, place, slot, is_top, others);
    if (found > 0 && PyList_GET_SIZE(others) != 0) spec = ask_path_finder(name, others);
    if (found > 0 && (spec == Py_None || (spec == NULL && PyErr_Occurred() == NULL))) {
        Py_XDECREF(spec);
        spec = answer(name, slot);
    }
    Py_XDECREF(place);
    Py_XDECREF(others);
    return spec != NULL || PyErr_Occurred() ? spec : Py_NewRef(Py_None);
}

static PyObject *find_spec(PyObject *self, PyObject *arguments, PyObject *keywords) {
    static char *names[] = {"fullname", "path", "target", NULL};
    PyObject *name, *path = Py_None, *target = Py_None;
    (void)self;
    if (!PyArg_ParseTupleAndKeywords(arguments, keywords, "O|OO:find_spec", names, &name, &path, &target)) return NULL;
    const struct slot *slot = slot_of(name);
    if (slot == NULL) Py_RETURN_NONE;
    bool is_top = strchr(in_archive(slot->name), '.') == NULL;
    if (is_top && is_own(slot)) return answer(name, slot);
    if (path == Py_None) path = PySys_GetObject("path");
    if (path == NULL) Py_RETURN_NONE;
    Py_INCREF(path); /* an import while it is searched may replace sys.path */
    PyObject *spec = find_in_path(name, slot, path, is_top);
    Py_DECREF(path);
    return spec;
}

static PyObject *invalidate_caches(PyObject *self, PyObject *none) {
    (void)self, (void)none;
    Py_RETURN_NONE;
}

static PyMethodDef finder_methods[] = {
    {"find_spec", (PyCFunction)(void *)find_spec, METH_VARARGS | METH_KEYWORDS, "Return the spec of a module, or None."},
    {"invalidate_caches", invalidate_caches, METH_NOARGS, "Do nothing: the finder keeps nothing that can change."},
    {NULL, NULL, 0, NULL},
};
static PyType_Slot finder_slots[] = {{Py_tp_methods, finder_methods}, {0, NULL}};
static PyType_Spec finder_spec = {
    .name = "onebin.ArchiveFinder",
    .basicsize = sizeof(PyObject),
    .flags = Py_TPFLAGS_DEFAULT,
    .slots = finder_slots,
};

/* Installing ------------------------------------------------------------------------------------------------------- */

/* Return the text of sys.<name> without a suffix, if that is the tree. NULL without an exception if it is not. */
static PyObject *tree_text(const struct tree *tree, const char *name, const char *suffix) {
    PyObject *prefix = PySys_GetObject(name), *tail = text_of(suffix, (Py_ssize_t)strlen(suffix)), *text = NULL;
    if (prefix != NULL && tail != NULL && PyUnicode_Check(prefix) &&
        PyUnicode_Tailmatch(prefix, tail, 0, PY_SSIZE_T_MAX, 1) == 1)
        text = PyUnicode_Substring(prefix, 0, PyUnicode_GET_LENGTH(prefix) - PyUnicode_GET_LENGTH(tail));
    Py_XDECREF(tail);
    PyObject *bytes = text == NULL ? NULL : PyUnicode_EncodeFSDefault(text);
    if (bytes != NULL && !is_tree(tree, PyBytes_AS_STRING(bytes))) Py_CLEAR(text);
    Py_XDECREF(bytes);
    return text;
}

/* Return the entry of sys.path that is a place in other letters, or the place itself; takes its reference. Where these do not
 * matter, CPython has not always written "Lib" as it is on the disk. */
static PyObject *as_listed(PyObject *place) {
    PyObject *path = PySys_GetObject("path"), *found = place, *lower = NULL;
    if (SEPARATOR == '/' || place == NULL || path == NULL || !PyList_Check(path)) return place;
    lower = PyObject_CallMethod(place, "lower", NULL);
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(path) && lower != NULL && found == place; i++) {
        PyObject *entry = PyList_GET_ITEM(path, i);
        PyObject *other = PyUnicode_Check(entry) ? PyObject_CallMethod(entry, "lower", NULL) : NULL;
        if (other != NULL && PyUnicode_Compare(lower, other) == 0) found = entry;
        Py_XDECREF(other);
    }
    Py_XDECREF(lower);
    if (found != place) {
        Py_INCREF(found);
        Py_DECREF(place);
    }
    return found;
}

/* Set the text of each root as CPython writes it into sys.path, which begins with sys.prefix or sys.base_prefix. */
static bool set_places(const struct tree *tree) {
    const struct header *header = state.archive->header;
    PyObject *own = PyUnicode_DecodeFSDefault(tree->path);
    PyObject *environment = tree_text(tree, "prefix", ""), *base = tree_text(tree, "base_prefix", "/python");
    for (uint32_t i = 0; i < header->roots && i < MOST_ROOTS && own != NULL; i++) {
        const struct root *root = &state.archive->roots[i];
        const char *path = in_archive(root->path);
        PyObject *start = root->flags & OWN ? own : strncmp(path, "python/", strlen("python/")) == 0 ? base : environment;
        PyObject *below = start == NULL ? NULL : text_of(path, (Py_ssize_t)strlen(path));
        if (below != NULL) state.places[i] = as_listed(PyUnicode_FromFormat("%U%c%U", start, SEPARATOR, below));
        Py_XDECREF(below);
    }
    Py_XDECREF(own);
    Py_XDECREF(environment);
    Py_XDECREF(base);
    return PyErr_Occurred() == NULL;
}

/* Remember the entry for the standard library in a zip, which sys.path always has, if there is no such file. */
static bool set_absent(void) {
    PyObject *path = PySys_GetObject("path"), *name = text_of("/" ZIP, strlen("/" ZIP));
    Py_ssize_t count = name == NULL || path == NULL || !PyList_Check(path) ? 0 : PyList_GET_SIZE(path);
    for (Py_ssize_t i = 0; i < count && state.absent == NULL; i++) {
        PyObject *entry = PyList_GET_ITEM(path, i);
        struct status status;
        if (PyUnicode_Check(entry) && PyUnicode_Tailmatch(entry, name, 0, PY_SSIZE_T_MAX, 1) == 1 &&
            !get_status(entry, &status))
            state.absent = Py_NewRef(entry);
    }
    Py_XDECREF(name);
    return PyErr_Occurred() == NULL;
}

/* Whether an item of sys.path_hooks has a certain name. */
static bool is_hook(PyObject *hook, const char *name) {
    PyObject *found = PyObject_GetAttrString(hook, "__name__");
    PyErr_Clear(); /* another kind of hook */
    bool is_one = found != NULL && PyUnicode_Check(found) && PyUnicode_CompareWithASCIIString(found, name) == 0;
    Py_XDECREF(found);
    return is_one;
}

/* Remember the items of sys.path_hooks, if they are the usual ones. */
static void set_hooks(void) {
    PyObject *hooks = PySys_GetObject("path_hooks");
    if (hooks == NULL || !PyList_Check(hooks) || PyList_GET_SIZE(hooks) < 2) return;
    PyObject *zip = PyList_GET_ITEM(hooks, 0), *folder = PyList_GET_ITEM(hooks, 1);
    if (!is_hook(zip, "zipimporter") || !is_hook(folder, "path_hook_for_FileFinder")) return;
    state.hooks[0] = Py_NewRef(zip);
    state.hooks[1] = Py_NewRef(folder);
}

/* Remember an attribute of a module that the interpreter always imports. */
static bool take(PyObject **attribute, const char *module, const char *name) {
    PyObject *found = PyImport_ImportModule(module);
    *attribute = found == NULL ? NULL : PyObject_GetAttrString(found, name);
    Py_XDECREF(found);
    return *attribute != NULL;
}

static bool take_importlib(void) {
    static const char *library = "_frozen_importlib_external";
    state.new_spec_names = Py_BuildValue("(ss)", "loader", "submodule_search_locations");
    if (state.new_spec_names == NULL || !take(&state.path_finder, library, "PathFinder") ||
        !take(&state.file_finder, library, "FileFinder") || !take(&state.source_loader, library, "SourceFileLoader") ||
        !take(&state.extension_loader, library, "ExtensionFileLoader") ||
        !take(&state.new_spec, library, "spec_from_file_location") ||
        !take(&state.fix_file_name, "_imp", "_fix_co_filename"))
        return false;
    state.own_loader = PyType_FromSpecWithBases(&loader_spec, state.source_loader);
    if (state.own_loader != NULL)
        state.pattern_loader = PyType_FromSpecWithBases(&pattern_loader_spec, state.own_loader);
    return state.pattern_loader != NULL;
}

/* Whether code of this optimization level is what the archive has; -1 with an exception set. */
static int has_level(const struct header *header) {
    PyObject *flags = PySys_GetObject("flags");
    PyObject *level = flags == NULL ? NULL : PyObject_GetAttrString(flags, "optimize");
    long value = level == NULL ? -1 : PyLong_AsLong(level);
    Py_XDECREF(level);
    return PyErr_Occurred() ? -1 : value == (long)header->optimize;
}

/* Put a new finder into sys.meta_path before PathFinder. */
static bool insert_finder(void) {
    PyObject *finders = PySys_GetObject("meta_path"), *type = PyType_FromSpec(&finder_spec);
    PyObject *finder = type == NULL ? NULL : PyObject_CallNoArgs(type);
    Py_XDECREF(type);
    if (finder == NULL || finders == NULL || !PyList_Check(finders)) {
        Py_XDECREF(finder);
        return PyErr_Occurred() == NULL;
    }
    Py_ssize_t index = 0;
    while (index < PyList_GET_SIZE(finders) && PyList_GET_ITEM(finders, index) != state.path_finder) index++;
    bool is_inserted = PyList_Insert(finders, index, finder) == 0;
    Py_DECREF(finder);
    return is_inserted;
}

/* Let imports find the modules of an archive, unless its code is for another version of Python. */
bool install_finder(const struct tree *tree, const struct archive *archive) {
    long magic = PyImport_GetMagicNumber();
    uint8_t mine[4] = {(uint8_t)magic, (uint8_t)(magic >> 8), (uint8_t)(magic >> 16), (uint8_t)(magic >> 24)};
    if (magic == -1) return false;
    if (memcmp(mine, archive->header->pyc_magic, sizeof mine) != 0) return true;
    state.archive = archive;
    int level = has_level(archive->header);
    if (level < 0) return false;
    state.has_code = level > 0;
    set_hooks();
    return take_importlib() && set_places(tree) && set_absent() && insert_finder();
}
