/* A disk that fills up at a chosen write, and one that answers late: loaded (LD_PRELOAD) into the processes of a test.

   DISK   what stands in the paths that lie on it: "scratch/", or several, parted by ":"
   LATE   milliseconds that each opening, linking, renaming, deleting and writing waits at most, by chance

   The write after which there is no space is cut short, all later ones fail, as on a real disk. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))
enum { TAKEN, SHORT, FULL };

static long space = -1, written; /* writes that are taken, -1 for all of them; writes so far */

void disk_space(long writes) { space = writes; written = 0; }
long disk_written(void) { return written; }

static int on_disk(const char *path) {
    const char *names = getenv("DISK");
    char copy[4096], *rest = copy, *name;
    if (!names || !path) return 0;
    snprintf(copy, sizeof copy, "%s", names);
    while ((name = strsep(&rest, ":")))
        if (*name && strstr(path, name)) return 1;
    return 0;
}

static void wait_for(const char *path) {
    const char *late = getenv("LATE");
    if (late && atoi(late) > 0 && on_disk(path)) usleep(rand() % (1000 * atoi(late)));
}

static int taken(int file) {
    char link[64], path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t length = readlink(link, path, sizeof path - 1);
    path[length > 0 ? length : 0] = 0;
    if (!on_disk(path)) return TAKEN;
    wait_for(path);
    long number = __atomic_fetch_add(&written, 1, __ATOMIC_SEQ_CST);
    return space < 0 || number < space ? TAKEN : number == space ? SHORT : FULL;
}

static ssize_t no_space(void) { errno = ENOSPC; return -1; }

ssize_t write(int file, const void *from, size_t size) {
    int found = taken(file);
    if (found == FULL || (found == SHORT && size < 2)) return no_space();
    return REAL(write)(file, from, found == SHORT ? size / 2 : size);
}

ssize_t writev(int file, const struct iovec *from, int parts) {
    return taken(file) == TAKEN ? REAL(writev)(file, from, parts) : no_space();
}

ssize_t pwrite64(int file, const void *from, size_t size, off64_t at) {
    return taken(file) == TAKEN ? REAL(pwrite64)(file, from, size, at) : no_space();
}

ssize_t sendfile64(int file, int from, off64_t *at, size_t size) {
    ssize_t sendfile64(int, int, off64_t *, size_t);
    int found = taken(file);
    if (found == FULL) return no_space();
    return REAL(sendfile64)(file, from, at, found == SHORT && size > 1000 ? 1000 : size);
}

int open64(const char *path, int flags, ...) {
    va_list more;
    va_start(more, flags);
    int mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(more, int) : 0;
    va_end(more);
    wait_for(path);
    return REAL(open64)(path, flags, mode);
}

int link(const char *from, const char *to) { wait_for(to); return REAL(link)(from, to); }
int linkat(int a, const char *from, int b, const char *to, int flags) { wait_for(to); return REAL(linkat)(a, from, b, to, flags); }
int rename(const char *from, const char *to) { wait_for(to); return REAL(rename)(from, to); }
int unlink(const char *path) { wait_for(path); return REAL(unlink)(path); }
