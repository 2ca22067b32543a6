/* Find the artifact's file and read its trailer. */
#include "launcher.h"
#include "../content.h"
#include "../printable.h"

#include <stdarg.h>
#include <time.h>
#ifdef __linux__
#include <sys/auxv.h>
#endif
#ifdef __APPLE__
#include <mach-o/dyld.h>
#define NO_OWN_FILE "macOS opens no program's own file, so this one cannot be trusted", "remove setuid and setgid from it"
#else
#define NO_OWN_FILE "/proc is not there, so its own file cannot be trusted", "mount /proc"
#endif

noreturn void fail(const struct artifact *artifact, const char *what, const char *remedy) {
    fputs(make_printable(text("%s: cannot start: %s\n  %s\n", artifact->path, what, remedy)), stderr);
    exit(UNUSABLE);
}

/* Print a line if ONEBIN_TRACE is set, with the monotonic clock's time in seconds. */
void trace(const char *format, ...) {
    const char *wanted = getenv("ONEBIN_TRACE");
    if (wanted == NULL || *wanted == 0) return;
    va_list arguments;
    struct timespec now;
    char *line;
    clock_gettime(CLOCK_MONOTONIC, &now);
    va_start(arguments, format);
    if (vasprintf(&line, format, arguments) < 0) abort();
    va_end(arguments);
    fprintf(stderr, "onebin: %lld.%06ld launcher: %s\n", (long long)now.tv_sec, now.tv_nsec / 1000, make_printable(line));
    free(line);
}

/* Format like printf, and return the text in new memory. */
char *text(const char *format, ...) {
    va_list arguments;
    char *made;
    va_start(arguments, format);
    if (vasprintf(&made, format, arguments) < 0) abort();
    va_end(arguments);
    return made;
}

/* Whether a text is UTF-8 (RFC 3629), but for the few sequences that are well-formed and not allowed. */
bool is_utf8(const char *text) {
    for (const unsigned char *byte = (const unsigned char *)text; *byte != 0; byte++) {
        int more = *byte < 0x80 ? 0 : *byte < 0xc2 ? -1 : *byte < 0xe0 ? 1 : *byte < 0xf0 ? 2 : *byte < 0xf5 ? 3 : -1;
        if (more < 0) return false;
        for (; more > 0; more--)
            if ((*++byte & 0xc0) != 0x80) return false;
    }
    return true;
}

/* Whether this process has more rights than its user (setuid, setgid, file capabilities). */
bool is_privileged(void) {
#ifdef __linux__
    if (getauxval(AT_SECURE)) return true;
#endif
#ifdef __APPLE__
    if (issetugid()) return true;
#endif
    return getuid() != geteuid() || getgid() != getegid();
}

/* The path by which this program was executed, says the kernel. The interpreter of a script gets that of the script in
 * the same way. */
static const char *execution_path(const char *argv0) {
#ifdef __linux__
    const char *path = (const char *)getauxval(AT_EXECFN);
    if (path != NULL) return path;
#endif
#ifdef __APPLE__
    static char path[PATH_MAX];
    uint32_t size = sizeof path;
    if (_NSGetExecutablePath(path, &size) == 0) return path;
#endif
    return argv0;
}

/* Whether Python can use a tree below a path: since 3.12, it imports extension modules only from one that is UTF-8, and the
 * dynamic loader replaces some names in the path of whatever it loads (ld.so(8)). */
bool can_import_from(const struct artifact *artifact, const char *path) {
    static const char *const replaced[] = {"$ORIGIN", "$LIB", "$PLATFORM", "${"};
    for (size_t i = 0; i < sizeof replaced / sizeof *replaced; i++)
        if (strstr(path, replaced[i]) != NULL) return false;
    const char *name = artifact->trailer.interpreter;
    return (strncmp(name, "python3.", 8) == 0 && atoi(name + 8) < 12) || is_utf8(path);
}

/* Open this program's file. The system opens it, not a path: in between, somebody could exchange the file at a path.
 * Without /proc, as on macOS, there is only the path, which must not decide what code a privileged program runs. */
static void open_own_file(struct artifact *artifact) {
    static char path[PATH_MAX];
    const char *started_as = artifact->started_as;
    artifact->path = path;
#ifdef __linux__
    ssize_t length = readlink("/proc/self/exe", path, sizeof path - 1);
    artifact->fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    if (artifact->fd >= 0 || length > 0) return;
#endif
    if (started_as == NULL || realpath(started_as, path) == NULL) artifact->path = "artifact";
    if (is_privileged()) fail(artifact, NO_OWN_FILE);
    artifact->fd = open(artifact->path, O_RDONLY | O_CLOEXEC);
}

/* Whether a name is one that a manifest allows: letters, digits and . _ -, and neither of the last at its ends. */
static bool is_plain_name(const char *name, size_t size) {
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
    const char *end = memchr(name, 0, size);
    return end != NULL && end != name && strchr(letters, name[0]) != NULL && strchr(letters, end[-1]) != NULL &&
           strspn(name, text("%s._-", letters)) == (size_t)(end - name);
}

/* Whether there is a file at a path, and it is another one. */
static bool is_other(const char *path, const struct stat *status) {
    struct stat named;
    return stat(path, &named) == 0 && (named.st_ino != status->st_ino || named.st_dev != status->st_dev);
}

static bool is_whole(const struct trailer *trailer, uint64_t size) {
    return memcmp(trailer->magic, TRAILER_MAGIC, sizeof trailer->magic) == 0 && trailer->payload_offset <= size &&
           trailer->payload_size <= size - trailer->payload_offset &&
           is_plain_name(trailer->name, sizeof trailer->name) &&
           is_plain_name(trailer->interpreter, sizeof trailer->interpreter);
}

void open_artifact(struct artifact *artifact, const char *argv0) {
    struct stat status;
    struct trailer *trailer = &artifact->trailer;
    artifact->started_as = execution_path(argv0);
    open_own_file(artifact);
    if (artifact->fd < 0 || fstat(artifact->fd, &status) != 0)
        fail(artifact, strerror(errno), "running this file also needs permission to read it");
    /* The kernel names the script if this program is itself the interpreter in a #! line; that line then is argv[0]. */
    if (is_other(artifact->started_as, &status)) artifact->started_as = argv0;
    off_t start = content_end(artifact->fd, status.st_size) - (off_t)sizeof *trailer;
    if (start < 0 || pread(artifact->fd, trailer, sizeof *trailer, start) != (ssize_t)sizeof *trailer ||
        !is_whole(trailer, (uint64_t)start))
        fail(artifact, "the file is damaged or truncated", "download or build it again");
    /* A file name has at most 255 bytes; the names of drafts and private directories add to the label. */
    artifact->label = text("%.180s-", trailer->name);
    artifact->stem = strlen(artifact->label);
    for (int i = 0; i < 16; i++) artifact->label = text("%s%02x", artifact->label, trailer->payload_sha256[i]);
}
