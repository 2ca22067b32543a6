/* Files of POSIX systems: what is known of one, and one in memory. */
#include "starter.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static struct status status_from(const struct stat *found) {
#ifdef __APPLE__
    const struct timespec *modified = &found->st_mtimespec;
#else
    const struct timespec *modified = &found->st_mtim;
#endif
    return (struct status){
        .is_regular = S_ISREG(found->st_mode),
        .size = (uint64_t)found->st_size,
        .modified = (int64_t)modified->tv_sec * 1000000000 + modified->tv_nsec,
    };
}

/* Set the status of a file. False if it is not there, or with an exception set. */
bool get_status(PyObject *path, struct status *status) {
    struct stat found;
    PyObject *bytes = PyUnicode_EncodeFSDefault(path);
    if (bytes == NULL) {
        if (PyErr_ExceptionMatches(PyExc_UnicodeError)) PyErr_Clear(); /* no file can have such a name */
        return false;
    }
    bool is_there = stat(PyBytes_AS_STRING(bytes), &found) == 0;
    Py_DECREF(bytes);
    if (is_there) *status = status_from(&found);
    return is_there;
}

const char *map_file(const char *file, struct status *status) {
    struct stat found;
    void *base = MAP_FAILED;
    int fd = open(file, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return NULL;
    if (fstat(fd, &found) == 0 && found.st_size > 0) base = mmap(NULL, (size_t)found.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    close(fd);
    if (base == MAP_FAILED) return NULL;
    *status = status_from(&found);
    return base;
}
