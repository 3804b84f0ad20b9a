/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/options.h"
#include "cli/verbs.h"
#include "cli/worker_program.h"
#include "common/auto.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

/* The worker knows films, this program does not: it becomes `stereo-worker probe`. */
static int become_worker(const char *uri, bool json)
{
    AUTO_FREE char *path = NULL;
    struct err err;

    if (worker_program_find(&path, &err) < 0)
        return problem_exit(&err);
    execl(path, path, "probe", uri, json ? "--json" : (char *)NULL, (char *)NULL);
    (void)err_set(&err, ERR_INTERNAL, "%s: %s", path, strerror(errno));
    return problem_exit(&err);
}

int verb_probe(int argc, char **argv)
{
    struct problems problems = { 0 };
    struct options options;
    int code = 64;

    options_parse(&options, argc, argv, false, &problems);
    if (options.help) {
        help_verb("probe");
        code = 0;
    } else if (options.arg_count != 1) {
        problems_add(&problems, "probe takes one film: stereo probe IN");
    }
    problems_print(&problems);
    if (!options.help && problems.count == 0)
        code = become_worker(options.args[0], options.json);
    problems_clear(&problems);
    options_clear(&options);
    return code;
}
