/* Types whose code a compiler of Python has written: mypyc or Cython. What the end of their objects does is known.
 *
 * Both write a tp_dealloc that releases what the object refers to and frees its memory; a `__del__` of the class becomes
 * tp_finalize, which is looked at elsewhere. Only Cython allows code of the author in tp_dealloc, its `__dealloc__`. So
 * a class of Cython is quiet only if no library behind it could do anything there that somebody notices: see `is_idle`. */
#include "kinds.h"

#ifdef __APPLE__

bool is_compiled_quietly(PyTypeObject *type) {
    (void)type;
    return false;
}

bool is_idle_function(const void *function) {
    (void)function;
    return false;
}

#else

#include <link.h>

enum { MOST_IDLE = 64 };

struct library {
    const void *address; /* of a function in it */
    ElfW(Addr) base;
    const ElfW(Phdr) *parts;
    int count;
};

static struct {
    int count;
    struct {
        ElfW(Addr) base;
        bool is_idle;
    } libraries[MOST_IDLE];
} state;

/* Libraries -------------------------------------------------------------------------------------------------------- */

static int find_library(struct dl_phdr_info *info, size_t size, void *wanted) {
    (void)size;
    struct library *library = wanted;
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *part = &info->dlpi_phdr[i];
        if (part->p_type != PT_LOAD || (ElfW(Addr))library->address - info->dlpi_addr - part->p_vaddr >= part->p_memsz) continue;
        library->base = info->dlpi_addr;
        library->parts = info->dlpi_phdr;
        library->count = info->dlpi_phnum;
        return 1;
    }
    return 0;
}

/* Whether a text is anywhere in what a library can read and not write, such as its constants. */
static bool has_text(const struct library *library, const char *text) {
    for (int i = 0; i < library->count; i++) {
        const ElfW(Phdr) *part = &library->parts[i];
        if (part->p_type != PT_LOAD || (part->p_flags & (PF_R | PF_W)) != PF_R) continue;
        if (memmem((const void *)(library->base + part->p_vaddr), part->p_filesz, text, strlen(text)) != NULL) return true;
    }
    return false;
}

/* Return what an entry of the dynamic section points to. Only some loaders have added the base to it. */
static const void *entry(const struct library *library, ElfW(Sxword) tag, size_t *number) {
    for (int i = 0; i < library->count; i++) {
        if (library->parts[i].p_type != PT_DYNAMIC) continue;
        for (const ElfW(Dyn) *each = (const void *)(library->base + library->parts[i].p_vaddr); each->d_tag != DT_NULL; each++) {
            if (each->d_tag != tag) continue;
            if (number != NULL) *number = each->d_un.d_val;
            return (const void *)(each->d_un.d_ptr < library->base ? library->base + each->d_un.d_ptr : each->d_un.d_ptr);
        }
    }
    return NULL;
}

static int compare(const void *name, const void *entry) { return strcmp(name, *(const char *const *)entry); }

/* Whether a function or a variable from elsewhere is Python's, or only works on memory that it is given. */
static bool is_harmless(const char *name) {
    static const char *const known[] = {
        "_ITM_deregisterTMCloneTable", "_ITM_registerTMCloneTable", "__cxa_finalize", "__gmon_start__",
        "__memcpy_chk", "__memmove_chk", "__memset_chk", "__stack_chk_fail", "__tls_get_addr", "bcmp", "calloc", "ceil",
        "floor", "fmod", "free", "malloc", "memchr", "memcmp", "memcpy", "memmove", "memset", "pow", "realloc", "strchr",
        "strcmp", "strlen", "strncmp", "strrchr",
    };
    static const char *const loud[] = {"PySys_WriteStd", "PySys_FormatStd", "PyFile_", "Py_AtExit", "PyUnstable_AtExit"};
    for (size_t i = 0; i < sizeof loud / sizeof *loud; i++)
        if (strncmp(name, loud[i], strlen(loud[i])) == 0) return false;
    if (strncmp(name, "Py", 2) == 0 || strncmp(name, "_Py", 3) == 0) return true;
    return bsearch(name, known, sizeof known / sizeof *known, sizeof *known, compare) != NULL;
}

/* Whether all that a table of relocations takes from elsewhere is harmless. */
static bool takes_harmless(const struct library *library, ElfW(Sxword) table, ElfW(Sxword) length) {
    const ElfW(Sym) *symbols = entry(library, DT_SYMTAB, NULL);
    const char *names = entry(library, DT_STRTAB, NULL);
    size_t size = 0;
    entry(library, length, &size);
    const ElfW(Rela) *relocations = entry(library, table, NULL);
    for (size_t i = 0; relocations != NULL && i < size / sizeof *relocations; i++) {
        size_t symbol = ELF64_R_SYM(relocations[i].r_info);
        if (symbol == 0 || symbols[symbol].st_shndx != SHN_UNDEF) continue;
        if (!is_harmless(names + symbols[symbol].st_name)) return false;
    }
    return true;
}

/* Whether a library of Cython can do nothing but through objects of Python, and has no `__dealloc__` that does.
 *
 * It calls no function of the system or of another library, and takes none from other modules of Cython
 * (`__pyx_capi__`). A `__dealloc__` that calls Python has to say where an error in it came from, so its name is in the
 * library. */
static bool is_idle(const struct library *library) {
    return has_text(library, "__pyx_") && !has_text(library, "__pyx_capi__") && !has_text(library, "__dealloc__") &&
           entry(library, DT_REL, NULL) == NULL && takes_harmless(library, DT_RELA, DT_RELASZ) &&
           takes_harmless(library, DT_JMPREL, DT_PLTRELSZ);
}

/* Whether a function is in a library like that, which is decided once. */
bool is_idle_function(const void *function) {
    struct library library = {.address = function};
    if (function == NULL || dl_iterate_phdr(find_library, &library) == 0) return false;
    for (int i = 0; i < state.count; i++)
        if (state.libraries[i].base == library.base) return state.libraries[i].is_idle;
    if (state.count == MOST_IDLE) return false;
    state.libraries[state.count].base = library.base;
    return state.libraries[state.count++].is_idle = is_idle(&library);
}

/* Types ------------------------------------------------------------------------------------------------------------ */

/* Whether it is a type that Cython needs itself: functions, and what functions within functions and defaults refer to. */
static bool is_cythons_own(const char *name) {
    static const char *const own[] = {"__pyx_scope_struct_", "__pyx_defaults"};
    const char *dot = strrchr(name, '.'), *last = dot == NULL ? name : dot + 1;
    for (int i = 0; i < 2; i++)
        if (strncmp(last, own[i], strlen(own[i])) == 0) return true;
    bool is_function = strcmp(last, "cython_function_or_method") == 0 || strcmp(last, "fused_cython_function") == 0;
    return is_function && (dot == NULL || strncmp(name, "_cython_", 8) == 0);
}

static bool has(PyTypeObject *type, const char *name) {
    return type->tp_dict != NULL && PyDict_GetItemString(type->tp_dict, name) != NULL;
}

/* Whether a compiler has written what the end of a type's objects does, and it is nothing that anybody could notice. */
bool is_compiled_quietly(PyTypeObject *type) {
    for (; type != NULL && !is_cpythons((void *)type->tp_dealloc); type = type->tp_base) {
        if (has(type, "__internal_mypyc_setup") || is_cythons_own(type->tp_name)) continue;
        if (!has(type, "__reduce_cython__") || !is_idle_function((void *)type->tp_dealloc)) return false;
    }
    return true;
}

#endif
