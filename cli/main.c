/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cluster/verbs.h"
#include "cli/problems.h"
#include "cli/program.h"
#include "cli/verbs.h"
#include "common/cores.h"
#include "common/log.h"
#include "common/suggest.h"
#include "version.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

static int unknown_verb(const char *name)
{
    const char *names[64];
    unsigned count = 0;
    const char *near;
    struct err err;

    for (unsigned i = 0; i < verbs_count; i++)
        names[count++] = verbs[i].name;
    for (unsigned i = 0; i < cluster_verbs_count; i++)
        names[count++] = cluster_verbs[i].name;
    near = suggest_nearest(name, names, count);
    if (near)
        (void)err_set(&err, ERR_CONFIG, "'%s': no such verb; did you mean %s?", name, near);
    else
        (void)err_set(&err, ERR_CONFIG, "'%s': no such verb; --help lists them", name);
    return problem_exit(&err);
}

int main(int argc, char **argv)
{
    int code;

    (void)signal(SIGXFSZ, SIG_IGN); /* a full disk is an error, not a death */
    cores_forbid();
    program_name_set(argc > 0 ? argv[0] : NULL);
    log_setup("stereo", LOG_WARN, false);
    if (argc < 2) {
        help_main();
        return 64;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ||
        strcmp(argv[1], "help") == 0) {
        if (argc > 2)
            help_verb(argv[2]);
        else
            help_main();
        return 0;
    }
    if (strcmp(argv[1], "--version") == 0) {
        (void)printf("stereo %s (%s)\n", STEREO_VERSION, STEREO_COMMIT);
        return 0;
    }
    for (unsigned i = 0; i < verbs_count; i++)
        if (strcmp(argv[1], verbs[i].name) == 0)
            return verbs[i].run(argc - 2, argv + 2);
    if (cluster_run(argv[1], argc - 2, argv + 2, &code) == 0)
        return code;
    return unknown_verb(argv[1]);
}
