/* Find the tree that this process runs from, and hold it while the process lives. */
#include "../starter.h"

#include "win.h"

#include <stdio.h>

#include "../../printable.h"
#include "../../trailer.h"

#define LIBRARY_DIR "\\" HOME
#define SELDOM (3600 * 10000000ll) /* within which a use of the tree is not noted again, in units of 100 ns */

_Noreturn void fail(const struct tree *tree, const char *what, const char *remedy) {
    char *line;
    if (asprintf(&line, "onebin: cannot start %s: %s\n  %s\n", tree->path, what, remedy) < 0) abort();
    fputs(make_printable(line), stderr);
    exit(UNUSABLE);
}

/* Return the path of something in the tree, in new memory. */
char *below(const struct tree *tree, const char *path) {
    char *joined;
    if (asprintf(&joined, "%s%c%s", tree->path, SEPARATOR, path) < 0) abort();
    for (char *slash = joined + strlen(tree->path); (slash = strchr(slash, '/')) != NULL;) *slash = SEPARATOR;
    return joined;
}

/* Find the tree by Python's library: a copy of this executable in an environment uses the same one. */
bool find_tree(struct tree *tree) {
    struct status status;
    char *folder = library_folder();
    size_t length = strlen(folder), tail = strlen(LIBRARY_DIR);
    bool is_there = length > tail && length < sizeof tree->path && strcmp(folder + length - tail, LIBRARY_DIR) == 0;
    if (is_there) {
        memcpy(tree->path, folder, length - tail);
        char *code = below(tree, "code.bin");
        is_there = get_file_status(code, &status);
        free(code);
    }
    free(folder);
    return is_there;
}

static HANDLE open_folder(const char *path, DWORD access, DWORD share) {
    wchar_t *wide = widen(path);
    HANDLE folder = CreateFileW(wide, access, share, NULL, OPEN_EXISTING, FILE_FLAG_BACKUP_SEMANTICS, NULL);
    free(wide);
    return folder;
}

static bool identify(HANDLE folder, uint64_t *device, uint64_t *inode, int64_t *used) {
    BY_HANDLE_FILE_INFORMATION found;
    if (folder == INVALID_HANDLE_VALUE || !GetFileInformationByHandle(folder, &found)) return false;
    *device = found.dwVolumeSerialNumber;
    *inode = (uint64_t)found.nFileIndexHigh << 32 | found.nFileIndexLow;
    *used = (int64_t)((uint64_t)found.ftLastWriteTime.dwHighDateTime << 32 | found.ftLastWriteTime.dwLowDateTime);
    return true;
}

/* Keep the tree's folder open, so that nobody can rename it, and remove it, while this process lives. */
void hold(struct tree *tree) {
    HANDLE folder = open_folder(tree->path, FILE_LIST_DIRECTORY, FILE_SHARE_READ | FILE_SHARE_WRITE);
    if (!identify(folder, &tree->device, &tree->inode, &tree->used))
        fail(tree, "its folder cannot be opened", "start the program again; it unpacks itself");
}

/* Whether a path leads to the tree. */
bool is_tree(const struct tree *tree, const char *path) {
    uint64_t device, inode;
    int64_t used;
    HANDLE folder = open_folder(path, 0, FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE);
    bool is_same = identify(folder, &device, &inode, &used) && device == tree->device && inode == tree->inode;
    if (folder != INVALID_HANDLE_VALUE) CloseHandle(folder);
    return is_same;
}

/* Whether this process is an interpreter in the tree's own folder of programs. What it was called by does not matter. */
bool is_in_bin(const struct tree *tree, const char *argv0) {
    static wchar_t file[32768];
    (void)argv0;
    GetModuleFileNameW(NULL, file, 32768);
    char *own = narrow(file), *slash = strrchr(own, '\\');
    if (slash != NULL) *slash = 0;
    char *up = slash == NULL ? NULL : strrchr(own, '\\');
    bool is_programs = up != NULL && _stricmp(up + 1, PROGRAMS) == 0;
    if (is_programs) *up = 0;
    is_programs = is_programs && is_tree(tree, own);
    free(own);
    return is_programs;
}

/* Note this use of a tree, so that the launcher's sweep keeps what is in use. Windows does not say who started a process in a
 * way that can be relied on: each start that does not run the program counts as one from outside. */
void note_use(const struct tree *tree, const char *argv0, bool is_program) {
    FILETIME now;
    struct status status;
    (void)argv0;
    GetSystemTimeAsFileTime(&now);
    int64_t moment = (int64_t)((uint64_t)now.dwHighDateTime << 32 | now.dwLowDateTime);
    char *mark = below(tree, OUTSIDE), *complete = below(tree, ".complete");
    bool is_unpacked = get_file_status(complete, &status);
    bool is_recent = get_file_status(mark, &status) && moment - status.modified.seconds < SELDOM;
    if (is_unpacked && moment - tree->used > SELDOM) {
        HANDLE folder = open_folder(tree->path, FILE_WRITE_ATTRIBUTES, FILE_SHARE_READ | FILE_SHARE_WRITE);
        if (folder != INVALID_HANDLE_VALUE) SetFileTime(folder, NULL, NULL, &now), CloseHandle(folder);
    }
    if (is_unpacked && !is_program && !is_recent) {
        wchar_t *wide = widen(mark);
        HANDLE file = CreateFileW(wide, GENERIC_WRITE, FILE_SHARE_READ | FILE_SHARE_WRITE, NULL, OPEN_ALWAYS, 0, NULL);
        if (file != INVALID_HANDLE_VALUE) SetFileTime(file, NULL, NULL, &now), CloseHandle(file);
        free(wide);
    }
    free(mark);
    free(complete);
}

/* Whether pyvenv.cfg says where the tree's interpreter is now; it does not in a folder that its user has moved. */
bool has_home(const struct tree *tree) {
    static char line[LONGEST_PATH];
    bool found = false;
    char *file = below(tree, "pyvenv.cfg"), *home = below(tree, HOME);
    wchar_t *wide = widen(file);
    FILE *stream = _wfopen(wide, L"rb");
    while (stream != NULL && !found && fgets(line, sizeof line, stream) != NULL) {
        line[strcspn(line, "\r\n")] = 0;
        found = strncmp(line, "home = ", strlen("home = ")) == 0 && strcmp(line + strlen("home = "), home) == 0;
    }
    if (stream != NULL) fclose(stream);
    free(wide);
    free(file);
    free(home);
    return found;
}
