/* What the end of an object can do, by its type. */
#ifndef ONEBIN_KINDS_H
#define ONEBIN_KINDS_H

#include "../starter.h"

enum kind {
    UNKNOWN,
    QUIET,     /* frees its memory, and releases other objects */
    NOTICED,   /* does something else, or nobody knows */
    REFERENCE, /* a weak reference, which may have a callback */
    MODULE,    /* frees its state, by a function that it brings along */
    CAPSULE,   /* calls a function that it brings along */
    GENERATOR, /* is closed, if it has not ended */
    STREAM,    /* writes what it still has, and closes its file */
};

enum { MOST_DESCENT = 100 };

extern const char *const quiet_types[];
extern const size_t quiet_types_count;

/* kinds.c */
void find_libraries(const struct tree *tree);
bool is_cpythons(const void *function);
enum kind kind_of(PyTypeObject *type);
const char *below_stream(PyTypeObject *type);
bool is_file(PyTypeObject *type);
bool has_foreign_callback(PyObject *reference);

/* compiled.c */
bool is_compiled_quietly(PyTypeObject *type);
bool is_idle_function(const void *function);

#endif
