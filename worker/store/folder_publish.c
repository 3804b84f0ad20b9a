/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/store/folder_publish.h"

#include "common/auto.h"
#include "common/clock.h"
#include "common/contract/names.h"
#include "common/failpoint.h"
#include "common/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>

#define CLAIM_MAX     100
#define CLAIM_POLL_MS 20

/* Failpoints are read when the first is passed; a program that has none set passes none here, so
 * that a test may still set some for its children. */
#ifdef STEREO_FAILPOINTS
#define HURT(name) (getenv(ENV_FAIL) && FP(name))
#else
#define HURT(name) FP(name)
#endif

static bool is_unsupported(int errnum)
{
    return errnum == EPERM || errnum == EOPNOTSUPP || errnum == ENOSYS || errnum == EINVAL ||
           errnum == EMLINK;
}

/* On a network file system the answer to our own link may be lost; then the file has one link more
 * than before. */
static int link_to(int fd, const char *aside, const char *path)
{
    nlink_t before = aside ? 1 : 0;
    struct stat st;
    char fd_path[40];
    int errnum;

    if (HURT("store.no_link")) {
        errno = EPERM;
        return -1;
    }
    (void)snprintf(fd_path, sizeof(fd_path), "/proc/self/fd/%d", fd);
    if (linkat(AT_FDCWD, aside ? aside : fd_path, AT_FDCWD, path, aside ? 0 : AT_SYMLINK_FOLLOW) ==
        0)
        return 0;
    errnum = errno;
    if (errnum == EEXIST && fstat(fd, &st) == 0 && st.st_nlink > before)
        return 0;
    errno = errnum;
    return -1;
}

static int rename_new(const char *aside, const char *path)
{
    if (HURT("store.no_rename")) {
        errno = EINVAL;
        return -1;
    }
    return renameat2(AT_FDCWD, aside, AT_FDCWD, path, RENAME_NOREPLACE);
}

static bool is_there(const char *path)
{
    struct stat st;

    return lstat(path, &st) == 0;
}

static char *claim_name(const char *path, int number)
{
    return xasprintf("%s.claim-%d", path, number);
}

/* 0: the claim is ours; EEXIST: somebody's. */
static int claim_make(const char *path, int number)
{
    AUTO_FREE char *claim = claim_name(path, number);
    AUTO_CLOSE int fd = open(claim, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);

    return fd < 0 ? -1 : 0;
}

static bool claim_is_there(const char *path, int number)
{
    AUTO_FREE char *claim = claim_name(path, number);

    return is_there(claim);
}

/* Ours and what the dead left before it. */
static void claim_remove(const char *path, int number)
{
    for (int i = 0; i <= number; i++) {
        AUTO_FREE char *claim = claim_name(path, i);

        (void)unlink(claim);
    }
}

enum claim_end { CLAIM_GONE, CLAIM_DEAD, CLAIM_TAKEN };

/* Somebody else's claim: waits for what becomes of it. */
static enum claim_end claim_wait(const char *path, int number)
{
    int64_t until = clock_mono_us() + (HURT("store.claim_dead") ? 100 : CLAIM_DEAD_MS) * 1000LL;

    while (clock_mono_us() < until) {
        const struct timespec pause = { .tv_nsec = CLAIM_POLL_MS * 1000000L };

        if (is_there(path))
            return CLAIM_TAKEN;
        if (!claim_is_there(path, number))
            return CLAIM_GONE;
        (void)nanosleep(&pause, NULL);
    }
    return CLAIM_DEAD;
}

/* With the claim in hand. */
static int claim_use(const char *aside, const char *path, int number)
{
    int rc = -1;

    if (HURT("store.claimed"))
        errno = EIO;
    else if (is_there(path) || claim_is_there(path, number + 1))
        errno = EEXIST;
    else
        rc = rename(aside, path);
    return rc;
}

static int publish_by_claim(const char *aside, const char *path)
{
    for (int number = 0; number < CLAIM_MAX;) {
        enum claim_end end;

        if (claim_make(path, number) == 0) {
            int rc = claim_use(aside, path, number), errnum = errno;

            claim_remove(path, number);
            errno = errnum;
            return rc;
        }
        if (errno != EEXIST)
            return -1;
        end = claim_wait(path, number);
        if (end == CLAIM_TAKEN) {
            errno = EEXIST;
            return -1;
        }
        if (end == CLAIM_DEAD)
            number++;
        else
            number = 0;
    }
    errno = EBUSY;
    return -1;
}

int folder_publish(int fd, char **aside, const char *path)
{
    if (link_to(fd, *aside, path) == 0)
        return 0;
    if (!is_unsupported(errno) || !*aside)
        return -1;
    if (rename_new(*aside, path) < 0) {
        if (!is_unsupported(errno) || publish_by_claim(*aside, path) < 0)
            return -1;
    }
    free(TAKE(*aside));
    return 0;
}
