/* Tell an installation where it is.
 *
 * Each line of the file `relocate` in a tree is PATH, OFFSET, SIZE and TEXT, separated by tabs: the text, with the tree's
 * path in place of its "@", replaces that many bytes of the file, and what is left of them becomes zero. If the size is 0,
 * the text is the file's last line. Bytes for which the text is too long, or that cannot have the path, stay as they are:
 * this works, but not for a copy of the file in another directory. */
#include "launcher.h"

#define LIST "relocate"
#define LONGEST 65536

/* Write all of a content at an offset; false sets errno. */
bool write_all(int file, const char *content, size_t size, off_t offset) {
    while (size > 0) {
        ssize_t written = pwrite(file, content, size, offset);
        if (written <= 0) return false;
        content += written, offset += written, size -= (size_t)written;
    }
    return true;
}

static bool replace(int directory, const char *name, off_t offset, size_t size, const char *content) {
    size_t length = strlen(content);
    if (size > 0 && length >= size) {
        trace("%s: the path of this directory is too long for it", name);
        return true;
    }
    int file = openat(directory, name, O_WRONLY | O_NOFOLLOW | O_CLOEXEC);
    if (file < 0) return false;
    char *zeros = calloc(size + 1, 1);
    bool done = zeros != NULL && write_all(file, content, length, offset);
    if (size > 0)
        done = done && write_all(file, zeros, size - length, offset + (off_t)length);
    else
        done = done && write_all(file, "\n", 1, offset + (off_t)length) &&
               ftruncate(file, offset + (off_t)length + 1) == 0;
    free(zeros);
    return close(file) == 0 && done;
}

/* Write a tree's path into its files, and correct their lines in its list. */
bool relocate(int directory, const char *path, char *list_of_tree) {
    static char list[LONGEST];
    int file = openat(directory, LIST, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (file < 0) return false;
    ssize_t size = read(file, list, sizeof list - 1);
    close(file);
    if (size < 0) return false;
    list[size] = 0;
    for (char *line = list, *next; (next = strchr(line, '\n')) != NULL; line = next + 1) {
        *next = 0;
        char *offset = strchr(line, '\t'), *length = offset ? strchr(offset + 1, '\t') : NULL;
        char *content = length ? strchr(length + 1, '\t') : NULL;
        errno = EINVAL;
        if (content == NULL) return false;
        *offset++ = *length++ = *content++ = 0;
        char *here = strchr(content, '@');
        char *made = here ? text("%.*s%s%s", (int)(here - content), content, path, here + 1) : content;
        size_t room = strtoull(length, NULL, 10);
        if (room > 0 && strchr(path, ':') != NULL) continue; /* the dynamic loader would split the path */
        if (room == 0 && !is_utf8(made)) continue; /* Python reads pyvenv.cfg as UTF-8 */
        if (!replace(directory, line, strtoll(offset, NULL, 10), room, made)) return false;
        if (!list_again(directory, list_of_tree, line)) return false;
    }
    /* Of the modules, everything that is newer than this file was changed after the tree was unpacked. */
    return utimensat(directory, CODE, NULL, 0) == 0;
}

/* Whether a tree is still where it was unpacked, by any path. It is not if somebody has moved or copied the cache. */
bool is_in_place(int directory) {
    static char settings[LONGEST];
    struct stat here, there;
    int file = openat(directory, "pyvenv.cfg", O_RDONLY | O_CLOEXEC);
    ssize_t size = file < 0 ? 0 : read(file, settings, sizeof settings - 1);
    if (file >= 0) close(file);
    settings[size < 0 ? 0 : size] = 0;
    char *home = strstr(settings, "\nhome = /"), *end = home ? strstr(home, "/python/bin\n") : NULL;
    if (end == NULL) return true; /* relative */
    *end = 0, home = strchr(home, '/');
    return stat(home, &there) == 0 && fstat(directory, &here) == 0 && here.st_ino == there.st_ino &&
           here.st_dev == there.st_dev;
}
