/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/command_job.h"
#include "cli/local_run.h"
#include "cli/options.h"
#include "cli/quote.h"
#include "cli/verbs.h"
#include "common/mem.h"

static void others_refuse(const struct options *options, struct problems *problems)
{
    if (options->manifest)
        problems_add(problems, "-f belongs to `stereo run`");
    if (options->speed)
        problems_add(problems, "--speed belongs to `stereo plan`");
}

int verb_convert(int argc, char **argv)
{
    struct problems problems = { 0 };
    struct options options;
    AUTO_FREE char *again = quote_command("stereo convert", argc, argv);
    int code = 64;

    options_parse(&options, argc, argv, true, &problems);
    if (options.help) {
        help_verb("convert");
        code = 0;
    } else {
        others_refuse(&options, &problems);
        if (command_job(&options, "convert", &problems) == 0)
            code = local_run_job(options.job, &options, again);
        problems_print(&problems);
    }
    problems_clear(&problems);
    options_clear(&options);
    return code;
}
