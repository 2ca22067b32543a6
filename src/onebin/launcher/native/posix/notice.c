/* What a removed tree leaves at its path, a few small files: environments, git hooks and services may still use the path,
 * and whoever starts one is told what to do. onebin.cache.notice writes the same. */
#include "launcher.h"

static void write_file(int directory, const char *path, const void *content, size_t size) {
    int file = openat(directory, path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0700);
    if (file < 0) return;
    if (write(file, content, size) != (ssize_t)size) unlinkat(directory, path, 0);
    close(file);
}

/* Write a shell script that prints a line. */
static void write_script(int directory, const char *line) {
    char *quoted = text("%s", "");
    for (; *line != 0; line++) quoted = *line == '\'' ? text("%s'\\''", quoted) : text("%s%c", quoted, *line);
    char *script = text("#!/bin/sh\nprintf '%%s\\n' '%s' >&2\nexit 127\n", quoted);
    write_file(directory, NOTICE, script, strlen(script));
}

/* Write an ELF library, for the same processor as another, that needs a library whose name is the line. So the dynamic
 * loader prints it to whoever starts a copy of the tree's interpreter (`python -m venv --copies`). */
static void write_library(int tree, int notice, const char *path, const char *line) {
    const uint64_t table = 64 + 2 * 56, names = table + 5 * 16, length = strlen(line) + 2, size = names + length;
    const uint64_t load = 1 | 6ull << 32, dynamic = 2 | 6ull << 32; /* types of segments, readable and writable */
    uint64_t header[8];
    int file = openat(tree, path, O_RDONLY | O_CLOEXEC);
    bool is_elf = file >= 0 && read(file, header, sizeof header) == sizeof header && !memcmp(header, "\177ELF\2\1", 6);
    char *content = is_elf ? calloc(size, 1) : NULL;
    if (file >= 0) close(file);
    if (content == NULL) return;
    const uint64_t whole[] = {
        header[0], header[1], header[2], 0, 64, 0, header[6], 2, /* two segments, which follow; no sections */
        load, 0, 0, 0, size, size, 1 << 16,
        dynamic, table, table, table, names - table, names - table, 8,
        1, 1, 5, names, 10, length, 6, names, 0, 0, /* needed, strings, their size, symbols, the end */
    };
    memcpy(content, whole, sizeof whole);
    memcpy(content + names + 1, line, length - 2);
    write_file(notice, path, content, size);
}

/* Write what the notice has for a folder of the tree: links to the script, or a library in the place of Python's. */
static void write_folder(int tree, int notice, const char *folder, const char *up, const char *line) {
    mkdirat(notice, folder, 0700);
    for (char **names = list_names(tree, folder); *names != NULL; names++) {
        char *path = text("%s/%s", folder, *names);
        if (up != NULL) symlinkat(text("%s/" NOTICE, up), notice, path);
        else if (strncmp(*names, "libpython", strlen("libpython")) == 0) write_library(tree, notice, path, line);
    }
}

/* Leave a notice in the place of a tree of a program that was moved aside. */
void leave_notice(int cache, const char *aside, const char *name, const char *path, const char *program) {
    struct place tree = {cache, aside, path, -1}, notice = {cache, text("%s.notice", aside), path, -1};
    char *line = text("onebin: %s was removed because it was not in use: start the same version of %s to unpack it"
                      " again, or recreate what uses this path (an environment, a git hook, a service)", path, program);
    for (char *end; (end = strchr(line, '\n')) != NULL;) *end = '?';
    if (!open_place(&tree)) return;
    if (faccessat(tree.fd, "bin", F_OK, 0) == 0 && mkdirat(cache, notice.name, 0700) == 0 && open_place(&notice)) {
        mkdirat(notice.fd, "python", 0700);
        write_script(notice.fd, line);
        write_folder(tree.fd, notice.fd, "bin", "..", line);
        write_folder(tree.fd, notice.fd, "python/bin", "../..", line);
        write_folder(tree.fd, notice.fd, "python/lib", NULL, line);
        bool is_written = faccessat(notice.fd, NOTICE, X_OK, 0) == 0;
        if (!is_written || renameat(cache, notice.name, cache, name) != 0) discard(cache, notice.name);
        close(notice.fd);
    }
    close(tree.fd);
}
