/*
 * What a program does to the files below one folder, in order: preloaded into the real programs.
 *
 * ATOME_POWER_ROOT is the folder, ATOME_POWER_LOG the file that records go to; it is opened before the
 * program's own code runs, and so before its sandbox. One lock stands around each call and its record: the order
 * of the records is the order of the calls. A record of a sync is written after the sync. Files that end in
 * -shm are left out: they are mapped, and made anew at each start.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

enum { CREATE = 1, MAKE_FOLDER, WRITE, TRUNCATE, RENAME, REMOVE, SYNC, SYNC_FOLDER };
enum { FILES = 8192, PATH = 4096 };

struct record {
    uint32_t kind, path_len;
    uint64_t file, offset, data_len;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int out = -1;
static char root[PATH];
static size_t root_len;
/* Of files that are open below the root: the path, and whether it is a folder. */
static char *paths[FILES];
static char folders[FILES];

#define REAL(name) ((__typeof__(&name))real(#name))

static void *real(const char *name) {
    void *found = dlsym(RTLD_NEXT, name);
    if (!found) abort();
    return found;
}

__attribute__((constructor)) static void begin(void) {
    const char *log = getenv("ATOME_POWER_LOG"), *folder = getenv("ATOME_POWER_ROOT");
    if (!log || !folder) return;
    snprintf(root, sizeof root, "%s", folder);
    root_len = strlen(root);
    int file = REAL(open)(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    /* A number that no one closes by chance. */
    out = fcntl(file, F_DUPFD_CLOEXEC, FILES);
    if (out < 0) out = file;
    else REAL(close)(file);
    if (out < 0) abort();
}

static void enter(void) { pthread_mutex_lock(&lock); }

static void leave(void) {
    int kept = errno;
    pthread_mutex_unlock(&lock);
    errno = kept;
}

static int ends_in(const char *path, const char *end) {
    size_t len = strlen(path), end_len = strlen(end);
    return len >= end_len && !strcmp(path + len - end_len, end);
}

/* Whether the path is below the root, and worth a record; made whole by the folder that it starts from. */
static int watched(int at, const char *path, char *whole) {
    if (out < 0 || !path) return 0;
    if (path[0] == '/') snprintf(whole, PATH, "%s", path);
    else if (at >= 0 && at < FILES && paths[at]) snprintf(whole, PATH, "%s/%s", paths[at], path);
    else return 0;
    if (strncmp(whole, root, root_len) || (whole[root_len] && whole[root_len] != '/')) return 0;
    return !ends_in(whole, "-shm");
}

static int open_file(int file) { return out >= 0 && file >= 0 && file < FILES && paths[file]; }

static uint64_t inode(int file) {
    struct stat found;
    return fstat(file, &found) ? 0 : found.st_ino;
}

static void note(uint32_t kind, uint64_t file, uint64_t offset, const char *path, const struct iovec *data,
                 int parts, size_t data_len) {
    struct iovec all[66];
    struct record head = {kind, path ? strlen(path) : 0, file, offset, data_len};
    int kept = errno, count = 0;
    size_t left = data_len, whole = sizeof head + head.path_len + data_len;
    all[count++] = (struct iovec){&head, sizeof head};
    if (path) all[count++] = (struct iovec){(void *)path, head.path_len};
    for (int part = 0; part < parts && left; part++) {
        size_t len = data[part].iov_len < left ? data[part].iov_len : left;
        all[count++] = (struct iovec){data[part].iov_base, len};
        left -= len;
    }
    if (REAL(writev)(out, all, count) != (ssize_t)whole) abort();
    errno = kept;
}

static int opened(int at, const char *path, int flags, mode_t mode) {
    char whole[PATH];
    struct stat found;
    if (!watched(at, path, whole)) return REAL(openat)(at, path, flags, mode);
    enter();
    int is_new = (flags & O_CREAT) && stat(whole, &found);
    int file = REAL(openat)(at, path, flags, mode);
    if (file >= 0 && file < FILES) {
        fstat(file, &found);
        paths[file] = strdup(whole);
        folders[file] = S_ISDIR(found.st_mode);
        if (is_new) note(CREATE, found.st_ino, 0, whole, 0, 0, 0);
        else if (flags & O_TRUNC) note(TRUNCATE, found.st_ino, 0, 0, 0, 0, 0);
    }
    leave();
    return file;
}

#define OPENS(name)                                     \
    int name(const char *path, int flags, ...) {        \
        va_list more;                                   \
        va_start(more, flags);                          \
        mode_t mode = va_arg(more, mode_t);             \
        va_end(more);                                   \
        return opened(AT_FDCWD, path, flags, mode);     \
    }
#define OPENS_AT(name)                                  \
    int name(int at, const char *path, int flags, ...) { \
        va_list more;                                   \
        va_start(more, flags);                          \
        mode_t mode = va_arg(more, mode_t);             \
        va_end(more);                                   \
        return opened(at, path, flags, mode);           \
    }
OPENS(open)
OPENS(open64)
OPENS_AT(openat)
OPENS_AT(openat64)

int close(int file) {
    if (open_file(file)) {
        enter();
        free(paths[file]);
        paths[file] = 0;
        leave();
    }
    return REAL(close)(file);
}

static ssize_t written(int file, off_t offset, const struct iovec *parts, int count) {
    enter();
    if (offset < 0) {
        struct stat found;
        int appends = fcntl(file, F_GETFL) & O_APPEND;
        offset = appends && !fstat(file, &found) ? found.st_size : lseek(file, 0, SEEK_CUR);
        if (count > 64) count = 64;
        ssize_t len = REAL(writev)(file, parts, count);
        if (len > 0) note(WRITE, inode(file), offset, 0, parts, count, len);
        leave();
        return len;
    }
    ssize_t len = REAL(pwritev)(file, parts, count, offset);
    if (len > 0) note(WRITE, inode(file), offset, 0, parts, count, len);
    leave();
    return len;
}

ssize_t write(int file, const void *data, size_t len) {
    if (!open_file(file)) return REAL(write)(file, data, len);
    return written(file, -1, &(struct iovec){(void *)data, len}, 1);
}

ssize_t writev(int file, const struct iovec *parts, int count) {
    if (!open_file(file)) return REAL(writev)(file, parts, count);
    return written(file, -1, parts, count);
}

ssize_t pwrite(int file, const void *data, size_t len, off_t offset) {
    if (!open_file(file)) return REAL(pwrite)(file, data, len, offset);
    return written(file, offset, &(struct iovec){(void *)data, len}, 1);
}

ssize_t pwrite64(int file, const void *data, size_t len, off64_t offset) { return pwrite(file, data, len, offset); }

ssize_t pwritev(int file, const struct iovec *parts, int count, off_t offset) {
    if (!open_file(file)) return REAL(pwritev)(file, parts, count, offset);
    return written(file, offset, parts, count > 64 ? 64 : count);
}

ssize_t pwritev64(int file, const struct iovec *parts, int count, off64_t offset) {
    return pwritev(file, parts, count, offset);
}

int ftruncate(int file, off_t len) {
    if (!open_file(file)) return REAL(ftruncate)(file, len);
    enter();
    int done = REAL(ftruncate)(file, len);
    if (!done) note(TRUNCATE, inode(file), len, 0, 0, 0, 0);
    leave();
    return done;
}

int ftruncate64(int file, off64_t len) { return ftruncate(file, len); }

/* A longer file is all that it leaves. */
static void grown(int file, off_t end) {
    struct stat found;
    if (!fstat(file, &found) && found.st_size == end) note(TRUNCATE, found.st_ino, end, 0, 0, 0, 0);
}

int posix_fallocate(int file, off_t offset, off_t len) {
    if (!open_file(file)) return REAL(posix_fallocate)(file, offset, len);
    enter();
    int done = REAL(posix_fallocate)(file, offset, len);
    if (!done) grown(file, offset + len);
    leave();
    return done;
}

int posix_fallocate64(int file, off64_t offset, off64_t len) { return posix_fallocate(file, offset, len); }

int fallocate(int file, int mode, off_t offset, off_t len) {
    if (!open_file(file)) return REAL(fallocate)(file, mode, offset, len);
    enter();
    int done = REAL(fallocate)(file, mode, offset, len);
    if (!done) grown(file, offset + len);
    leave();
    return done;
}

int fallocate64(int file, int mode, off64_t offset, off64_t len) { return fallocate(file, mode, offset, len); }

static int synced(int file, int (*sync)(int)) {
    if (!open_file(file)) return sync(file);
    enter();
    int done = sync(file);
    if (!done && folders[file]) note(SYNC_FOLDER, 0, 0, paths[file], 0, 0, 0);
    else if (!done) note(SYNC, inode(file), 0, 0, 0, 0, 0);
    leave();
    return done;
}

int fsync(int file) { return synced(file, REAL(fsync)); }
int fdatasync(int file) { return synced(file, REAL(fdatasync)); }

int renameat(int from_at, const char *from, int to_at, const char *to) {
    char old[PATH], both[2 * PATH];
    if (!watched(from_at, from, old) || !watched(to_at, to, both)) return REAL(renameat)(from_at, from, to_at, to);
    enter();
    int done = REAL(renameat)(from_at, from, to_at, to);
    /* The new path; the old one as data. */
    if (!done) note(RENAME, 0, 0, both, &(struct iovec){old, strlen(old)}, 1, strlen(old));
    leave();
    return done;
}

int rename(const char *from, const char *to) { return renameat(AT_FDCWD, from, AT_FDCWD, to); }

int unlinkat(int at, const char *path, int flags) {
    char whole[PATH];
    if (!watched(at, path, whole)) return REAL(unlinkat)(at, path, flags);
    enter();
    int done = REAL(unlinkat)(at, path, flags);
    if (!done) note(REMOVE, 0, 0, whole, 0, 0, 0);
    leave();
    return done;
}

int unlink(const char *path) { return unlinkat(AT_FDCWD, path, 0); }
int rmdir(const char *path) { return unlinkat(AT_FDCWD, path, AT_REMOVEDIR); }

int mkdirat(int at, const char *path, mode_t mode) {
    char whole[PATH];
    if (!watched(at, path, whole)) return REAL(mkdirat)(at, path, mode);
    enter();
    int done = REAL(mkdirat)(at, path, mode);
    if (!done) note(MAKE_FOLDER, 0, 0, whole, 0, 0, 0);
    leave();
    return done;
}

int mkdir(const char *path, mode_t mode) { return mkdirat(AT_FDCWD, path, mode); }
