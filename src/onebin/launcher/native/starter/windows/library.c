/* Find and load Python's library, and with it everything of Python that this program uses.
 *
 * Windows looks for the libraries of a program beside it, and the interpreter of an environment is in another folder than
 * the library. So nothing of Python's is an import of this program: the compiler reaches each name through a variable, and
 * the build makes a list of these (python_names, python_addresses), which are set here. */
#include "../starter.h"

#include "win.h"

#include <stdio.h>

extern const char *const python_names[];
extern void **const python_addresses[];

static wchar_t library_path[32768];

/* Print two lines and end. Nothing of Python can be called here. */
static _Noreturn void refuse(const wchar_t *what) {
    fwprintf(stderr, L"onebin: cannot start this Python: %ls\n  start the program that it belongs to again; it unpacks itself\n", what);
    ExitProcess(UNUSABLE);
}

static bool is_file(const wchar_t *path) {
    DWORD attributes = GetFileAttributesW(path);
    return attributes != INVALID_FILE_ATTRIBUTES && (attributes & FILE_ATTRIBUTE_DIRECTORY) == 0;
}

/* Put the path of the library in a folder into `library_path`. Whether it is there. */
static bool is_in(const wchar_t *folder, const wchar_t *below) {
    int length = _snwprintf(library_path, 32768, L"%ls\\%ls%hs", folder, below, LIBRARY);
    return length > 0 && length < 32768 && is_file(library_path);
}

/* Whether the library is where a pyvenv.cfg says that the base interpreter is (PEP 405). */
static bool is_at_home(const wchar_t *folder, const wchar_t *below) {
    static char line[LONGEST_PATH];
    static wchar_t file[32768];
    bool found = false;
    _snwprintf(file, 32768, L"%ls\\%lspyvenv.cfg", folder, below);
    FILE *stream = _wfopen(file, L"rb");
    while (stream != NULL && !found && fgets(line, sizeof line, stream) != NULL) {
        size_t start = strspn(line, " \t");
        if (strncmp(line + start, "home", 4) != 0) continue;
        start += 4 + strspn(line + start + 4, " \t");
        if (line[start] != '=') continue;
        start += 1 + strspn(line + start + 1, " \t");
        line[start + strcspn(line + start, "\r\n")] = 0;
        wchar_t *home = widen(line + start);
        found = is_in(home, L"");
        free(home);
    }
    if (stream != NULL) fclose(stream);
    return found;
}

/* The library is beside the base interpreter. An environment of the tree's interpreter, or of somebody's, says where that is. */
static bool find_library(void) {
    static wchar_t folder[32768];
    DWORD length = GetModuleFileNameW(NULL, folder, 32768);
    wchar_t *slash = length == 0 || length >= 32768 ? NULL : wcsrchr(folder, L'\\');
    if (slash == NULL) return false;
    *slash = 0;
    return is_in(folder, L"") || is_in(folder, L"..\\python\\") || is_at_home(folder, L"") || is_at_home(folder, L"..\\");
}

/* Load the library, and what it needs from its own folder or the system's. Ends the process if that fails. */
void load_library(void) {
    static wchar_t whole[32768];
    if (!find_library()) refuse(L"its library is not there");
    if (GetFullPathNameW(library_path, 32768, whole, NULL) == 0) refuse(L"the path of its library is too long");
    wcscpy(library_path, whole);
    HMODULE library = LoadLibraryExW(library_path, NULL, LOAD_LIBRARY_SEARCH_DLL_LOAD_DIR | LOAD_LIBRARY_SEARCH_SYSTEM32);
    if (library == NULL) refuse(L"its library cannot be loaded");
    for (size_t i = 0; python_names[i] != NULL; i++) {
        *python_addresses[i] = (void *)GetProcAddress(library, python_names[i]);
        if (*python_addresses[i] == NULL) refuse(L"its library is of another version");
    }
}

/* Return the folder of the library in new memory. */
char *library_folder(void) {
    char *folder = narrow(library_path), *slash = strrchr(folder, '\\');
    if (slash != NULL) *slash = 0;
    return folder;
}
