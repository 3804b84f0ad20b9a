/* SPDX-License-Identifier: Apache-2.0 */
#include "common/file.h"
#include "common/mem.h"
#include "worker/store/ops.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#define TREE_MAX_DEPTH 32

struct folder {
    struct store base;
    char *root; /* owned */
};

struct folder_reader {
    struct store_reader base;
    int fd;
    char *name; /* owned; for messages */
};

static void dir_close(DIR *dir)
{
    if (dir)
        (void)closedir(dir);
}
AUTO_DEFINE(dir, DIR *, dir_close)

static char *path_of(const struct store *store, const char *key)
{
    return xasprintf("%s/%s", ((const struct folder *)store)->root, key);
}

static int fail(struct err *err, int errnum, const char *name)
{
    bool ours = errnum == EACCES || errnum == EPERM || errnum == EROFS || errnum == ELOOP ||
                errnum == ENOTDIR || errnum == EISDIR || errnum == ENAMETOOLONG;

    return err_errno(err, ours ? ERR_CONFIG : ERR_DEPENDENCY, errnum, "%s", name);
}

static int folder_get(struct store *store, const char *key, size_t max_bytes, struct buf *out,
                      struct err *err)
{
    AUTO_FREE char *path = path_of(store, key);
    AUTO_FREE char *text = NULL;
    size_t len;

    if (file_read(&text, &len, path, max_bytes, err) < 0)
        return -1;
    return buf_append(out, text, len, err);
}

static int make_folder_of(const char *path, struct err *err)
{
    AUTO_FREE char *folder = xstrndup(path, (size_t)(strrchr(path, '/') - path));

    return file_mkdirs(folder, err);
}

static int folder_writer(struct store_writer **out, struct store *store, const char *key,
                         struct err *err)
{
    AUTO_FREE char *path = path_of(store, key);

    if (make_folder_of(path, err) < 0)
        return -1;
    return folder_writer_open(out, path, false, err);
}

static int folder_create(struct store *store, const char *key, const void *data, size_t len,
                         struct err *err)
{
    AUTO(store_writer) struct store_writer *writer = NULL;

    if (store_writer_open(&writer, store, key, err) < 0 ||
        store_writer_write(writer, data, len, err) < 0)
        return -1;
    return store_writer_commit(writer, NULL, err);
}

static int folder_remove(struct store *store, const char *key, struct err *err)
{
    AUTO_FREE char *path = path_of(store, key);

    return file_remove(path, err);
}

/* Removes what is below the folder `path`, sparing `keep` (a path, or NULL) and its folders. */
static int remove_below(const char *path, const char *keep, int depth, struct err *err)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    AUTO(dir) DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    const struct dirent *entry;

    if (!dir)
        return errno == ENOENT ? 0 : fail(err, errno, path);
    while ((entry = readdir(dir))) {
        AUTO_FREE char *below = xasprintf("%s/%s", path, entry->d_name);
        size_t len = strlen(below);

        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0 ||
            (keep && strcmp(below, keep) == 0))
            continue;
        if (keep && depth < TREE_MAX_DEPTH && strncmp(below, keep, len) == 0 && keep[len] == '/') {
            if (remove_below(below, keep, depth + 1, err) < 0)
                return -1;
        } else if (file_remove_tree(below, err) < 0) {
            return -1;
        }
    }
    return 0;
}

static int folder_remove_tree(struct store *store, const char *prefix, const char *keep,
                              struct err *err)
{
    AUTO_FREE char *path = path_of(store, prefix);
    AUTO_FREE char *spared = keep ? path_of(store, keep) : NULL;

    if (remove_below(path, spared, 0, err) < 0)
        return -1;
    (void)rmdir(path); /* a folder is no object; it stays where something was spared */
    return 0;
}

struct listing {
    const char *prefix;
    size_t skip; /* bytes of the root and its slash */
    store_each_fn *each;
    void *ctx;
};

/* What is below the folder `path` and goes on as the prefix does. */
static int list_below(const struct listing *listing, const char *path, int depth, struct err *err)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    AUTO(dir) DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    const struct dirent *entry;

    if (!dir)
        return errno == ENOENT ? 0 : fail(err, errno, path);
    while ((entry = readdir(dir))) {
        AUTO_FREE char *below = xasprintf("%s/%s", path, entry->d_name);
        const char *key = below + listing->skip;
        size_t len = strlen(listing->prefix), here = strlen(key);
        struct stat st;

        if (entry->d_name[0] == '.' || strncmp(key, listing->prefix, here < len ? here : len) != 0)
            continue;
        if (lstat(below, &st) < 0)
            continue; /* it went */
        if (S_ISDIR(st.st_mode) && depth < TREE_MAX_DEPTH) {
            if (list_below(listing, below, depth + 1, err) < 0)
                return -1;
        } else if (S_ISREG(st.st_mode) && here >= len) {
            if (listing->each(listing->ctx, key, (uint64_t)st.st_size, err) < 0)
                return -1;
        }
    }
    return 0;
}

static int folder_list(struct store *store, const char *prefix, store_each_fn *each, void *ctx,
                       struct err *err)
{
    const char *root = ((const struct folder *)store)->root, *slash = strrchr(prefix, '/');
    struct listing listing = { prefix, strlen(root) + 1, each, ctx };
    AUTO_FREE char *path =
        xasprintf("%s%s%.*s", root, slash ? "/" : "", slash ? (int)(slash - prefix) : 0, prefix);

    return list_below(&listing, path, 0, err);
}

static int folder_reader(struct store_reader **out, struct store *store, const char *key,
                         struct err *err)
{
    AUTO_FREE char *path = path_of(store, key);

    return folder_reader_open(out, path, key, err);
}

/* ".stereojob", which holds the works of jobs beside their outputs, goes with the last of them. */
static void holder_drop(const char *root)
{
    static const char holder[] = "/.stereojob";
    AUTO_FREE char *path = xstrdup(root);
    size_t len = strlen(path);
    char *slash;

    while (len > 1 && path[len - 1] == '/')
        path[--len] = '\0';
    slash = strrchr(path, '/');
    if (!slash)
        return;
    *slash = '\0';
    len = strlen(path);
    if (len >= sizeof(holder) - 1 && strcmp(path + len - (sizeof(holder) - 1), holder) == 0)
        (void)rmdir(path); /* another job's work is in it: then it stays */
}

/* Only what store writers leave aside (folder_writer.c), and the folder itself when it is empty. */
static int folder_drop(struct store *store, struct err *err)
{
    const char *root = ((const struct folder *)store)->root;
    AUTO(dir) DIR *dir = opendir(root);
    const struct dirent *entry;

    if (!dir)
        return errno == ENOENT ? 0 : fail(err, errno, root);
    while ((entry = readdir(dir))) {
        if (entry->d_name[0] == '.' && strstr(entry->d_name, ".part-"))
            (void)unlinkat(dirfd(dir), entry->d_name, 0);
    }
    if (rmdir(root) < 0 && errno != ENOTEMPTY && errno != EEXIST && errno != ENOENT)
        return errno == EBUSY ? 0 : fail(err, errno, root); /* busy: it is the mount itself */
    holder_drop(root);
    return 0;
}

static void folder_free(struct store *store)
{
    struct folder *folder = (struct folder *)store;

    free(folder->root);
    free(folder);
}

static const struct store_ops folder_ops = {
    .get = folder_get,
    .create = folder_create,
    .remove = folder_remove,
    .remove_tree = folder_remove_tree,
    .list = folder_list,
    .reader_open = folder_reader,
    .writer_open = folder_writer,
    .drop = folder_drop,
    .creates_once = true,
    .free = folder_free,
};

int folder_open(struct store **out, const char *path, struct err *err)
{
    struct folder *folder;

    if (file_mkdirs(path, err) < 0)
        return -1;
    folder = xcalloc(1, sizeof(*folder));
    folder->base.ops = &folder_ops;
    folder->root = xstrdup(path);
    for (size_t len = strlen(path); len > 1 && folder->root[len - 1] == '/'; len--)
        folder->root[len - 1] = '\0';
    *out = &folder->base;
    return 0;
}

static int reader_read(struct store_reader *base, uint64_t offset, void *out, size_t len,
                       size_t *got, struct err *err)
{
    struct folder_reader *reader = (struct folder_reader *)base;
    size_t done = 0;

    while (done < len && offset + done < base->stat.size) {
        ssize_t n = pread(reader->fd, (char *)out + done, len - done, (off_t)(offset + done));

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return fail(err, errno, reader->name);
        if (n == 0)
            break;
        done += (size_t)n;
    }
    *got = done;
    base->bytes += done;
    return 0;
}

static void reader_free(struct store_reader *base)
{
    struct folder_reader *reader = (struct folder_reader *)base;

    (void)close(reader->fd);
    free(reader->name);
    free(reader);
}

static const struct store_reader_ops reader_ops = { reader_read, NULL, reader_free };

/* O_NONBLOCK: opening a FIFO must not wait for its writer; regular files ignore it. */
int folder_reader_open(struct store_reader **out, const char *path, const char *what,
                       struct err *err)
{
    AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    struct folder_reader *reader;
    struct stat st;

    if (fd < 0 || fstat(fd, &st) < 0) {
        (void)fail(err, errno, path);
        return err_wrap(err, "%s", what);
    }
    if (!S_ISREG(st.st_mode))
        return err_set(err, ERR_CONFIG, "%s: %s: not a regular file", what, path);
    reader = xcalloc(1, sizeof(*reader));
    reader->base.ops = &reader_ops;
    reader->base.stat.size = (uint64_t)st.st_size;
    reader->base.stat.mtime_ns = (int64_t)st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec;
    reader->name = xstrdup(what);
    reader->fd = fd;
    fd = -1;
    *out = &reader->base;
    return 0;
}
