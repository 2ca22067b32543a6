/* Look at files, and map one into memory. Moments are what Windows has: 100 ns since 1601. */
#include "../starter.h"

#include "win.h"

static struct moment moment_of(FILETIME time) {
    return (struct moment){(int64_t)((uint64_t)time.dwHighDateTime << 32 | time.dwLowDateTime), 0};
}

/* False if nothing is there. */
bool get_file_status(const char *path, struct status *status) {
    WIN32_FILE_ATTRIBUTE_DATA found;
    wchar_t *wide = widen(path);
    bool is_there = GetFileAttributesExW(wide, GetFileExInfoStandard, &found) != 0;
    free(wide);
    if (is_there)
        *status = (struct status){(found.dwFileAttributes & FILE_ATTRIBUTE_DIRECTORY) == 0,
                                  (uint64_t)found.nFileSizeHigh << 32 | found.nFileSizeLow,
                                  moment_of(found.ftLastWriteTime)};
    return is_there;
}

static HANDLE open_file(const char *path) {
    const DWORD share = FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE;
    wchar_t *wide = widen(path);
    HANDLE file = CreateFileW(wide, GENERIC_READ, share, NULL, OPEN_EXISTING, 0, NULL);
    free(wide);
    return file;
}

/* Return the content of a file, for the life of the process, or NULL. */
const char *map_file(const char *path, struct status *status) {
    HANDLE file = open_file(path);
    const char *base = NULL;
    if (file == INVALID_HANDLE_VALUE) return NULL;
    HANDLE mapping = get_file_status(path, status) ? CreateFileMappingW(file, NULL, PAGE_READONLY, 0, 0, NULL) : NULL;
    if (mapping != NULL) {
        base = MapViewOfFile(mapping, FILE_MAP_READ, 0, 0, 0);
        CloseHandle(mapping);
    }
    CloseHandle(file);
    return base;
}

/* Read the last bytes of a file. */
bool read_end(const char *path, void *end, size_t size) {
    struct status status;
    DWORD got = 0;
    if (!get_file_status(path, &status) || !status.is_file || status.size < size) return false;
    HANDLE file = open_file(path);
    if (file == INVALID_HANDLE_VALUE) return false;
    LARGE_INTEGER start = {.QuadPart = (int64_t)(status.size - size)};
    bool is_read = SetFilePointerEx(file, start, NULL, FILE_BEGIN) && ReadFile(file, end, (DWORD)size, &got, NULL);
    CloseHandle(file);
    return is_read && got == size;
}
