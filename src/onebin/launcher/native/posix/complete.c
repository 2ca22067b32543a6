/* Whether a tree is complete. Its file `.complete` is written last and removed first:
 *
 *     BOOT INODE SUM
 *     KIND SIZE SUM PATH
 *     ...
 *
 * The first line has the boot of the machine in which the tree was unpacked, the file's own inode, and the sum of the other
 * lines; these are the files ("f") and symbolic links ("l") of the tree. Nothing waits until they are on the disk. After
 * another boot, they are compared with the list once, and after each day their sizes are. */
#include "launcher.h"

#include <time.h>
#ifdef __APPLE__
#include <sys/sysctl.h>
#endif

#define IDENTITY 36
#define HEADER (IDENTITY + 1 + 20 + 1 + 16 + 1)
#define PREFIX (1 + 1 + 20 + 1 + 16 + 1) /* what comes before the path in a line */
#define CHECKED "------------------------------------" /* in the place of a boot: compared after another one */
#define UNKNOWN "????????????????????????????????????"

struct entry {
    char kind;
    unsigned long long size, sum;
    const char *path;
};

struct header {
    char boot[IDENTITY + 1];
    unsigned long long inode, sum;
};

/* Return what identifies this boot of the machine. */
const char *boot_id(void) {
    static char id[IDENTITY + 1];
    if (id[0] != 0) return id;
#ifdef __APPLE__
    struct timeval time = {0};
    size_t size = sizeof time;
    if (sysctlbyname("kern.boottime", &time, &size, NULL, 0) == 0)
        snprintf(id, sizeof id, "%08llx%028llx", (long long)time.tv_sec & 0xffffffff, (long long)time.tv_usec);
#else
    int file = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
    if (file >= 0 && read(file, id, IDENTITY) != IDENTITY) id[0] = 0;
    if (file >= 0) close(file);
#endif
    if (id[0] == 0) strcpy(id, UNKNOWN);
    return id;
}

/* Return the content of an open file, with a NUL after it, or NULL. */
static char *read_file(int file, size_t *size) {
    struct stat status;
    if (fstat(file, &status) != 0 || !S_ISREG(status.st_mode)) return NULL;
    char *content = calloc((size_t)status.st_size + 1, 1);
    size_t done = 0;
    for (ssize_t got = 1; content != NULL && got > 0 && done < (size_t)status.st_size; done += (size_t)(got > 0 ? got : 0))
        got = pread(file, content + done, (size_t)status.st_size - done, (off_t)done);
    *size = done;
    return content;
}

/* Read the first line of a list, of which at least HEADER bytes are there, and then a NUL at some place. */
static bool read_header(const char *line, struct header *header) {
    char *end;
    memcpy(header->boot, line, IDENTITY);
    header->boot[IDENTITY] = 0;
    header->inode = strtoull(line + IDENTITY, &end, 10);
    if (end != line + IDENTITY + 1 + 20) return false;
    header->sum = strtoull(end, &end, 16);
    return end == line + HEADER - 1 && *end == '\n';
}

/* Read the first line of a tree's list; false if it says nothing. */
static bool read_mark(int tree, struct header *header, struct stat *status) {
    char line[HEADER + 1] = {0};
    int file = openat(tree, COMPLETE, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    bool is_read = file >= 0 && fstat(file, status) == 0 && read(file, line, HEADER) == HEADER &&
                   read_header(line, header);
    if (file >= 0) close(file);
    return is_read;
}

/* Whether a tree says that it is complete. After a power failure it may not even say that. */
bool is_complete(int tree) {
    struct header header;
    struct stat status;
    return read_mark(tree, &header, &status);
}

/* Whether a tree was unpacked in this boot, or compared with its list after that. */
static bool is_this_boot(const struct header *header) {
    return strcmp(header->boot, CHECKED) == 0 || (strcmp(header->boot, boot_id()) == 0 && boot_id()[0] != '?');
}

/* Take the next line from a list; false at its end, or if it is not a line. */
static bool next_entry(char **list, struct entry *entry) {
    char *line = *list, *end = strchr(line, '\n');
    if (end == NULL || end - line <= PREFIX) return false;
    *end = 0;
    *entry = (struct entry){line[0], strtoull(line + 2, NULL, 10), strtoull(line + 2 + 21, NULL, 16), line + PREFIX};
    *list = end + 1;
    return true;
}

/* Return the sum of a file in a tree; false if it cannot be read. */
static bool sum_of(int tree, const char *path, unsigned long long *sum, size_t *size) {
    int file = openat(tree, path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    char *content = file < 0 ? NULL : read_file(file, size);
    if (file >= 0) close(file);
    if (content == NULL) return false;
    *sum = onebin_sum(content, *size);
    free(content);
    return true;
}

/* Correct the line of a file that was changed after it was unpacked. */
bool list_again(int tree, char *list, const char *path) {
    unsigned long long sum = 0;
    size_t size = 0;
    char *ending = text(" %s\n", path);
    if (!sum_of(tree, path, &sum, &size)) return false;
    for (char *at = list; (at = strstr(at, ending)) != NULL; at++) {
        char *line = at + 1 - PREFIX;
        if (line >= list && (line == list || line[-1] == '\n'))
            memcpy(line, text("f %20llu %016llx ", (unsigned long long)size, sum), PREFIX);
    }
    return true;
}

/* Mark a tree as complete, with the list of what was unpacked. */
bool complete(int tree, const char *list) {
    struct stat status;
    int file = openat(tree, UNPACKING, O_WRONLY | O_NOFOLLOW | O_CLOEXEC);
    if (file < 0 || fstat(file, &status) != 0) return false;
    char *whole = text("%s %20llu %016llx\n%s", boot_id(), (unsigned long long)status.st_ino,
                       (unsigned long long)onebin_sum(list, strlen(list)), list);
    bool is_written = write_all(file, whole, strlen(whole), 0);
    return close(file) == 0 && is_written && renameat(tree, UNPACKING, tree, COMPLETE) == 0;
}

static const struct timespec *modified(const struct stat *status) {
#ifdef __APPLE__
    return &status->st_mtimespec;
#else
    return &status->st_mtim;
#endif
}

static bool is_newer(const struct timespec *one, const struct timespec *other) {
    return one->tv_sec > other->tv_sec || (one->tv_sec == other->tv_sec && one->tv_nsec > other->tv_nsec);
}

/* Whether a file of a tree is as it was unpacked, or newer than code.bin: then its user has changed it. */
static bool is_same(int tree, const struct entry *entry, const struct timespec *unpacked, bool by_content) {
    struct stat status;
    unsigned long long sum;
    size_t size;
    if (fstatat(tree, entry->path, &status, AT_SYMLINK_NOFOLLOW) != 0) return false;
    if (is_newer(modified(&status), unpacked)) return true;
    bool is_kind = entry->kind == 'l' ? S_ISLNK(status.st_mode) : S_ISREG(status.st_mode);
    if (!is_kind || (unsigned long long)status.st_size != entry->size) return false;
    return !by_content || entry->kind == 'l' || (sum_of(tree, entry->path, &sum, &size) && sum == entry->sum);
}

/* Whether the user has installed distributions into a tree. Then whatever is missing there may have been removed. */
static bool is_changed(const struct artifact *artifact, int tree, const char *list) {
    char *folder = text("lib/%s/site-packages", artifact->trailer.interpreter);
    for (char **name = list_names(tree, folder); *name != NULL; name++)
        if (strstr(*name, ".dist-info") != NULL && strstr(list, text(" %s/%s/", folder, *name)) == NULL) return true;
    return false;
}

/* Move a file from a draft into a tree, with the folders above it. */
static bool move(const char *path, int tree, int draft, const struct timespec *time) {
    const struct timespec times[] = {*time, *time};
    utimensat(draft, path, times, AT_SYMLINK_NOFOLLOW);
    for (const char *slash = path; (slash = strchr(slash, '/')) != NULL; slash++)
        mkdirat(tree, text("%.*s", (int)(slash - path), path), 0700);
    return renameat(draft, path, tree, path) == 0;
}

/* Count what differs between a tree and a list, which is used up. From a draft, if there is one, move it into the tree. */
static size_t compare(const struct artifact *artifact, int tree, int draft, char *list, bool by_content) {
    struct stat code;
    struct entry entry;
    size_t count = 0;
    if (fstatat(tree, CODE, &code, 0) != 0) return 1;
    const struct timespec unpacked = *modified(&code);
    const char *whole = text("%s", list);
    int is_users = -1;
    while (next_entry(&list, &entry)) {
        if (is_same(tree, &entry, &unpacked, by_content)) continue;
        if (is_users < 0) is_users = is_changed(artifact, tree, whole);
        if (is_users && strncmp(entry.path, "lib/", strlen("lib/")) == 0) continue;
        if (draft < 0 || move(entry.path, tree, draft, &unpacked)) count++;
    }
    return count;
}

/* Open the list of a tree and return it, without the header; NULL if it is not whole. */
static char *open_list(int tree, int *file, struct header *header) {
    size_t size = 0;
    *file = openat(tree, COMPLETE, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
    if (*file < 0) *file = openat(tree, COMPLETE, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    char *content = *file < 0 ? NULL : read_file(*file, &size);
    if (content == NULL || size <= HEADER || !read_header(content, header)) return NULL;
    return onebin_sum(content + HEADER, size - HEADER) == header->sum ? content + HEADER : NULL;
}

/* Whether everything is there that was unpacked: looked at once after another boot, and once a day. */
bool is_sound(const struct artifact *artifact, int tree) {
    struct header header;
    struct stat status;
    int file;
    if (read_mark(tree, &header, &status) && is_this_boot(&header) && labs(time(NULL) - status.st_mtime) < DAY) return true;
    char *list = open_list(tree, &file, &header);
    bool is_same_boot = list != NULL && is_this_boot(&header);
    bool is_whole = list != NULL && fstat(file, &status) == 0 &&
                    /* A tree that was copied, as in an image, has another inode: its content came from a disk. */
                    compare(artifact, tree, -1, list, !is_same_boot && header.inode == status.st_ino) == 0;
    const char *now = list != NULL && strcmp(header.boot, UNKNOWN) == 0 ? boot_id() : CHECKED;
    if (is_whole && !is_same_boot && boot_id()[0] != '?') write_all(file, now, IDENTITY, 0); /* or look again next time */
    if (is_whole) futimens(file, NULL);
    if (file >= 0) close(file);
    return is_whole;
}

/* Move what is missing or damaged in a tree there from a complete draft, and mark the tree as complete. Returns how many
 * files that were. */
size_t restore(const struct artifact *artifact, int tree, int draft) {
    struct header header;
    int file;
    char *list = open_list(draft, &file, &header), *again = list == NULL ? NULL : text("%s", list);
    size_t count = list == NULL ? 0 : compare(artifact, tree, draft, list, true);
    if (file >= 0) close(file);
    if (list != NULL && compare(artifact, tree, -1, again, true) == 0) renameat(draft, COMPLETE, tree, COMPLETE);
    return count;
}
