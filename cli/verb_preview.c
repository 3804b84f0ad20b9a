/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/absolute.h"
#include "cli/command_job.h"
#include "cli/flag_words.h"
#include "cli/program.h"
#include "cli/quote.h"
#include "cli/verbs.h"
#include "cli/worker_program.h"
#include "common/contract/fields.h"
#include "common/contract/names.h"
#include "common/mem.h"

#include <stdio.h>
#include <string.h>

enum { FRAMES = 4, FRAMES_MAX = 16, VALUES_MAX = 8, TILE = 640, TILE_MIN = 64, TILE_MAX = 1920 };

enum own { OWN_FOLDER, OWN_FRAMES, OWN_AT, OWN_DIVERGENCE, OWN_CONVERGENCE, OWN_WIDTH, OWN_COUNT };
static const char *const own_names[OWN_COUNT] = { "out",        "frames",      "at",
                                                  "divergence", "convergence", "width" };

struct own_options {
    const char *value[OWN_COUNT]; /* borrowed from argv */
    char **rest;                  /* owned array; what is not ours */
    int rest_count;
};

/* -1: not ours. *value: what follows "=", or NULL. */
static int own_find(const char *word, const char **value)
{
    *value = NULL;
    if (strcmp(word, "-o") == 0)
        return OWN_FOLDER;
    for (int i = 0; i < OWN_COUNT && strncmp(word, "--", 2) == 0; i++) {
        size_t len = strlen(own_names[i]);

        if (strncmp(word + 2, own_names[i], len) != 0)
            continue;
        if (word[2 + len] == '=')
            *value = word + 3 + len;
        if (*value || !word[2 + len])
            return i;
    }
    return -1;
}

/* Lists where convert takes one value, so these are read before the field table sees the rest. */
static void own_take(struct own_options *own, int argc, char **argv, struct problems *problems)
{
    own->rest = xcalloc((size_t)argc + 1, sizeof(*own->rest));
    for (int i = 0; i < argc; i++) {
        const char *value;
        int found = own_find(argv[i], &value);

        if (found < 0) {
            own->rest[own->rest_count++] = argv[i];
        } else if (value || i + 1 < argc) {
            own->value[found] = value ? value : argv[++i];
        } else {
            problems_add(problems, "%s needs a value", argv[i]);
        }
    }
}

static cJSON *value_take(const struct field *field, const char *name, const char *text,
                         bool *said_auto, struct problems *problems)
{
    AUTO(cJSON) cJSON *scratch = cJSON_CreateObject();
    const cJSON *value;
    struct err err;

    if (strcmp(name, "convergence") == 0 && strcmp(text, "auto") == 0 && !*said_auto) {
        *said_auto = true;
        return cJSON_CreateString(text);
    }
    if (fields_set_flag(scratch, field, text, &err) == 0) {
        value = json_path(scratch, field->path);
        if (cJSON_IsNumber(value) && value->valuedouble >= 0 && value->valuedouble <= field->max)
            return cJSON_CreateNumber(value->valuedouble);
    }
    if (strcmp(name, "at") == 0)
        problems_add(problems, "--at: '%s' must be times such as 12.5 or 1:02:03", text);
    else
        problems_add(problems, "--%s: '%s' must be numbers of 0 to %g, such as %s", name, text,
                     (double)field->max, field->max > 1 ? "1,2,3" : "0.3,0.5, or auto, once");
    return NULL;
}

/* "1,2.5" as the field table reads each of them. */
static void list_add(cJSON *orders, const char *key, const char *name, const char *flag,
                     const char *text, int most, struct problems *problems)
{
    const struct field *field = fields_find_flag(flag);
    cJSON *list = cJSON_AddArrayToObject(orders, key);
    AUTO_FREE char *copy = xstrdup(text);
    char *rest = copy, *word;
    bool said_auto = false;

    while ((word = strsep(&rest, ","))) {
        cJSON *item = value_take(field, name, word, &said_auto, problems);

        if (!item)
            return;
        cJSON_AddItemToArray(list, item);
    }
    if (cJSON_GetArraySize(list) > most)
        problems_add(problems, "--%s: %d values are more than %d", name, cJSON_GetArraySize(list),
                     most);
}

static void count_add(cJSON *orders, const char *key, const char *name, const char *text, int def,
                      int min, int max, struct problems *problems)
{
    char *end = NULL;
    long value = text ? strtol(text, &end, 10) : def;

    if (text && (!*text || *end || value < min || value > max))
        problems_add(problems, "--%s: '%s' must be a whole number of %d to %d", name, text, min,
                     max);
    json_add_i64(orders, key, value);
}

static cJSON *orders_make(const struct own_options *own, struct problems *problems)
{
    const char *const *value = own->value;
    cJSON *orders = cJSON_CreateObject();

    if (!value[OWN_FOLDER] || !*value[OWN_FOLDER])
        problems_add(problems, "-o DIR is missing: the folder for the pictures");
    else
        json_add_str(orders, "folder", value[OWN_FOLDER]);
    if (value[OWN_AT] && value[OWN_FRAMES])
        problems_add(problems, "--frames: --at says already which frames");
    if (value[OWN_AT])
        list_add(orders, "times", "at", "from", value[OWN_AT], FRAMES_MAX, problems);
    else
        count_add(orders, "frames", "frames", value[OWN_FRAMES], FRAMES, 1, FRAMES_MAX, problems);
    list_add(orders, "divergences", "divergence", "divergence",
             value[OWN_DIVERGENCE] ? value[OWN_DIVERGENCE] : "1,2,3", VALUES_MAX, problems);
    list_add(orders, "convergences", "convergence", "convergence",
             value[OWN_CONVERGENCE] ? value[OWN_CONVERGENCE] : "0.3,0.5,0.7,auto", VALUES_MAX,
             problems);
    count_add(orders, "tile", "width", value[OWN_WIDTH], TILE, TILE_MIN, TILE_MAX, problems);
    return orders;
}

/* The film as a job: nothing is made of it, so where to is of no matter. */
static void job_make(struct options *options, struct problems *problems)
{
    AUTO_FREE char *out = NULL;

    if (options->manifest || options->work_dir || options->speed || options->keep_work)
        problems_add(problems, "preview takes no -f, --work-dir, --keep-work or --speed");
    if (options->arg_count != 1) {
        problems_add(problems, "preview takes one film: stereo preview IN -o DIR");
        return;
    }
    out = xasprintf("%s.preview.mp4", options->args[0]);
    options->args[options->arg_count++] = out;
    (void)command_job(options, "preview", problems);
    options->args[--options->arg_count] = NULL;
}

static const char *kind_words(const char *kind)
{
    if (strcmp(kind, "anaglyph") == 0)
        return "through red-cyan glasses";
    return strcmp(kind, "sbs") == 0 ? "both eyes side by side" : "each frame and its depth";
}

static void tell(const cJSON *doc, const char *film)
{
    char *words[] = { "convert", (char *)film, "--divergence", "2", "--convergence", "0.5" };
    AUTO_FREE char *command = quote_command(program_name(), 6, words);
    const cJSON *item;
    int tiring = 0, all = 0;

    cJSON_ArrayForEach(item, json_path(doc, "pictures"))
    {
        (void)printf("%s   %s\n", json_text(item, "path"), kind_words(json_text(item, "kind")));
    }
    cJSON_ArrayForEach(item, json_path(doc, "cells"))
    {
        all++;
        tiring += cJSON_IsFalse(cJSON_GetObjectItemCaseSensitive(item, "comfortable"));
    }
    if (tiring)
        (void)printf("%d of %d pictures, marked with !, reach farther than eyes bear for long.\n",
                     tiring, all);
    (void)printf("Down: --divergence, across: --convergence. With those that you like:\n  %s\n",
                 command);
}

static int ask_worker(const cJSON *job, const cJSON *orders, bool json, const char *film)
{
    AUTO_FREE char *spec = json_print(cJSON_GetObjectItemCaseSensitive(job, "spec"));
    AUTO_FREE char *path = NULL, *text = NULL, *order = json_print(orders);
    AUTO(cJSON) cJSON *doc = NULL;
    const char *argv[] = { NULL, "preview", order, NULL };
    struct err err;
    int code;

    if (worker_program_find(&path, &err) < 0)
        return problem_exit(&err);
    argv[0] = path;
    (void)setenv(ENV_SPEC, spec, 1);
    if (worker_program_read(&text, &code, argv, &err) < 0)
        return problem_exit(&err);
    if (code != 0)
        return code;
    if (json_parse(&doc, text, strlen(text), &err) < 0)
        return problem_exit(&err);
    if (json) {
        AUTO_FREE char *pretty = json_print_pretty(doc);

        (void)fputs(pretty, stdout);
    } else {
        tell(doc, film);
    }
    return 0;
}

int verb_preview(int argc, char **argv)
{
    struct own_options own = { .rest = NULL };
    struct problems problems = { 0 };
    struct options options;
    AUTO(cJSON) cJSON *orders = NULL;
    int code = 64;

    own_take(&own, argc, argv, &problems);
    options_parse(&options, own.rest_count, own.rest, true, &problems);
    if (options.help) {
        help_verb("preview");
        code = 0;
    } else {
        orders = orders_make(&own, &problems);
        job_make(&options, &problems);
        json_add_bool(orders, "overwrite",
                      cJSON_IsTrue(json_path(options.job, "spec.output.overwrite")));
        problems_print(&problems);
    }
    if (!options.help && problems.count == 0) {
        absolute_uris(options.job);
        fields_default(options.job);
        code = ask_worker(options.job, orders, options.json, options.args[0]);
    }
    problems_clear(&problems);
    options_clear(&options);
    free(own.rest);
    return code;
}
