/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/local_run.h"
#include "cli/manifest.h"
#include "cli/options.h"
#include "cli/quote.h"
#include "cli/verbs.h"
#include "common/mem.h"

static void arguments_check(const struct options *options, struct problems *problems)
{
    if (!options->manifest)
        problems_add(problems, "-f FILE is missing: stereo run -f job.yaml");
    if (options->speed)
        problems_add(problems, "--speed belongs to `stereo plan`");
    for (int i = 0; i < options->arg_count; i++)
        problems_add(problems, "'%s': run takes no arguments but -f FILE", options->args[i]);
}

int verb_run(int argc, char **argv)
{
    struct problems problems = { 0 };
    struct options options;
    AUTO_FREE char *again = quote_command("stereo run", argc, argv);
    AUTO(cJSON) cJSON *job = NULL;
    int code = 64;

    options_parse(&options, argc, argv, false, &problems);
    if (options.help) {
        help_verb("run");
        code = 0;
    } else {
        arguments_check(&options, &problems);
        if (problems.count == 0)
            manifest_load(&job, options.manifest, MANIFEST_LOCAL, &problems);
        if (problems.count == 0)
            code = local_run_job(job, &options, again);
        problems_print(&problems);
    }
    problems_clear(&problems);
    options_clear(&options);
    return code;
}
