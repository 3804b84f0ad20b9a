/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/work_dir.h"

#include "common/auto.h"
#include "common/failpoint.h"
#include "common/file.h"
#include "common/mem.h"

#include <unistd.h>

/* In the order of removal. */
static const char *const CONTENT[] = { "segments",  "pieces",        "pods",
                                       "logs",      "assemble.json", "encoder.json",
                                       "plan.json", "job.json",      "lock" };

char *work_dir_default(const char *output_path)
{
    return xasprintf("%s.stereojob", output_path);
}

bool work_dir_is_begun(const char *work_dir)
{
    AUTO_FREE char *path = xasprintf("%s/job.json", work_dir);

    return file_exists(path);
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
