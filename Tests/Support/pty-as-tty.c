// Preloaded into a program, makes pseudo-terminals look like serial ports to libserialport 0.1.1, so that its real code runs in
// a test without hardware. It fakes what a pseudo-terminal lacks and nothing else:
//   - the port's entry under /sys/class/tty (lstat, stat, readlink),
//   - its modem lines (TIOCMGET, TIOCMSET, TIOCMBIS, TIOCMBIC),
//   - parity, which the kernel drops on a pseudo-terminal and glibc's tcsetattr then reports as an error.
// Build: cc -shared -fPIC -o pty-as-tty.so pty-as-tty.c -ldl
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdarg.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <termios.h>
#include <unistd.h>

static int is_entry(const char *path) { return path && strncmp(path, "/sys/class/tty/pts/", 19) == 0; }

// Majors 136 to 143 are the slave sides of pseudo-terminals.
static int is_pseudo_terminal(int fd) {
    struct stat s;
    return fstat(fd, &s) == 0 && S_ISCHR(s.st_mode) && major(s.st_rdev) >= 136 && major(s.st_rdev) <= 143;
}

static int fake_entry(struct stat *s) {
    memset(s, 0, sizeof *s);
    s->st_mode = S_IFLNK | 0777;
    return 0;
}

static ssize_t fake_link(char *buffer, size_t size) {
    static const char target[] = "../../devices/virtual/tty/pts";
    size_t length = sizeof target - 1 < size ? sizeof target - 1 : size;
    memcpy(buffer, target, length);
    return (ssize_t)length;
}

#define NEXT(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

int lstat(const char *path, struct stat *s) { return is_entry(path) ? fake_entry(s) : NEXT(lstat)(path, s); }
int stat(const char *path, struct stat *s) { return is_entry(path) ? fake_entry(s) : NEXT(stat)(path, s); }

// Names of the same calls in programs linked against glibc before 2.33.
int __lxstat(int version, const char *path, struct stat *s) {
    if (is_entry(path)) return fake_entry(s);
    int (*next)(int, const char *, struct stat *) = dlsym(RTLD_NEXT, "__lxstat");
    return next(version, path, s);
}

ssize_t readlink(const char *path, char *buffer, size_t size) {
    return is_entry(path) ? fake_link(buffer, size) : NEXT(readlink)(path, buffer, size);
}

// The checked form that hardened libraries call.
ssize_t __readlink_chk(const char *path, char *buffer, size_t size, size_t whole) {
    (void)whole;
    return readlink(path, buffer, size);
}

int ioctl(int fd, unsigned long request, ...) {
    static int lines;
    va_list arguments;
    va_start(arguments, request);
    void *argument = va_arg(arguments, void *);
    va_end(arguments);
    if (is_pseudo_terminal(fd)) switch (request) {
        case TIOCMGET: *(int *)argument = lines; return 0;
        case TIOCMSET: lines = *(int *)argument; return 0;
        case TIOCMBIS: lines |= *(int *)argument; return 0;
        case TIOCMBIC: lines &= ~*(int *)argument; return 0;
    }
    return NEXT(ioctl)(fd, request, argument);
}

int tcsetattr(int fd, int action, const struct termios *wanted) {
    struct termios possible = *wanted;
    if (is_pseudo_terminal(fd)) possible.c_cflag &= ~(tcflag_t)(PARENB | PARODD);
    return NEXT(tcsetattr)(fd, action, &possible);
}
