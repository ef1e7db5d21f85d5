#define _GNU_SOURCE
#include "include/CLinux.h"

int32_t candela_spawn(const char *path, char *const argv[], char *const envp[], const char *directory,
                      int stdin_fd, int stdout_fd, int stderr_fd, bool die_with_parent) {
    int report[2];
    if (pipe2(report, O_CLOEXEC) != 0) return -errno;
    pid_t parent = getpid();
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pid_t child = fork();
    if (child == 0) {
        // Only async-signal-safe calls from here on.
        int error = 0;
        struct sigaction plain;
        memset(&plain, 0, sizeof plain);
        plain.sa_handler = SIG_DFL;
        for (int signal = 1; signal < 32; signal++)
            if (signal != SIGKILL && signal != SIGSTOP) sigaction(signal, &plain, NULL);
        sigset_t none;
        sigemptyset(&none);
        sigprocmask(SIG_SETMASK, &none, NULL);
        setpgid(0, 0);
        if (die_with_parent) {
            prctl(PR_SET_PDEATHSIG, SIGKILL);
            if (getppid() != parent) _exit(125);
        }
        prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
        // The three streams first move out of the way of each other, then into place.
        int in = fcntl(stdin_fd, F_DUPFD, 10), out = fcntl(stdout_fd, F_DUPFD, 10), err = fcntl(stderr_fd, F_DUPFD, 10);
        int back = fcntl(report[1], F_DUPFD, 10);
        if (in < 0 || out < 0 || err < 0 || back < 0 || dup2(in, 0) < 0 || dup2(out, 1) < 0 || dup2(err, 2) < 0 ||
            dup2(back, 3) < 0 || fcntl(3, F_SETFD, FD_CLOEXEC) < 0) {
            error = errno;
        } else {
            if (syscall(SYS_close_range, 4u, ~0u, 0u) != 0)
                for (int fd = 4; fd < 4096; fd++) close(fd);
            if (directory && chdir(directory) != 0) error = errno;
            if (!error) {
                execve(path, argv, envp);
                error = errno;
            }
        }
        ssize_t ignored = write(3, &error, sizeof error);
        (void)ignored;
        _exit(126);
    }
    int saved = errno;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    close(report[1]);
    if (child < 0) {
        close(report[0]);
        return -saved;
    }
    int error = 0;
    ssize_t got;
    do got = read(report[0], &error, sizeof error); while (got < 0 && errno == EINTR);
    close(report[0]);
    if (got == sizeof error && error != 0) {
        while (waitpid(child, NULL, 0) < 0 && errno == EINTR) {}
        return -error;
    }
    return child;
}

int candela_pipe(int *ends, bool non_blocking) {
    return pipe2(ends, O_CLOEXEC | (non_blocking ? O_NONBLOCK : 0)) == 0 ? 0 : errno;
}
