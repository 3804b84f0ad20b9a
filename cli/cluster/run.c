/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cluster/verbs.h"

#include "cli/problems.h"
#include "cli/program.h"

#include <stdio.h>
#include <string.h>

#define WHERE                                                                                      \
    "  -n, --namespace NAME              Namespace [the context's]\n"                              \
    "  --context NAME, --kubeconfig FILE Which cluster [as kubectl]\n"
#define OUTPUT  "  -o json|yaml|wide|name            Another output\n"
#define CHANGED "  -o json|yaml|name                 The object as it is now\n"
#define WATCH   "  -w, --watch                       Go on: a line at each change\n"

const struct cluster_verb cluster_verbs[] = {
    { "submit", "-f job.yaml [--wait]", "create a StereoJob on a cluster",
      "filename,wait,timeout,output",
      "  -f, --filename FILE               The manifest; - is stdin\n"
      "  --wait                            Stay until it is over, as stereo wait does\n"
      "  --timeout 2h                      With --wait: at most so long; then exit 75\n" CHANGED
          WHERE,
      0, 0, verb_submit },
    { "list", "[-A] [-w]", "list the StereoJobs of a cluster", "all-namespaces,watch,output",
      "  -A, --all-namespaces              Of all namespaces\n" WATCH OUTPUT WHERE, 0, 0,
      verb_get },
    { "get", "[NAME...] [-w]", "show StereoJobs", "all-namespaces,watch,output",
      "  -A, --all-namespaces              Of all namespaces; without NAME\n" WATCH OUTPUT WHERE, 0,
      FLAGS_MAX_ARGS, verb_get },
    { "describe", "NAME", "show one with its pods and events", "", WHERE, 1, 1, verb_describe },
    { "logs", "NAME [--segment N]", "print its pods' logs", "segment,previous,follow",
      "  --segment N                       Of one segment's newest attempt\n"
      "  --previous                        Of the attempt before\n"
      "  -f, --follow                      Of the newest pod; go on as it is written\n" WHERE,
      1, 1, verb_logs },
    { "wait", "NAME", "stay until it is over; 0 when the film is there", "timeout",
      "  --timeout 2h                      At most so long; then exit 75\n" WHERE, 1, 1,
      verb_wait },
    { "download", "NAME [FILE]", "fetch its film from S3, with your own AWS_* keys",
      "overwrite,url",
      "FILE: a file, or a folder; without it the film's name, here. With layout LeftRight the\n"
      "right eye's film comes along, as FILE_R. Stopped, the same command goes on.\n"
      "Keys: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_REGION, AWS_ENDPOINT_URL.\n\n"
      "  --overwrite                       Replace FILE\n"
      "  --url                             Print a URL that is good for an hour instead\n" WHERE,
      1, 2, verb_download },
    { "suspend", "NAME...", "stop its pods, keep what is done", "output", CHANGED WHERE, 1,
      FLAGS_MAX_ARGS, verb_suspend },
    { "resume", "NAME...", "go on with a suspended one", "output", CHANGED WHERE, 1, FLAGS_MAX_ARGS,
      verb_resume },
    { "cancel", "NAME...", "end it for good, keep the object", "output", CHANGED WHERE, 1,
      FLAGS_MAX_ARGS, verb_cancel },
    { "retry", "NAME...", "try again what failed", "segments,discard,output",
      "  --segments 7,9-11                 Only these\n"
      "  --discard                         Give up what failed instead\n" CHANGED WHERE,
      1, FLAGS_MAX_ARGS, verb_retry },
    { "delete", "NAME...", "delete it, its pods and its work; the film stays", "", WHERE, 1,
      FLAGS_MAX_ARGS, verb_delete },
};
const unsigned cluster_verbs_count = sizeof(cluster_verbs) / sizeof(cluster_verbs[0]);

void cluster_help(const struct cluster_verb *verb)
{
    (void)printf("Usage: %s %s %s: %s\n\n%s", program_name(), verb->name, verb->args, verb->summary,
                 verb->help);
}

static void arguments_check(const struct cluster_verb *verb, const struct flags *flags,
                            struct problems *problems)
{
    if (flags->arg_count < verb->min_args)
        problems_add(problems, "NAME is missing: %s %s %s", program_name(), verb->name, verb->args);
    for (int i = verb->max_args; i < flags->arg_count; i++)
        problems_add(problems, "'%s': %s takes no such argument", flags->args[i], verb->name);
}

static int verb_run_flags(const struct cluster_verb *verb, const struct flags *flags)
{
    AUTO(api) struct api *api = NULL;
    struct err err;
    int code = 0;

    if (api_open(&api, flags, &err) == 0 && verb->run(api, flags, &code, &err) == 0)
        return code;
    if (err.code == ERR_NOT_FOUND || err.code == ERR_CONFLICT) /* the name that was given */
        err.code = ERR_CONFIG;
    return problem_exit(&err);
}

static int verb_go(const struct cluster_verb *verb, int argc, char **argv)
{
    struct problems problems = { 0 };
    struct flags flags;
    int code = 64;

    flags_parse(&flags, verb->takes, argc, argv, &problems);
    if (flags.help) {
        cluster_help(verb);
        code = 0;
    } else {
        arguments_check(verb, &flags, &problems);
        problems_print(&problems);
        if (problems.count == 0)
            code = verb_run_flags(verb, &flags);
    }
    problems_clear(&problems);
    return code;
}

int cluster_run(const char *name, int argc, char **argv, int *code)
{
    for (unsigned i = 0; i < cluster_verbs_count; i++) {
        if (strcmp(cluster_verbs[i].name, name) == 0) {
            *code = verb_go(&cluster_verbs[i], argc, argv);
            return 0;
        }
    }
    return -1;
}
