/* Look at files, and map one into memory. */
#include "../archive.h"
#include "../../content.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static void take(const struct stat *found, struct status *status) {
#ifdef __APPLE__
    const struct timespec modified = found->st_mtimespec;
#else
    const struct timespec modified = found->st_mtim;
#endif
    *status = (struct status){S_ISREG(found->st_mode), (uint64_t)found->st_size, {modified.tv_sec, modified.tv_nsec}};
}

/* False if nothing is there. */
bool get_file_status(const char *path, struct status *status) {
    struct stat found;
    if (stat(path, &found) != 0) return false;
    take(&found, status);
    return true;
}

/* Return the content of a file, for the life of the process, or NULL. */
const char *map_file(const char *path, struct status *status) {
    struct stat found;
    const char *base = MAP_FAILED;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return NULL;
    if (fstat(fd, &found) == 0 && found.st_size > 0) {
        take(&found, status);
        base = mmap(NULL, (size_t)found.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    }
    close(fd);
    return base == MAP_FAILED ? NULL : base;
}

/* Read the last bytes of a file. Only regular files are opened: others can be opened once. */
bool read_end(const char *path, void *end, size_t size) {
    struct stat status;
    int fd = stat(path, &status) == 0 && S_ISREG(status.st_mode) ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (fd < 0) return false;
    off_t start = fstat(fd, &status) == 0 ? content_end(fd, status.st_size) - (off_t)size : -1;
    bool is_read = start >= 0 && S_ISREG(status.st_mode) && pread(fd, end, size, start) == (ssize_t)size;
    close(fd);
    return is_read;
}
