/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/options.h"

#include "common/contract/fields.h"
#include "common/mem.h"
#include "common/suggest.h"

#include <string.h>

/* Options about this machine; the rest are the field table's. */
enum local_flag { FLAG_WORK_DIR, FLAG_KEEP_WORK, FLAG_JSON, FLAG_HELP, FLAG_FILE, FLAG_SPEED };

static const struct local_option {
    const char *name;
    enum local_flag flag;
    bool takes_value;
} local_options[] = {
    { "work-dir", FLAG_WORK_DIR, true }, { "keep-work", FLAG_KEEP_WORK, false },
    { "json", FLAG_JSON, false },        { "help", FLAG_HELP, false },
    { "file", FLAG_FILE, true },         { "speed", FLAG_SPEED, true },
};
enum { LOCAL_OPTIONS = sizeof(local_options) / sizeof(local_options[0]) };

struct cursor {
    int argc, at;
    char **argv;
    struct options *out;
    struct problems *problems;
    bool fields;
};

static const struct local_option *local_option_find(const char *name)
{
    for (size_t i = 0; i < LOCAL_OPTIONS; i++)
        if (strcmp(local_options[i].name, name) == 0)
            return &local_options[i];
    return NULL;
}

/* The value after "=", else the next word; NULL (and a problem) when there is none. */
static const char *value_of(struct cursor *cursor, const char *name, const char *inline_value)
{
    if (inline_value)
        return inline_value;
    if (cursor->at + 1 < cursor->argc)
        return cursor->argv[++cursor->at];
    problems_add(cursor->problems, "--%s needs a value", name);
    return NULL;
}

static void local_option_apply(struct cursor *cursor, const struct local_option *option,
                               const char *inline_value)
{
    struct options *out = cursor->out;
    const char *value = NULL;

    if (option->takes_value) {
        value = value_of(cursor, option->name, inline_value);
        if (!value)
            return;
    } else if (inline_value) {
        problems_add(cursor->problems, "--%s takes no value", option->name);
        return;
    }
    if (option->flag == FLAG_WORK_DIR)
        out->work_dir = value;
    else if (option->flag == FLAG_FILE)
        out->manifest = value;
    else if (option->flag == FLAG_SPEED)
        out->speed = value;
    else if (option->flag == FLAG_KEEP_WORK)
        out->keep_work = true;
    else if (option->flag == FLAG_JSON)
        out->json = true;
    else
        out->help = true;
}

/* "--depth classical" and "--depth video:PATH" are two fields behind one flag. */
static void depth_apply(struct cursor *cursor, const char *value)
{
    if (strcmp(value, "classical") == 0) {
        json_path_set(cursor->out->job, "spec.depth.provider", cJSON_CreateString("Classical"));
    } else if (strncmp(value, "video:", 6) == 0 && value[6]) {
        json_path_set(cursor->out->job, "spec.depth.provider", cJSON_CreateString("Video"));
        json_path_set(cursor->out->job, "spec.depth.uri", cJSON_CreateString(value + 6));
    } else {
        problems_add(cursor->problems, "--depth: '%s' is not classical or video:PATH", value);
    }
}

/* So are "--convergence 0.4" and "--convergence auto". */
static void convergence_apply(struct cursor *cursor, const struct field *field, const char *value)
{
    bool follows = strcmp(value, "auto") == 0;
    struct err err;

    json_path_set(cursor->out->job, "spec.stereo.convergenceMode",
                  cJSON_CreateString(follows ? "Auto" : "Fixed"));
    if (!follows && fields_set_flag(cursor->out->job, field, value, &err) < 0)
        problems_add(cursor->problems, "--convergence: must be a number 0..1, or auto, not '%s'",
                     value);
}

static void field_apply(struct cursor *cursor, const struct field *field, const char *inline_value)
{
    const char *value;
    struct err err;

    if (field->type == FIELD_BOOL && !inline_value)
        value = "true";
    else
        value = value_of(cursor, field->flag, inline_value);
    if (value && strcmp(field->flag, "convergence") == 0)
        convergence_apply(cursor, field, value);
    else if (value && fields_set_flag(cursor->out->job, field, value, &err) < 0)
        problems_add(cursor->problems, "%s", err.msg);
}

static void unknown_flag(struct cursor *cursor, const char *name)
{
    const char *names[LOCAL_OPTIONS + 128];
    size_t count = 0;
    const char *near;

    for (size_t i = 0; i < LOCAL_OPTIONS; i++)
        names[count++] = local_options[i].name;
    names[count++] = "depth";
    for (size_t i = 0; cursor->fields && i < fields_count && count < sizeof(names) / sizeof(*names);
         i++)
        if (fields[i].flag)
            names[count++] = fields[i].flag;
    near = suggest_nearest(name, names, count);
    if (near)
        problems_add(cursor->problems, "--%s: no such option; did you mean --%s?", name, near);
    else
        problems_add(cursor->problems, "--%s: no such option; --help lists them", name);
}

static void long_option(struct cursor *cursor, const char *word)
{
    const char *equals = strchr(word, '=');
    AUTO_FREE char *name = equals ? xstrndup(word, (size_t)(equals - word)) : xstrdup(word);
    const char *inline_value = equals ? equals + 1 : NULL;
    const struct local_option *local = local_option_find(name);
    const struct field *field = cursor->fields ? fields_find_flag(name) : NULL;

    if (local) {
        local_option_apply(cursor, local, inline_value);
    } else if (cursor->fields && strcmp(name, "depth") == 0) {
        const char *value = value_of(cursor, "depth", inline_value);

        if (value)
            depth_apply(cursor, value);
    } else if (field) {
        field_apply(cursor, field, inline_value);
    } else {
        unknown_flag(cursor, name);
    }
}

static void argument(struct cursor *cursor, const char *word)
{
    if (cursor->out->arg_count == OPTIONS_MAX_ARGS)
        problems_add(cursor->problems, "'%s': too many arguments", word);
    else
        cursor->out->args[cursor->out->arg_count++] = word;
}

void options_parse(struct options *out, int argc, char **argv, bool with_fields,
                   struct problems *problems)
{
    struct cursor cursor = { argc, 0, argv, out, problems, with_fields };
    bool options_end = false;

    *out = (struct options){ .job = cJSON_CreateObject() };
    for (; cursor.at < argc; cursor.at++) {
        const char *word = argv[cursor.at];

        if (options_end || word[0] != '-' || !word[1]) {
            argument(&cursor, word);
        } else if (strcmp(word, "--") == 0) {
            options_end = true;
        } else if (strcmp(word, "-h") == 0) {
            out->help = true;
        } else if (strcmp(word, "-f") == 0) {
            out->manifest = value_of(&cursor, "file", NULL);
        } else if (word[1] == '-') {
            long_option(&cursor, word + 2);
        } else {
            problems_add(problems, "%s: no such option; --help lists them", word);
        }
    }
}

void options_clear(struct options *options)
{
    cJSON_Delete(options->job);
    options->job = NULL;
}
