/* Become the program in an unpacked tree, or run it and clean up behind it. */
#include "launcher.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

/* PyInstaller's boot loader would set the library path and start itself once more: it takes over what it finds set. */
static void prepare_boot_loader(const char *program, const char *internal) {
    char libraries[2 * PATH_MAX];
    const char *inherited = getenv("LD_LIBRARY_PATH");
    if (inherited != NULL && *inherited != 0) {
        setenv("LD_LIBRARY_PATH_ORIG", inherited, 1);
        snprintf(libraries, sizeof libraries, "%s:%s", internal, inherited);
    } else {
        unsetenv("LD_LIBRARY_PATH_ORIG");
        snprintf(libraries, sizeof libraries, "%s", internal);
    }
    setenv("LD_LIBRARY_PATH", libraries, 1);
    setenv("_PYI_ARCHIVE_FILE", program, 1);
    setenv("_PYI_PARENT_PROCESS_LEVEL", "0", 1);
    unsetenv("_PYI_APPLICATION_HOME_DIR");
    unsetenv("_PYI_SPLASH_IPC");
    unsetenv("_PYI_LINUX_PROCESS_NAME");
}

/* The lock goes with the process to its end; far from the numbers that programs are handed descriptors under. */
static void keep_held(const struct place *tree) {
    char number[16];
    int held = fcntl(tree->fd, F_DUPFD, 100);
    if (held < 0) held = fcntl(tree->fd, F_DUPFD, 3);
    snprintf(number, sizeof number, "%d", held);
    setenv("_ONEBIN_HELD", number, 1);
}

static char **with_loader(const char *loader, const char *internal, const char *program, char **argv) {
    size_t count = 0;
    while (argv[count] != NULL) count++;
    char **whole = calloc(count + 8, sizeof *whole);
    if (whole == NULL) return argv;
    size_t next = 0;
    whole[next++] = (char *)loader;
    whole[next++] = "--library-path";
    whole[next++] = (char *)internal;
    whole[next++] = (char *)program;
    for (size_t i = 1; i < count; i++) whole[next++] = argv[i];
    return whole;
}

/* Become the program; returns only if the system refuses, with errno set. */
void become(const struct artifact *artifact, const struct place *tree, char **argv) {
    char program[PATH_MAX + 260], internal[PATH_MAX + 16], loader[PATH_MAX + 100];
    const struct trailer *trailer = &artifact->trailer;
    snprintf(program, sizeof program, "%s/%s", tree->path, trailer->name);
    snprintf(internal, sizeof internal, "%s/_internal", tree->path);
    prepare_boot_loader(program, internal);
    setenv("_ONEBIN_ARTIFACT", artifact->path, 1);
    setenv("_ONEBIN_ARGV0", argv[0] != NULL ? argv[0] : artifact->path, 1);
    keep_held(tree);
    trace("becoming %s", program);
    if (trailer->loader[0] == 0) {
        execve(program, argv, environ);
    } else {
        snprintf(loader, sizeof loader, "%s/%s", internal, trailer->loader);
        execve(loader, with_loader(loader, internal, program, argv), environ);
    }
}

static volatile pid_t child;

static void hand_on(int number) { kill(child, number); }

static void watch(int number, void (*handler)(int)) {
    struct sigaction action = {.sa_handler = handler, .sa_flags = SA_RESTART};
    sigaction(number, &action, NULL);
}

/* End as the child did: with its exit code, or by its signal. */
static noreturn void end_as(int status) {
    if (WIFSIGNALED(status)) {
        watch(WTERMSIG(status), SIG_DFL);
        raise(WTERMSIG(status));
    }
    exit(WEXITSTATUS(status));
}

/* Run the program in a child and remove its tree when it has ended. */
noreturn void run_and_discard(const struct artifact *artifact, const struct place *tree, char **argv) {
    static const int handed_on[] = {SIGTERM, SIGHUP, SIGUSR1, SIGUSR2, SIGWINCH, SIGALRM};
    sigset_t all, before;
    int status = 0;
    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, &before); /* until it is clear who is the child */
    child = fork();
    if (child < 0) {
        int why = errno;
        discard(tree->path);
        fail(artifact, strerror(why), "no process can be started");
    }
    if (child == 0) {
        sigprocmask(SIG_SETMASK, &before, NULL);
        become(artifact, tree, argv);
        fail(artifact, strerror(errno), "its program cannot be run");
    }
    /* A terminal sends these to the whole process group, so the child has them already. */
    watch(SIGINT, SIG_IGN);
    watch(SIGQUIT, SIG_IGN);
    for (size_t i = 0; i < sizeof handed_on / sizeof *handed_on; i++) watch(handed_on[i], hand_on);
    sigprocmask(SIG_SETMASK, &before, NULL);
    while (waitpid(child, &status, 0) < 0 && errno == EINTR) {}
    discard(tree->path);
    end_as(status);
}
