/* Find the tree that this process runs from, and recognise its program: the artifact, given to it as a script. */
#include "windows.h"

#include "../../trailer.h"

/* Return a text in UTF-8, in new memory, or NULL. */
char *narrow(const wchar_t *text) {
    int length = WideCharToMultiByte(CP_UTF8, WC_ERR_INVALID_CHARS, text, -1, NULL, 0, NULL, NULL);
    char *made = length == 0 ? NULL : malloc((size_t)length);
    if (made != NULL) WideCharToMultiByte(CP_UTF8, WC_ERR_INVALID_CHARS, text, -1, made, length, NULL, NULL);
    return made;
}

/* Return the path of something in the tree, in new memory. */
char *below(const struct tree *tree, const char *path) {
    size_t length = strlen(tree->path) + 1 + strlen(path) + 1;
    char *made = malloc(length);
    if (made == NULL) abort();
    snprintf(made, length, "%s\\%s", tree->path, path);
    return made;
}

static bool remove_last(char *path) {
    char *last = strrchr(path, '\\');
    if (last != NULL) *last = 0;
    return last != NULL;
}

/* Find the tree around the folder of this program: it is its Scripts, or the folder of its interpreter. */
bool find_tree(struct tree *tree) {
    static wchar_t file[PATH_MAX];
    DWORD length = GetModuleFileNameW(NULL, file, PATH_MAX);
    char *path = length == 0 || length == PATH_MAX ? NULL : narrow(file);
    bool is_found = path != NULL && strlen(path) < sizeof tree->path && remove_last(path) && remove_last(path);
    if (is_found) strcpy(tree->path, path);
    free(path);
    return is_found;
}

/* Whether a path leads to an artifact of this tree. */
bool leads_to_artifact(const struct archive *archive, const wchar_t *path) {
    struct trailer trailer;
    DWORD length = 0, attributes = GetFileAttributesW(path);
    if (archive->base == NULL || attributes == INVALID_FILE_ATTRIBUTES || (attributes & FILE_ATTRIBUTE_DIRECTORY) != 0) return false;
    const DWORD shared = FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE;
    HANDLE file = CreateFileW(path, GENERIC_READ, shared, NULL, OPEN_EXISTING, 0, NULL);
    if (file == INVALID_HANDLE_VALUE) return false;
    bool is_read = SetFilePointer(file, -(LONG)sizeof trailer, NULL, FILE_END) != INVALID_SET_FILE_POINTER &&
                   ReadFile(file, &trailer, sizeof trailer, &length, NULL) && length == sizeof trailer;
    CloseHandle(file);
    return is_read && memcmp(trailer.magic, TRAILER_MAGIC, sizeof trailer.magic) == 0 &&
           memcmp(trailer.tree_sha256, archive->header->tree_sha256, sizeof trailer.tree_sha256) == 0;
}
