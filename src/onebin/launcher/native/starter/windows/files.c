/* Files of Windows: what is known of one, and one in memory. */
#include "windows.h"

/* Return a text as Windows wants it, in new memory, or NULL. The starter's own texts are UTF-8. */
wchar_t *wide(const char *text) {
    int length = MultiByteToWideChar(CP_UTF8, MB_ERR_INVALID_CHARS, text, -1, NULL, 0);
    wchar_t *made = length == 0 ? NULL : malloc((size_t)length * sizeof *made);
    if (made != NULL) MultiByteToWideChar(CP_UTF8, MB_ERR_INVALID_CHARS, text, -1, made, length);
    return made;
}

static int64_t joined_halves(DWORD high, DWORD low) { return (int64_t)((uint64_t)high << 32 | low); }

/* Set the status of a file. False if it is not there, or with an exception set. */
bool get_status(PyObject *path, struct status *status) {
    WIN32_FILE_ATTRIBUTE_DATA found;
    wchar_t *name = PyUnicode_AsWideCharString(path, NULL);
    if (name == NULL) {
        if (PyErr_ExceptionMatches(PyExc_ValueError)) PyErr_Clear(); /* no file can have such a name */
        return false;
    }
    bool is_there = GetFileAttributesExW(name, GetFileExInfoStandard, &found);
    PyMem_Free(name);
    if (!is_there) return false;
    *status = (struct status){
        .is_regular = (found.dwFileAttributes & (FILE_ATTRIBUTE_DIRECTORY | FILE_ATTRIBUTE_DEVICE)) == 0,
        .size = (uint64_t)joined_halves(found.nFileSizeHigh, found.nFileSizeLow),
        .modified = joined_halves(found.ftLastWriteTime.dwHighDateTime, found.ftLastWriteTime.dwLowDateTime),
    };
    return true;
}

/* Return a file or a folder, open to be looked at and shared with everybody, or INVALID_HANDLE_VALUE. */
HANDLE open_shared(const char *path, DWORD access) {
    wchar_t *name = wide(path);
    const DWORD shared = FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE;
    HANDLE file = name == NULL ? INVALID_HANDLE_VALUE
                               : CreateFileW(name, access, shared, NULL, OPEN_EXISTING, FILE_FLAG_BACKUP_SEMANTICS, NULL);
    free(name);
    return file;
}

const char *map_file(const char *path, struct status *status) {
    BY_HANDLE_FILE_INFORMATION found;
    HANDLE file = open_shared(path, GENERIC_READ), mapping = NULL;
    const char *base = NULL;
    if (file == INVALID_HANDLE_VALUE) return NULL;
    if (GetFileInformationByHandle(file, &found)) mapping = CreateFileMappingW(file, NULL, PAGE_READONLY, 0, 0, NULL);
    if (mapping != NULL) base = MapViewOfFile(mapping, FILE_MAP_READ, 0, 0, 0);
    if (mapping != NULL) CloseHandle(mapping);
    CloseHandle(file);
    if (base == NULL) return NULL;
    status->is_regular = true;
    status->size = (uint64_t)joined_halves(found.nFileSizeHigh, found.nFileSizeLow);
    status->modified = joined_halves(found.ftLastWriteTime.dwHighDateTime, found.ftLastWriteTime.dwLowDateTime);
    return base;
}

static bool get_information(const char *path, BY_HANDLE_FILE_INFORMATION *found) {
    HANDLE file = open_shared(path, FILE_READ_ATTRIBUTES);
    bool is_there = file != INVALID_HANDLE_VALUE && GetFileInformationByHandle(file, found);
    if (file != INVALID_HANDLE_VALUE) CloseHandle(file);
    return is_there;
}

/* Whether a path leads to the tree. */
bool is_tree(const struct tree *tree, const char *path) {
    BY_HANDLE_FILE_INFORMATION one, other;
    return get_information(tree->path, &one) && get_information(path, &other) &&
           one.dwVolumeSerialNumber == other.dwVolumeSerialNumber && one.nFileIndexHigh == other.nFileIndexHigh &&
           one.nFileIndexLow == other.nFileIndexLow;
}
