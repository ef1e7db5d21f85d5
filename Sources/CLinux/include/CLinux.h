// Calls of Linux that Swift cannot make by itself: variadic ioctls, macros and the
// careful work between fork and exec. Nothing here keeps state.
#pragma once
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/timex.h>
#include <sys/types.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>
#include <dirent.h>
#include <grp.h>
#include <linux/serial.h>
#include <linux/tty_flags.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif
#include <netinet/in.h>
#include <stdio.h>
#include <pwd.h>

/// Nanoseconds since boot, counting time asleep (CLOCK_BOOTTIME).
static inline int64_t candela_boottime_nanoseconds(void) {
    struct timespec t;
    clock_gettime(CLOCK_BOOTTIME, &t);
    return (int64_t)t.tv_sec * 1000000000LL + t.tv_nsec;
}

/// Nanoseconds since 1970 (CLOCK_REALTIME).
static inline int64_t candela_realtime_nanoseconds(void) {
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (int64_t)t.tv_sec * 1000000000LL + t.tv_nsec;
}

/// Asks the kernel for exclusive use of a terminal; 0 or an errno.
static inline int candela_tty_exclusive(int fd) { return ioctl(fd, TIOCEXCL) == 0 ? 0 : errno; }
static inline int candela_tty_shared(int fd) { return ioctl(fd, TIOCNXCL) == 0 ? 0 : errno; }
/// Bytes waiting to be read, or -1.
static inline int candela_bytes_waiting(int fd) { int n = 0; return ioctl(fd, FIONREAD, &n) == 0 ? n : -1; }

/// The kernel switches an RS-485 transceiver's direction by the RTS line (TIOCSRS485); delays in milliseconds. 0 or an errno.
static inline int candela_tty_rs485(int fd, bool rts_on_send, uint32_t delay_before, uint32_t delay_after) {
    struct serial_rs485 settings;
    memset(&settings, 0, sizeof settings);
    settings.flags = SER_RS485_ENABLED | (rts_on_send ? SER_RS485_RTS_ON_SEND : SER_RS485_RTS_AFTER_SEND);
    settings.delay_rts_before_send = delay_before;
    settings.delay_rts_after_send = delay_after;
    return ioctl(fd, TIOCSRS485, &settings) == 0 ? 0 : errno;
}
/// Bytes are handed over at once instead of collected (ASYNC_LOW_LATENCY); 0 or an errno.
static inline int candela_tty_low_latency(int fd) {
    struct serial_struct settings;
    memset(&settings, 0, sizeof settings);
    if (ioctl(fd, TIOCGSERIAL, &settings) != 0) return errno;
    if (settings.flags & ASYNC_LOW_LATENCY) return 0;
    settings.flags |= ASYNC_LOW_LATENCY;
    return ioctl(fd, TIOCSSERIAL, &settings) == 0 ? 0 : errno;
}
/// How late the kernel may wake the calling thread to save power: 50000 ns unless told.
static inline void candela_timer_slack(unsigned long nanoseconds) { prctl(PR_SET_TIMERSLACK, nanoseconds, 0, 0, 0); }

/// poll(2) with a limit in nanoseconds instead of milliseconds; -1 and errno as poll(2).
static inline int candela_poll(struct pollfd *waits, unsigned long count, int64_t nanoseconds) {
    struct timespec limit = {.tv_sec = nanoseconds / 1000000000LL, .tv_nsec = nanoseconds % 1000000000LL};
    return (int)syscall(SYS_ppoll, waits, count, &limit, NULL, (size_t)8);
}

/// What the kernel says of the clock: 0 synchronised, 1 not, -1 unknown; the estimated error in microseconds goes to `error`.
static inline int candela_clock_synchronised(int64_t *error) {
    struct timex t;
    memset(&t, 0, sizeof t);
    int state = adjtimex(&t);
    if (state < 0) return -1;
    if (error) *error = t.maxerror;
    return (state == TIME_ERROR || (t.status & STA_UNSYNC)) ? 1 : 0;
}

/// Peer of a connected Unix socket; 0 or an errno.
struct candela_peer { int32_t pid; uint32_t uid; uint32_t gid; };
static inline int candela_socket_peer(int fd, struct candela_peer *peer) {
    struct { pid_t pid; uid_t uid; gid_t gid; } credentials;
    socklen_t length = sizeof credentials;
    if (getsockopt(fd, SOL_SOCKET, 17 /* SO_PEERCRED */, &credentials, &length) != 0) return errno;
    peer->pid = credentials.pid; peer->uid = credentials.uid; peer->gid = credentials.gid;
    return 0;
}

/// Starts a program with exactly three descriptors, a clean environment, no signal masks,
/// no new privileges and the wish to die with its parent. Returns the process id or -errno.
int32_t candela_spawn(const char *path, char *const argv[], char *const envp[], const char *directory,
                      int stdin_fd, int stdout_fd, int stderr_fd, bool die_with_parent);

/// Names the calling thread for `ps -L` and `top -H`; the kernel keeps 15 bytes.
static inline void candela_name_thread(const char *name) { prctl(PR_SET_NAME, (unsigned long)name, 0, 0, 0); }
/// A descriptor that becomes readable when the process ends (pidfd_open, Linux 5.3), close-on-exec; -1 on an older kernel.
static inline int candela_process_descriptor(int32_t pid) {
#ifdef SYS_pidfd_open
    return (int)syscall(SYS_pidfd_open, pid, 0);
#else
    return -1;
#endif
}
/// Whether a child has ended: 1 yes (it stays a zombie, so that its number is not given away), 0 no, -1 it is no child.
static inline int candela_process_ended(int32_t pid) {
    siginfo_t info;
    memset(&info, 0, sizeof info);
    int result;
    do result = waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT); while (result != 0 && errno == EINTR);
    return result != 0 ? -1 : info.si_pid == pid;
}
/// A pipe, close-on-exec from its birth; 0 or an errno.
int candela_pipe(int *ends, bool non_blocking);
/// Lets a pipe hold so many bytes; where the system refuses (its limit is 1 MB), it keeps what it had.
static inline void candela_widen_pipe(int descriptor, int bytes) {
#ifndef F_SETPIPE_SZ
#define F_SETPIPE_SZ 1031
#endif
    fcntl(descriptor, F_SETPIPE_SZ, bytes);
}
/// One heap for all threads. The C library gives each thread that allocates one of its own, and none of them shrinks: on a gateway
/// with a dozen threads that doubles its memory. To be called before the first thread is started.
static inline void candela_one_heap(void) {
#ifdef __GLIBC__
    mallopt(M_ARENA_MAX, 1);
    // Large buffers go back to the system when they are freed. Without fixed limits the library raises them with each large
    // buffer it sees, and the heap keeps the holes.
    mallopt(M_MMAP_THRESHOLD, 256 * 1024);
    mallopt(M_TRIM_THRESHOLD, 1024 * 1024);
#endif
}
/// Unmaps the pages of the program's own code; those that are still needed come back from the page cache one by one. Most
/// of a program's code runs once, at its start, and would stay counted as its memory for ever. Microseconds.
///
/// Returns how many bytes of address space that were.
size_t candela_release_code(void);
/// Gives memory that is free inside the heap back to the system; some milliseconds.
static inline void candela_trim_heap(void) {
#ifdef __GLIBC__
    malloc_trim(0);
#endif
}
