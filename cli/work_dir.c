/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/work_dir.h"

#include "common/auto.h"
#include "common/failpoint.h"
#include "common/file.h"
#include "common/mem.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* In the order of removal. */
static const char *const CONTENT[] = { "segments",     "pieces",        "pods",
                                       "logs",         "assemble.json", "assemble-right.json",
                                       "encoder.json", "plan.json",     "job.json",
                                       "lock" };

char *work_dir_default(const char *output_path)
{
    return xasprintf("%s.stereojob", output_path);
}

bool work_dir_is_begun(const char *work_dir)
{
    AUTO_FREE char *path = xasprintf("%s/job.json", work_dir);

    return file_exists(path);
}

/* Links and .. resolved as far as there is something; caller frees. */
static char *true_path(const char *path)
{
    const char *slash = strrchr(path, '/');
    AUTO_FREE char *folder = slash ? xstrndup(path, (size_t)(slash - path)) : xstrdup(".");
    AUTO_FREE char *whole = realpath(path, NULL), *above = NULL;

    if (whole)
        return TAKE(whole);
    if (slash && !*folder)
        return xstrdup(path);
    above = realpath(folder, NULL);
    if (!above && slash)
        above = true_path(folder);
    return xasprintf("%s/%s", above ? above : folder, slash ? slash + 1 : path);
}

/* What a run would take for its own and remove; NULL when there is nothing. */
static const char *claimed(const char *work_dir)
{
    for (size_t i = 0; i < sizeof(CONTENT) / sizeof(CONTENT[0]); i++) {
        AUTO_FREE char *path = xasprintf("%s/%s", work_dir, CONTENT[i]);

        if (file_exists(path))
            return CONTENT[i];
    }
    return NULL;
}

int work_dir_check(const char *work_dir, const char *output_path, const char *what, struct err *err)
{
    AUTO_FREE char *work = true_path(work_dir), *out = true_path(output_path);
    AUTO_FREE char *lock = xasprintf("%s/lock", work_dir);
    const char *theirs;
    size_t len = strlen(out);
    struct stat st;

    if (strncmp(work, out, len) == 0 && (work[len] == '\0' || work[len] == '/'))
        return err_set(err, ERR_CONFIG, "%s: %s is where the output goes; give another folder",
                       what, work_dir);
    if (stat(work_dir, &st) < 0)
        return errno == ENOTDIR ? err_errno(err, ERR_CONFIG, errno, "%s: %s", what, work_dir) : 0;
    if (!S_ISDIR(st.st_mode))
        return err_set(err, ERR_CONFIG, "%s: %s is not a folder", what, work_dir);
    theirs = claimed(work_dir);
    if (theirs && !work_dir_is_begun(work_dir) && !file_exists(lock))
        return err_set(err, ERR_CONFIG,
                       "%s: %s has a '%s' that is of no run of ours; give an empty or a new folder",
                       what, work_dir, theirs);
    return 0;
}

int work_dir_remove(const char *work_dir, struct err *err)
{
    for (size_t i = 0; i < sizeof(CONTENT) / sizeof(CONTENT[0]); i++) {
        AUTO_FREE char *path = xasprintf("%s/%s", work_dir, CONTENT[i]);

        if (file_remove_tree(path, err) < 0)
            return err_wrap(err, "work folder");
        (void)FP("cli.sweep");
    }
    if (file_remove_asides(work_dir, err) < 0)
        return err_wrap(err, "work folder");
    (void)rmdir(work_dir);
    return 0;
}
