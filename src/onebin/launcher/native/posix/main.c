/* Find a place for the payload and execute the program there. */
#include "launcher.h"
#include "../printable.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/uio.h>

extern char **environ;

#define CACHES 3
#define TEMPORARY 3
#define SMALLEST_STACK (256 * 1024)
#define STANDARD_STREAMS 3

/* What the caller set for this process and the program gets back. */
static struct sigaction on_large_file;

/* Open what the caller has closed: a file that gets such a number is what the program prints to. */
static void fill_standard_streams(void) {
    for (int fd = 0; fd < STANDARD_STREAMS; fd++)
        if (fcntl(fd, F_GETFD) < 0 && errno == EBADF) open("/dev/null", O_RDWR);
}

/* Refuse to start with a stack on which not even the messages of the C library can be made. */
static void check_stack(char *name) {
    static char why[] = ": cannot start: the limit of the stack is too low for Python\n  raise it: ulimit -s 8192\n";
    struct iovec line[] = {{name, strlen(name)}, {why, sizeof why - 1}};
    struct rlimit stack;
    if (getrlimit(RLIMIT_STACK, &stack) != 0 || stack.rlim_cur >= SMALLEST_STACK) return;
    make_printable(name);
    (void)!writev(STDERR_FILENO, line, 2);
    _exit(UNUSABLE);
}

/* Let the next program have a descriptor, under a number where the starter looks for it; -1 if there is none. */
static int pass_on(int fd) {
    struct rlimit limit;
    bool is_low = getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur <= LAST_PASSED;
    int passed = fcntl(fd, F_DUPFD, is_low ? STANDARD_STREAMS : FIRST_PASSED);
    if (is_low && passed < 0 && fd >= STANDARD_STREAMS && fcntl(fd, F_SETFD, 0) == 0) return fd;
    if (is_low || passed <= LAST_PASSED) return passed;
    close(passed);
    errno = EMFILE;
    return -1;
}

static void take_back(int passed, int fd) {
    if (passed == fd) fcntl(fd, F_SETFD, FD_CLOEXEC);
    else if (passed >= 0) close(passed);
}

/* Become the tree's interpreter, which holds the lock until it ends. Returns only on failure, with errno set. */
static void execute(const struct artifact *artifact, const struct place *tree, char **argv) {
    char *python = text("%s/bin/%s", tree->path, artifact->trailer.interpreter);
    size_t count = 0;
    while (argv[count] != NULL) count++;
    char **whole = calloc(count + 2, sizeof *whole);
    if (whole == NULL) return;
    whole[0] = python;
    whole[1] = (char *)artifact->started_as;
    memcpy(whole + 2, argv + 1, (count - 1) * sizeof *argv);
    /* Without the lock or the file, the starter opens them itself; what a path leads to is not safe enough for more
     * rights than the user's. */
    int lock = pass_on(tree->fd), file = pass_on(artifact->fd);
    if (file >= 0 || !is_privileged()) {
        trace("becoming %s", python);
        umask(artifact->umask);
        sigaction(SIGXFSZ, &on_large_file, NULL);
        execve(python, whole, environ);
    }
    int why = errno;
    umask(077);
    signal(SIGXFSZ, SIG_IGN);
    take_back(lock, tree->fd);
    take_back(file, artifact->fd);
    errno = why;
}

/* Why each place was unsuitable, for the error message. */
static const char *reasons = "";

static void note(const char *path) {
    const char *why = strerror(errno);
    if (untrusted != NULL) why = text("%s belongs to another user, or others may write to it", untrusted);
    untrusted = NULL;
    if (path == NULL) return;
    trace("%s: %s", path, why);
    reasons = text("%s%s%s: %s", reasons, *reasons ? "; " : "", path, why);
}

int main(int argc, char **argv) {
    struct artifact artifact;
    struct place cache, tree;
    if (argc < 1) return UNUSABLE; /* a start without argv[0] is an attack or a mistake */
    check_stack(argv[0]);
    if (is_privileged()) fill_standard_streams();
    artifact.umask = umask(077); /* files made here are for this user only, whatever the caller's umask */
    sigaction(SIGXFSZ, &(struct sigaction){.sa_handler = SIG_IGN}, &on_large_file); /* an error has a message */
    open_artifact(&artifact, argv[0]);
    trace("this is %s", artifact.path);
    if (artifact.trailer.payload_size == 0) {
        if (open_beside(&artifact, &tree)) execute(&artifact, &tree, argv);
        fail(&artifact, strerror(errno), "this file works only in its folder: copy or build the whole folder again");
    }
    /* A cache belongs to its user. With more rights than the user, do not run what that user can change. */
    for (int candidate = 0; candidate < CACHES && !is_privileged(); candidate++) {
        if (open_cache(&artifact, &cache, candidate) && enter(&artifact, &cache, &tree)) execute(&artifact, &tree, argv);
        note(cache.path);
    }
    for (int candidate = 0; candidate < TEMPORARY; candidate++) {
        if (make_private(&artifact, candidate, &tree)) execute(&artifact, &tree, argv);
        note(tree.path);
    }
    fail(&artifact, reasons, "set ONEBIN_CACHE_DIR to a directory of your own with free space, not mounted noexec");
}
