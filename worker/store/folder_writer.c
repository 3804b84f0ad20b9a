/* SPDX-License-Identifier: Apache-2.0 */
#include "common/file.h"
#include "common/mem.h"
#include "worker/store/folder_publish.h"
#include "worker/store/ops.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define ASIDE_NAME_MAX 200
#define COPY_BYTES     (1u << 20)
#define SEND_BYTES     (16u << 20) /* on their way to the disk while more is written */

/*
 * A file without a name (O_TMPFILE) where the file system has that: a crash then leaves nothing at
 * all. Else a hidden name beside the target.
 */
struct folder_writer {
    struct store_writer base;
    int fd;
    char *path;   /* owned */
    char *folder; /* owned; of path */
    char *aside;  /* owned; the hidden name, NULL while there is none */
    bool overwrite;
    uint64_t sent; /* the disk was asked to write everything before */
};

static int fail(struct err *err, int errnum, const char *path)
{
    bool ours = errnum == EACCES || errnum == EPERM || errnum == EROFS || errnum == ELOOP ||
                errnum == ENOTDIR || errnum == EISDIR || errnum == ENAMETOOLONG;
    enum err_code code = errnum == EFBIG ? ERR_SPACE : ours ? ERR_CONFIG : ERR_DEPENDENCY;

    return err_errno(err, code, errnum, "%s", path);
}

static char *aside_of(const struct folder_writer *writer)
{
    unsigned long long id;

    hash_random(&id, sizeof(id));
    return xasprintf("%s/.%.*s.part-%016llx", writer->folder, ASIDE_NAME_MAX,
                     strrchr(writer->path, '/') + 1, id);
}

/* So that the sync of a large file at its end finds little left to do. Only a hint. */
static void send_on(struct folder_writer *writer, uint64_t end, uint64_t least)
{
    if (end < writer->sent + least)
        return;
    (void)sync_file_range(writer->fd, (off_t)writer->sent, (off_t)(end - writer->sent),
                          SYNC_FILE_RANGE_WRITE);
    writer->sent = end;
}

static int writer_write(struct store_writer *base, uint64_t offset, const void *data, size_t len,
                        struct err *err)
{
    struct folder_writer *writer = (struct folder_writer *)base;

    for (size_t done = 0; done < len;) {
        ssize_t n =
            pwrite(writer->fd, (const char *)data + done, len - done, (off_t)(offset + done));

        if (n < 0 && errno != EINTR)
            return fail(err, errno, writer->path);
        if (n > 0)
            done += (size_t)n;
    }
    send_on(writer, offset + len, SEND_BYTES);
    return 0;
}

static int writer_read(struct store_writer *base, uint64_t offset, void *out, size_t len,
                       size_t *got, struct err *err)
{
    struct folder_writer *writer = (struct folder_writer *)base;
    size_t done = 0;

    send_on(writer, base->size, 1); /* who reads back has written it all */
    while (done < len) {
        ssize_t n = pread(writer->fd, (char *)out + done, len - done, (off_t)(offset + done));

        if (n < 0 && errno != EINTR)
            return fail(err, errno, writer->path);
        if (n == 0)
            break;
        if (n > 0)
            done += (size_t)n;
    }
    *got = done;
    return 0;
}

/* Where link is not to be had, a file without a name can only be written once more beside it. */
static int give_name(struct folder_writer *writer)
{
    AUTO_FREE char *aside = aside_of(writer);
    AUTO_CLOSE int fd = open(aside, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    AUTO_FREE char *block = xmalloc(COPY_BYTES);
    off_t at = 0;
    ssize_t n = 1;

    while (fd >= 0 && n > 0) {
        n = pread(writer->fd, block, COPY_BYTES, at);
        if (n > 0)
            n = pwrite(fd, block, (size_t)n, at);
        at += n > 0 ? n : 0;
    }
    if (fd < 0 || n < 0 || fsync(fd) < 0) {
        int errnum = errno;

        (void)unlink(aside);
        errno = errnum;
        return -1;
    }
    (void)close(writer->fd);
    writer->fd = fd;
    fd = -1;
    writer->aside = TAKE(aside);
    return 0;
}

static int publish_new(struct folder_writer *writer, const char *path)
{
    if (folder_publish(writer->fd, &writer->aside, path) == 0)
        return 0;
    if (writer->aside || (errno != EPERM && errno != EOPNOTSUPP && errno != ENOSYS))
        return -1;
    if (give_name(writer) < 0)
        return -1;
    return folder_publish(writer->fd, &writer->aside, path);
}

static int publish(struct folder_writer *writer, struct err *err)
{
    if (!writer->overwrite) {
        if (publish_new(writer, writer->path) < 0)
            return fail(err, errno, writer->path);
        return 0;
    }
    if (!writer->aside) {
        AUTO_FREE char *aside = aside_of(writer);

        if (publish_new(writer, aside) < 0)
            return fail(err, errno, aside);
        if (!writer->aside)
            writer->aside = TAKE(aside);
    }
    if (rename(writer->aside, writer->path) < 0)
        return fail(err, errno, writer->path);
    free(TAKE(writer->aside));
    return 0;
}

static int writer_commit(struct store_writer *base, struct err *err)
{
    struct folder_writer *writer = (struct folder_writer *)base;

    if (fsync(writer->fd) < 0)
        return fail(err, errno, writer->path);
    if (publish(writer, err) < 0)
        return -1;
    return file_sync_dir(*writer->folder ? writer->folder : "/", err);
}

static void writer_free(struct store_writer *base)
{
    struct folder_writer *writer = (struct folder_writer *)base;

    if (writer->aside)
        (void)unlink(writer->aside);
    if (writer->fd >= 0)
        (void)close(writer->fd);
    free(writer->path);
    free(writer->folder);
    free(writer->aside);
    free(writer);
}

static const struct store_writer_ops writer_ops = { writer_write, writer_read, writer_commit,
                                                    writer_free };

/* Not every file system has O_TMPFILE, and link needs /proc to name such a file. */
static int open_nameless(const struct folder_writer *writer)
{
    int fd;

    if (access("/proc/self/fd", F_OK) < 0) {
        errno = EOPNOTSUPP;
        return -1;
    }
    fd = open(*writer->folder ? writer->folder : "/", O_TMPFILE | O_RDWR | O_CLOEXEC, 0666);
    if (fd < 0 && (errno == EISDIR || errno == EINVAL))
        errno = EOPNOTSUPP; /* kernels and file systems that do not know the flag */
    return fd;
}

static int open_aside(struct folder_writer *writer, struct err *err)
{
    struct stat st;

    writer->fd = open_nameless(writer);
    if (writer->fd < 0 && errno == EOPNOTSUPP) {
        AUTO_FREE char *aside = aside_of(writer);

        writer->fd = open(aside, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (writer->fd >= 0)
            writer->aside = TAKE(aside);
    }
    if (writer->fd < 0)
        return fail(err, errno, writer->path);
    if (lstat(writer->path, &st) < 0)
        return errno == ENOENT ? 0 : fail(err, errno, writer->path);
    if (S_ISDIR(st.st_mode))
        return err_set(err, ERR_CONFIG, "%s: is a folder", writer->path);
    if (!writer->overwrite)
        return fail(err, EEXIST, writer->path);
    return 0;
}

int folder_writer_open(struct store_writer **out, const char *path, bool overwrite, struct err *err)
{
    AUTO(store_writer) struct store_writer *base = NULL;
    struct folder_writer *writer = xcalloc(1, sizeof(*writer));

    base = &writer->base;
    base->ops = &writer_ops;
    writer->fd = -1;
    writer->overwrite = overwrite;
    writer->path = strchr(path, '/') ? xstrdup(path) : xasprintf("./%s", path);
    writer->folder = xstrndup(writer->path, (size_t)(strrchr(writer->path, '/') - writer->path));
    if (open_aside(writer, err) < 0)
        return -1;
    *out = TAKE(base);
    return 0;
}
