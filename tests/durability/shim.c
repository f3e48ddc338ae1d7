/* Counts the calls by which a process changes files below one directory, and spoils one of them.
 *
 * Preloaded; passes everything through until armed. What is counted: write, pwrite, writev, fsync,
 * fdatasync, rename, ftruncate, unlink, mkdir, rmdir, and open with O_CREAT of a file that is absent.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

enum kind {
    PASS = 0,
    FAIL_EIO = 1,      /* this call fails, nothing was done */
    FAIL_ENOSPC = 2,   /* likewise */
    SHORT = 3,         /* a write does half of its work and says so; other calls fail with EIO */
    TORN = 4,          /* the call does (half of) its work, then fails with EIO */
    KILL_BEFORE = 5,
    KILL_AFTER = 6,
    STAYS_FULL = 7,    /* from this call on whatever needs room fails with ENOSPC */
    STAYS_BROKEN = 8   /* from this call on everything fails with EIO */
};

/* Shared with the parent, which outlives a killed process. */
struct report {
    long count;
    long hit;
    char call[256];
};

static char root[PATH_MAX];
static size_t root_length;
static long wanted = -1;
static int kind = PASS;
static struct report *told;

void shim_arm(const char *directory, long n, int what, struct report *report)
{
    strncpy(root, directory, sizeof root - 1);
    root_length = strlen(root);
    wanted = n;
    kind = what;
    told = report;
}

void shim_disarm(void) { root_length = 0; }

static int below(const char *path)
{
    return root_length && path && strncmp(path, root, root_length) == 0 &&
           (path[root_length] == '/' || path[root_length] == '\0');
}

static const char *path_of(int fd, char *buffer)
{
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, buffer, PATH_MAX - 1);
    if (length < 0)
        return NULL;
    buffer[length] = '\0';
    return buffer;
}

/* Returns the fault for this call, or PASS. */
static int turn(const char *call, const char *path, int needs_room)
{
    long number = told->count++;
    int now = PASS;
    if (number == wanted)
        now = kind;
    else if (number > wanted && kind == STAYS_BROKEN)
        return FAIL_EIO;
    else if (number > wanted && kind == STAYS_FULL)
        return needs_room ? FAIL_ENOSPC : PASS;
    if (now != PASS) {
        told->hit = 1;
        snprintf(told->call, sizeof told->call, "%s %s", call, path + root_length);
    }
    if (now == KILL_BEFORE)
        kill(getpid(), SIGKILL);
    if (now == STAYS_BROKEN)
        return FAIL_EIO;
    if (now == STAYS_FULL)
        return needs_room ? FAIL_ENOSPC : PASS;
    return now;
}

static int failed(int fault)
{
    errno = fault == FAIL_ENOSPC ? ENOSPC : EIO;
    return -1;
}

#define REAL(name) \
    static __typeof__(&name) real; \
    if (!real) real = (__typeof__(&name))dlsym(RTLD_NEXT, #name)

/* A call that writes `length` bytes: half of them where it is cut. */
#define WRITING(label, fd, length, whole, half) \
    do { \
        int saved = errno; char place[PATH_MAX]; \
        const char *path = root_length ? path_of(fd, place) : NULL; \
        errno = saved; \
        if (!below(path)) return whole; \
        int fault = turn(label, path, 1); \
        if (fault == PASS) return whole; \
        if (fault == SHORT && (length) > 1) return half; \
        if (fault == TORN) { if ((length) > 1) (void)!half; return failed(fault); } \
        if (fault == KILL_AFTER) { (void)!whole; kill(getpid(), SIGKILL); } \
        return failed(fault); \
    } while (0)

/* A call that happens or does not. */
#define WHOLE(label, path, room, doing) \
    do { \
        if (!below(path)) return doing; \
        int fault = turn(label, path, room); \
        if (fault == PASS) return doing; \
        if (fault == TORN) { (void)!doing; return failed(fault); } \
        if (fault == KILL_AFTER) { (void)!doing; kill(getpid(), SIGKILL); } \
        return failed(fault); \
    } while (0)

ssize_t write(int fd, const void *data, size_t length)
{
    REAL(write);
    WRITING("write", fd, length, real(fd, data, length), real(fd, data, length / 2));
}

ssize_t pwrite(int fd, const void *data, size_t length, off_t at)
{
    REAL(pwrite);
    WRITING("pwrite", fd, length, real(fd, data, length, at), real(fd, data, length / 2, at));
}

ssize_t pwrite64(int fd, const void *data, size_t length, off64_t at)
{
    REAL(pwrite64);
    WRITING("pwrite", fd, length, real(fd, data, length, at), real(fd, data, length / 2, at));
}

ssize_t writev(int fd, const struct iovec *parts, int count)
{
    REAL(writev);
    WRITING("writev", fd, count, real(fd, parts, count), real(fd, parts, count / 2));
}

#define ON_FD(label, name, room, ...) \
    do { \
        REAL(name); \
        int saved = errno; char place[PATH_MAX]; \
        const char *path = root_length ? path_of(fd, place) : NULL; \
        errno = saved; \
        WHOLE(label, path, room, real(fd, ##__VA_ARGS__)); \
    } while (0)

int fsync(int fd) { ON_FD("fsync", fsync, 0); }
int fdatasync(int fd) { ON_FD("fdatasync", fdatasync, 0); }
int ftruncate(int fd, off_t length) { ON_FD("ftruncate", ftruncate, 0, length); }
int ftruncate64(int fd, off64_t length) { ON_FD("ftruncate", ftruncate64, 0, length); }
int fchmod(int fd, mode_t mode) { ON_FD("fchmod", fchmod, 0, mode); }

int rename(const char *from, const char *to)
{
    REAL(rename);
    WHOLE("rename", to, 1, real(from, to));
}

int renameat(int old, const char *from, int new, const char *to)
{
    REAL(renameat);
    WHOLE("rename", to, 1, real(old, from, new, to));
}

int unlink(const char *path)
{
    REAL(unlink);
    WHOLE("unlink", path, 0, real(path));
}

int rmdir(const char *path)
{
    REAL(rmdir);
    WHOLE("rmdir", path, 0, real(path));
}

int mkdir(const char *path, mode_t mode)
{
    REAL(mkdir);
    struct stat there;
    if (below(path) && stat(path, &there) == 0)
        return real(path, mode);
    WHOLE("mkdir", path, 1, real(path, mode));
}

#define OPENING(name, call) \
    do { \
        int mode = 0; \
        struct stat there; \
        if (flags & O_CREAT) { \
            va_list rest; va_start(rest, flags); mode = va_arg(rest, int); va_end(rest); \
        } \
        if (!(flags & O_CREAT) || !below(path) || stat(path, &there) == 0) return call; \
        WHOLE("create", path, 1, call); \
    } while (0)

int open(const char *path, int flags, ...) { REAL(open); OPENING(open, real(path, flags, mode)); }
int open64(const char *path, int flags, ...) { REAL(open64); OPENING(open64, real(path, flags, mode)); }
int openat(int at, const char *path, int flags, ...)
{
    REAL(openat);
    OPENING(openat, real(at, path, flags, mode));
}
int openat64(int at, const char *path, int flags, ...)
{
    REAL(openat64);
    OPENING(openat64, real(at, path, flags, mode));
}
