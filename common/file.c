/* SPDX-License-Identifier: Apache-2.0 */
#include "common/file.h"

#include "common/auto.h"
#include "common/hash.h"
#include "common/mem.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#define READ_BYTES     65536
#define TREE_MAX_DEPTH 64
#define TREE_TRIES     10

static void dir_close(DIR *dir)
{
    if (dir)
        (void)closedir(dir);
}
AUTO_DEFINE(dir, DIR *, dir_close)

static enum err_code io_code(int errnum)
{
    switch (errnum) {
    case EACCES:
    case EPERM:
    case EROFS:
    case ENOTDIR:
    case EISDIR:
    case ELOOP:
    case ENAMETOOLONG:
    case EINVAL:
    case EXDEV:
    case EBUSY:
    case ENXIO:
    case ETXTBSY:
        return ERR_CONFIG;
    case ENOTEMPTY:
        return ERR_CONFLICT;
    case EFBIG: /* over the limit of the file system or of the process */
        return ERR_SPACE;
    default:
        return ERR_DEPENDENCY;
    }
}

static int fail(struct err *err, int errnum, const char *path)
{
    return err_errno(err, io_code(errnum), errnum, "%s", path);
}

/* The folder that path stands in. Caller frees. */
static char *folder_of(const char *path)
{
    const char *slash = strrchr(path, '/');

    if (!slash)
        return xstrdup(".");
    return slash == path ? xstrdup("/") : xstrndup(path, (size_t)(slash - path));
}

#define ASIDE ".tmp-" /* and 16 hex digits */

static bool is_aside(const char *name)
{
    size_t prefix = strlen(ASIDE);

    return strncmp(name, ASIDE, prefix) == 0 && strlen(name) == prefix + 16 &&
           strspn(name + prefix, "0123456789abcdef") == 16;
}

/* A new name in the folder of path: short, so that any name that fits is writable. Caller frees. */
static char *aside_of(const char *path)
{
    AUTO_FREE char *folder = folder_of(path);
    unsigned long long id;

    hash_random(&id, sizeof(id));
    return xasprintf("%s/" ASIDE "%016llx", folder, id);
}

static int sync_path(const char *path, int flags, struct err *err)
{
    AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | flags);

    if (fd < 0 || (fsync(fd) < 0 && errno != EINVAL)) /* some file systems cannot sync a folder */
        return fail(err, errno, path);
    return 0;
}

static int sync_folder_of(const char *path, struct err *err)
{
    AUTO_FREE char *folder = folder_of(path);

    return sync_path(folder, O_DIRECTORY, err);
}

static int write_all(int fd, const char *data, size_t len)
{
    while (len) {
        ssize_t n = write(fd, data, len);

        if (n < 0 && errno != EINTR)
            return -1;
        if (n > 0) {
            data += n;
            len -= (size_t)n;
        }
    }
    return fsync(fd);
}

/* Makes the file `aside` whole and synced, or not at all; *fd_out stays open on it. */
static int write_aside(int *fd_out, const char *aside, const char *path, const void *data,
                       size_t len, struct err *err)
{
    int fd = open(aside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);

    if (fd < 0)
        return fail(err, errno, path);
    if (write_all(fd, data, len) < 0) {
        (void)fail(err, errno, path);
        (void)unlink(aside);
        (void)close(fd);
        return -1;
    }
    *fd_out = fd;
    return 0;
}

/* On a network file system the answer to our own link may be lost: then we have two names. */
static bool is_linked(int fd)
{
    struct stat st;

    return fstat(fd, &st) == 0 && st.st_nlink == 2;
}

/* Renames without replacing; by link where the file system knows no other way. */
static int move_new(const char *from, const char *to)
{
    if (renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE) == 0)
        return 0;
    if (errno != EINVAL && errno != ENOSYS)
        return -1;
    if (link(from, to) < 0)
        return -1;
    return unlink(from);
}

static int make_folder(const char *path, struct err *err)
{
    struct stat st;
    int errnum;

    if (mkdir(path, 0777) == 0)
        return sync_folder_of(path, err);
    errnum = errno;
    if (stat(path, &st) == 0)
        return S_ISDIR(st.st_mode) ? 0 : fail(err, ENOTDIR, path);
    return fail(err, errnum, path);
}

static int remove_at(int folder, const char *name, const char *path, int depth, struct err *err);

/* One walk through an open folder. Borrowed fd. */
static int remove_entries(int fd, const char *path, int depth, struct err *err)
{
    int copy = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    AUTO(dir) DIR *dir = copy < 0 ? NULL : fdopendir(copy);
    const struct dirent *entry;

    if (!dir) {
        (void)fail(err, errno, path);
        if (copy >= 0)
            (void)close(copy);
        return -1;
    }
    for (errno = 0; (entry = readdir(dir)); errno = 0) {
        AUTO_FREE char *below = NULL;

        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        below = xasprintf("%s/%s", path, entry->d_name);
        if (remove_at(fd, entry->d_name, below, depth + 1, err) < 0)
            return -1;
    }
    return errno ? fail(err, errno, path) : 0;
}

/* Again when somebody adds while we remove, or when removing hid entries from the walk. */
static int remove_folder_at(int folder, const char *name, const char *path, int depth,
                            struct err *err)
{
    AUTO_CLOSE int fd = openat(folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

    if (fd < 0)
        return errno == ENOENT ? 0 : fail(err, errno, path);
    for (int try = 0; try < TREE_TRIES; try++) {
        if (remove_entries(fd, path, depth, err) < 0)
            return -1;
        if (unlinkat(folder, name, AT_REMOVEDIR) == 0 || errno == ENOENT)
            return 0;
        if (errno != ENOTEMPTY && errno != EEXIST)
            break;
    }
    return fail(err, errno, path);
}

static int remove_at(int folder, const char *name, const char *path, int depth, struct err *err)
{
    if (depth > TREE_MAX_DEPTH)
        return err_set(err, ERR_CONFIG, "%s: more than %d folders deep", path, TREE_MAX_DEPTH);
    if (unlinkat(folder, name, 0) == 0 || errno == ENOENT)
        return 0;
    if (errno != EISDIR)
        return fail(err, errno, path);
    return remove_folder_at(folder, name, path, depth, err);
}

/* The lock is worth something only while its file still has this name. */
static bool is_named(int fd, const char *path)
{
    struct stat ours, there;

    return fstat(fd, &ours) == 0 && stat(path, &there) == 0 && ours.st_ino == there.st_ino &&
           ours.st_dev == there.st_dev;
}

int file_read(char **out, size_t *len, const char *path, size_t max, struct err *err)
{
    AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    AUTO_FREE char *chunk = NULL;
    AUTO_BUF struct buf buf;

    buf_init(&buf, max);
    if (fd < 0)
        return fail(err, errno, path);
    chunk = xmalloc(READ_BYTES);
    for (;;) {
        ssize_t n = read(fd, chunk, READ_BYTES);

        if (n == 0)
            break;
        if (n < 0 && errno != EINTR)
            return fail(err, errno, path);
        if (n > 0 && buf_append(&buf, chunk, (size_t)n, err) < 0)
            return err_wrap(err, "%s", path);
    }
    if (len)
        *len = buf.len;
    *out = buf_take(&buf);
    return 0;
}

int file_write(const char *path, const void *data, size_t len, struct err *err)
{
    AUTO_FREE char *aside = aside_of(path);
    AUTO_CLOSE int fd = -1;

    if (write_aside(&fd, aside, path, data, len, err) < 0)
        return -1;
    if (rename(aside, path) < 0) {
        (void)fail(err, errno, path);
        (void)unlink(aside);
        return -1;
    }
    return sync_folder_of(path, err);
}

int file_create(const char *path, const void *data, size_t len, struct err *err)
{
    AUTO_FREE char *aside = aside_of(path);
    AUTO_CLOSE int fd = -1;
    int rc, errnum;

    if (write_aside(&fd, aside, path, data, len, err) < 0)
        return -1;
    rc = link(aside, path);
    errnum = errno;
    if (rc < 0 && is_linked(fd))
        rc = 0;
    (void)unlink(aside);
    if (rc < 0)
        return fail(err, errnum, path);
    return sync_folder_of(path, err);
}

int file_mkdirs(const char *path, struct err *err)
{
    AUTO_FREE char *part = xstrdup(path);

    for (char *p = part; *p; p++) {
        if (*p != '/' || p == part)
            continue;
        *p = '\0';
        if (make_folder(part, err) < 0)
            return -1;
        *p = '/';
    }
    return make_folder(part, err);
}

int file_remove(const char *path, struct err *err)
{
    if (unlink(path) < 0 && errno != ENOENT)
        return fail(err, errno, path);
    return 0;
}

int file_remove_tree(const char *path, struct err *err)
{
    AUTO_FREE char *bare = xstrdup(path);

    /* "link/" would be the folder behind the link. */
    for (size_t len = strlen(bare); len > 0 && bare[len - 1] == '/'; len--)
        bare[len - 1] = '\0';
    if (!*bare)
        return err_set(err, ERR_CONFIG, "'%s' is not removed", path);
    return remove_at(AT_FDCWD, bare, bare, 0, err);
}

int file_remove_asides(const char *folder, struct err *err)
{
    AUTO(dir) DIR *dir = opendir(folder);
    const struct dirent *entry;

    if (!dir)
        return errno == ENOENT ? 0 : fail(err, errno, folder);
    for (errno = 0; (entry = readdir(dir)); errno = 0) {
        if (is_aside(entry->d_name) && unlinkat(dirfd(dir), entry->d_name, 0) < 0)
            return fail(err, errno, folder);
    }
    return errno ? fail(err, errno, folder) : 0;
}

int file_sync_dir(const char *path, struct err *err)
{
    return sync_path(path, O_DIRECTORY, err);
}

bool file_exists(const char *path)
{
    struct stat st;

    return stat(path, &st) == 0;
}

int file_lock(int *fd_out, const char *path, struct err *err)
{
    for (;;) {
        int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);

        if (fd < 0)
            return fail(err, errno, path);
        if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
            int errnum = errno;

            (void)close(fd);
            if (errnum == EINTR)
                continue;
            if (errnum == EWOULDBLOCK)
                return err_set(err, ERR_CONFLICT, "%s: another process holds the lock", path);
            return fail(err, errnum, path);
        }
        if (is_named(fd, path)) {
            *fd_out = fd;
            return 0;
        }
        (void)close(fd);
    }
}

int file_publish(const char *from, const char *to, bool overwrite, struct err *err)
{
    AUTO_FREE char *source = folder_of(from), *target = folder_of(to);

    if (sync_path(from, 0, err) < 0)
        return -1;
    if ((overwrite ? rename(from, to) : move_new(from, to)) < 0)
        return fail(err, errno, to);
    if (strcmp(source, target) != 0 && file_sync_dir(source, err) < 0)
        return -1;
    return file_sync_dir(target, err);
}
