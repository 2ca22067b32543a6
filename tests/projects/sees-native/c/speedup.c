/* An extension module that needs a library of its wheel, and imports what no Python source names. */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

extern int answer(void);

static PyObject *imported(PyObject *self, PyObject *unused)
{
    /* A dependency's module, an extension as cffi's compiled modules want it, and one of the standard library's. */
    const char *names[] = {"iniconfig", "_cffi_backend", "colorsys"};
    PyObject *found = PyList_New(0);
    for (int i = 0; found && i < 3; i++) {
        PyObject *module = PyImport_ImportModule(names[i]);
        PyObject *name = module ? PyObject_GetAttrString(module, "__name__") : NULL;
        if (!name || PyList_Append(found, name) < 0)
            Py_CLEAR(found);
        Py_XDECREF(name);
        Py_XDECREF(module);
    }
    return found;
}

static PyObject *answered(PyObject *self, PyObject *unused)
{
    return PyLong_FromLong(answer());
}

static PyMethodDef methods[] = {
    {"imported", imported, METH_NOARGS, "Import modules and return their names."},
    {"answered", answered, METH_NOARGS, "Ask the library."},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef definition = {PyModuleDef_HEAD_INIT, "_speedup", NULL, -1, methods};

PyMODINIT_FUNC PyInit__speedup(void)
{
    return PyModule_Create(&definition);
}
