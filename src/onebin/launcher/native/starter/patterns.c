/* Take compiled regular expressions from code.bin.
 *
 * re compiles a pattern in two steps: Python code makes numbers of it, and _sre.compile makes an object of these. For
 * patterns that stand in the sources of modules, the archive has the numbers, as freeze/driver/tree/patterns.py describes.
 * So this takes the place of the first step, and leaves all other patterns to it. */
#include "starter.h"

static const struct archive *archive;

/* Return the slot of what the arguments are, or NULL. */
static const struct pattern *find(PyObject *text, PyObject *flags) {
    if (!PyLong_CheckExact(flags)) return NULL;
    unsigned long number = PyLong_AsUnsignedLong(flags);
    const char *data = NULL;
    Py_ssize_t length = 0;
    if (PyUnicode_CheckExact(text)) {
        data = PyUnicode_AsUTF8AndSize(text, &length);
    } else if (PyBytes_CheckExact(text)) {
        data = PyBytes_AS_STRING(text);
        length = PyBytes_GET_SIZE(text);
    }
    PyErr_Clear(); /* a text with surrogates, or a number that cannot be flags */
    if (data == NULL || number > UINT32_MAX) return NULL;
    return look_up_pattern(archive, data, (size_t)length, (uint32_t)number, PyBytes_CheckExact(text));
}

static uint32_t number_at(const char *numbers, size_t index) {
    uint32_t number; /* it need not be aligned in the file */
    memcpy(&number, numbers + index * sizeof number, sizeof number);
    return number;
}

/* Set the two collections that _sre wants: the number of each named group, and the name of each group, or None. */
static bool set_groups(const char *numbers, const char *texts, size_t count, PyObject *by_name, PyObject *by_number) {
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(by_number); i++) PyTuple_SET_ITEM(by_number, i, Py_NewRef(Py_None));
    for (size_t i = 0; i < count; i++, texts += strlen(texts) + 1) {
        uint32_t index = number_at(numbers, i);
        PyObject *name = PyUnicode_FromString(texts), *number = PyLong_FromUnsignedLong(index);
        bool is_set = name != NULL && number != NULL && PyDict_SetItem(by_name, name, number) == 0;
        Py_XDECREF(number);
        if (!is_set) {
            Py_XDECREF(name);
            return false;
        }
        Py_DECREF(PyTuple_GET_ITEM(by_number, index));
        PyTuple_SET_ITEM(by_number, index, name);
    }
    return true;
}

static PyObject *list_of(const char *numbers, size_t count) {
    PyObject *list = PyList_New((Py_ssize_t)count);
    for (size_t i = 0; list != NULL && i < count; i++) {
        PyObject *number = PyLong_FromUnsignedLong(number_at(numbers, i));
        if (number == NULL) Py_CLEAR(list);
        else PyList_SET_ITEM(list, (Py_ssize_t)i, number);
    }
    return list;
}

/* Return the pattern that _sre makes of the parts in the archive. */
static PyObject *made(PyObject *make, PyObject *text, const struct pattern *found) {
    const char *head = archive->base + found->parts, *codes = head + 4 * sizeof(uint32_t);
    uint32_t flags = number_at(head, 0), groups = number_at(head, 1), count = number_at(head, 2), names = number_at(head, 3);
    const char *numbers = codes + count * sizeof(uint32_t), *texts = numbers + names * sizeof(uint32_t);
    PyObject *code = list_of(codes, count), *by_name = PyDict_New(), *by_number = PyTuple_New((Py_ssize_t)groups + 1);
    PyObject *pattern = NULL;
    if (code != NULL && by_name != NULL && by_number != NULL && set_groups(numbers, texts, names, by_name, by_number))
        pattern = PyObject_CallFunction(make, "OIOIOO", text, flags, code, groups, by_name, by_number);
    Py_XDECREF(code);
    Py_XDECREF(by_name);
    Py_XDECREF(by_number);
    return pattern;
}

/* `self` has two functions: the one in whose place this is, and that of _sre. */
static PyObject *compile(PyObject *self, PyObject *const *arguments, Py_ssize_t count, PyObject *names) {
    const struct pattern *found = count == 2 && names == NULL ? find(arguments[0], arguments[1]) : NULL;
    if (found != NULL) return made(PyTuple_GET_ITEM(self, 1), arguments[0], found);
    return PyObject_Vectorcall(PyTuple_GET_ITEM(self, 0), arguments, (size_t)count, names);
}

static PyMethodDef definition = {
    "compile",
    (PyCFunction)(void *)compile,
    METH_FASTCALL | METH_KEYWORDS,
    "compile($module, p, flags=0)\n--\n\nReturn a compiled pattern, from the archive if it has it.",
};

/* Let the module of re that compiles patterns take them from the archive. */
bool use_patterns(const struct archive *from, PyObject *compiler) {
    PyObject *original = PyObject_GetAttrString(compiler, "compile"), *sre = PyObject_GetAttrString(compiler, "_sre");
    PyObject *make = sre == NULL ? NULL : PyObject_GetAttrString(sre, "compile");
    PyObject *both = original == NULL || make == NULL ? NULL : PyTuple_Pack(2, original, make);
    PyObject *name = both == NULL ? NULL : PyModule_GetNameObject(compiler);
    PyObject *function = name == NULL ? NULL : PyCFunction_NewEx(&definition, both, name);
    bool is_set = function != NULL && PyObject_SetAttrString(compiler, "compile", function) == 0;
    archive = from;
    Py_XDECREF(original);
    Py_XDECREF(sre);
    Py_XDECREF(make);
    Py_XDECREF(both);
    Py_XDECREF(name);
    Py_XDECREF(function);
    return is_set;
}
