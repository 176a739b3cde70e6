/* Faults between a process and its operating system, for LD_PRELOAD.

   CHAINBELL_FAULTS names a folder. While the file `full` is in it, no file grows whose path contains CHAINBELL_FULL;
   while `broken` is in it, fsync and fdatasync of those whose path contains CHAINBELL_BROKEN fail with EIO.
   CHAINBELL_AHEAD are the seconds by which the clock of the process is ahead. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define REAL(result, name, ...) \
    static result (*real)(__VA_ARGS__); \
    if (!real) real = (result (*)(__VA_ARGS__))dlsym(RTLD_NEXT, name)

static int is_on(const char *fault, const char *which, int fd) {
    const char *folder = getenv("CHAINBELL_FAULTS"), *part = getenv(which);
    char path[PATH_MAX], link[64];
    if (!folder || !part || snprintf(path, sizeof path, "%s/%s", folder, fault) >= (int)sizeof path) return 0;
    int before = errno, there = access(path, F_OK) == 0;
    errno = before;
    if (!there) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    errno = before;
    if (length < 0) return 0;
    path[length] = 0;
    return strstr(path, part) != NULL;
}

static int is_full(int fd, off_t end) {
    struct stat file;
    if (!is_on("full", "CHAINBELL_FULL", fd) || fstat(fd, &file) != 0) return 0;
    return S_ISREG(file.st_mode) && end > file.st_size;
}

#define REFUSE_GROWTH(fd, end) if (is_full(fd, end)) { errno = ENOSPC; return -1; }

ssize_t write(int fd, const void *data, size_t size) {
    REAL(ssize_t, "write", int, const void *, size_t);
    if (is_on("full", "CHAINBELL_FULL", fd)) REFUSE_GROWTH(fd, lseek(fd, 0, SEEK_CUR) + (off_t)size)
    return real(fd, data, size);
}

#define PWRITE(name, offset_type) \
    ssize_t name(int fd, const void *data, size_t size, offset_type offset) { \
        REAL(ssize_t, #name, int, const void *, size_t, offset_type); \
        REFUSE_GROWTH(fd, offset + (off_t)size) \
        return real(fd, data, size, offset); \
    }
PWRITE(pwrite, off_t)
PWRITE(pwrite64, off64_t)

#define PWRITEV(name, offset_type) \
    ssize_t name(int fd, const struct iovec *parts, int count, offset_type offset) { \
        REAL(ssize_t, #name, int, const struct iovec *, int, offset_type); \
        off_t end = offset; \
        for (int n = 0; n < count; n++) end += (off_t)parts[n].iov_len; \
        REFUSE_GROWTH(fd, end) \
        return real(fd, parts, count, offset); \
    }
PWRITEV(pwritev, off_t)
PWRITEV(pwritev64, off64_t)

#define FTRUNCATE(name, offset_type) \
    int name(int fd, offset_type size) { \
        REAL(int, #name, int, offset_type); \
        REFUSE_GROWTH(fd, size) \
        return real(fd, size); \
    }
FTRUNCATE(ftruncate, off_t)
FTRUNCATE(ftruncate64, off64_t)

#define FALLOCATE(name, offset_type) \
    int name(int fd, int mode, offset_type offset, offset_type size) { \
        REAL(int, #name, int, int, offset_type, offset_type); \
        REFUSE_GROWTH(fd, offset + size) \
        return real(fd, mode, offset, size); \
    }
FALLOCATE(fallocate, off_t)
FALLOCATE(fallocate64, off64_t)

#define POSIX_FALLOCATE(name, offset_type) \
    int name(int fd, offset_type offset, offset_type size) { \
        REAL(int, #name, int, offset_type, offset_type); \
        if (is_full(fd, offset + size)) return ENOSPC; \
        return real(fd, offset, size); \
    }
POSIX_FALLOCATE(posix_fallocate, off_t)
POSIX_FALLOCATE(posix_fallocate64, off64_t)

#define SYNC(name) \
    int name(int fd) { \
        REAL(int, #name, int); \
        if (is_on("broken", "CHAINBELL_BROKEN", fd)) { errno = EIO; return -1; } \
        return real(fd); \
    }
SYNC(fsync)
SYNC(fdatasync)

static time_t ahead(void) {
    static time_t seconds;
    static int known;
    if (!known) {
        const char *text = getenv("CHAINBELL_AHEAD");
        seconds = text ? atol(text) : 0;
        known = 1;
    }
    return seconds;
}

int clock_gettime(clockid_t clock, struct timespec *now) {
    REAL(int, "clock_gettime", clockid_t, struct timespec *);
    int result = real(clock, now);
    if (result == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) now->tv_sec += ahead();
    return result;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone) {
    REAL(int, "gettimeofday", struct timeval *, void *);
    int result = real(now, zone);
    if (result == 0) now->tv_sec += ahead();
    return result;
}

time_t time(time_t *kept) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (kept) *kept = now.tv_sec;
    return now.tv_sec;
}
