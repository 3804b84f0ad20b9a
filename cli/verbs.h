/* SPDX-License-Identifier: Apache-2.0
 *
 * verbs.h - one function a verb: argv is what follows the verb; the answer is the exit code (the
 * classes of contract/class.h). A verb prints its own messages.
 */
#ifndef CLI_VERBS_H
#define CLI_VERBS_H

int verb_convert(int argc, char **argv);
int verb_run(int argc, char **argv);
int verb_plan(int argc, char **argv);
int verb_preview(int argc, char **argv);
int verb_probe(int argc, char **argv);

struct verb {
    const char *name;
    const char *args;    /* "IN OUT [options]" */
    const char *summary; /* one line */
    int (*run)(int argc, char **argv);
};
extern const struct verb verbs[];
extern const unsigned verbs_count;

void help_main(void);
/* The page of one verb: usage, options from the field table, examples. */
void help_verb(const char *name);
#endif
