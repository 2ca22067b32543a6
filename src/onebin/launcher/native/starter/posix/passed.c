/* What the launcher has passed on: it gives the open artifact, and the open directory of the tree, which tree.c takes. */
#include "../starter.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/auxv.h>
#endif

#include "../../content.h"
#include "../../trailer.h"

/* Return the first number under which the launcher passes on descriptors, and put the last one into `last`. */
int passed_range(int *last) {
    struct rlimit limit;
    bool is_low = getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur <= LAST_PASSED;
    *last = is_low ? (int)limit.rlim_cur - 1 : LAST_PASSED;
    return is_low ? STDERR_FILENO + 1 : FIRST_PASSED;
}

/* Whether an open file is an artifact of this tree. */
static bool is_artifact(const struct tree *tree, const struct archive *archive, int fd) {
    struct stat status;
    struct trailer trailer;
    const off_t size = (off_t)sizeof trailer;
    if (fstat(fd, &status) != 0 || !S_ISREG(status.st_mode)) return false;
    off_t start = content_end(fd, status.st_size) - size;
    return start >= 0 && pread(fd, &trailer, sizeof trailer, start) == size && is_of_tree(tree, archive, &trailer);
}

/* Whether the launcher has passed on the open file of this tree's artifact, which is closed then. */
bool is_passed_on(const struct tree *tree, const struct archive *archive) {
    int last;
    for (int fd = passed_range(&last); fd <= last; fd++) {
        if (!is_artifact(tree, archive, fd)) continue;
        close(fd);
        return true;
    }
    return false;
}

/* Whether this process has more rights than its user (setuid, setgid, file capabilities). */
bool is_privileged(void) {
#ifdef __linux__
    return getauxval(AT_SECURE) != 0;
#else
    return issetugid();
#endif
}
