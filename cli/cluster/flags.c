/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cluster/flags.h"

#include "common/auto.h"
#include "common/mem.h"
#include "common/suggest.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

enum kind { KIND_TEXT, KIND_BOOL, KIND_OUTPUT, KIND_COUNT, KIND_DURATION };

static const struct option {
    const char *name, *letter;
    enum kind kind;
    size_t offset;
} options[] = {
    { "namespace", "n", KIND_TEXT, offsetof(struct flags, space) },
    { "context", NULL, KIND_TEXT, offsetof(struct flags, context) },
    { "kubeconfig", NULL, KIND_TEXT, offsetof(struct flags, kubeconfig) },
    { "output", "o", KIND_OUTPUT, offsetof(struct flags, output) },
    { "filename", NULL, KIND_TEXT, offsetof(struct flags, file) },
    { "segment", NULL, KIND_COUNT, offsetof(struct flags, segment) },
    { "segments", NULL, KIND_TEXT, offsetof(struct flags, segments) },
    { "timeout", NULL, KIND_DURATION, offsetof(struct flags, timeout_s) },
    { "all-namespaces", "A", KIND_BOOL, offsetof(struct flags, all_spaces) },
    { "watch", "w", KIND_BOOL, offsetof(struct flags, watch) },
    { "follow", NULL, KIND_BOOL, offsetof(struct flags, follow) },
    { "previous", "p", KIND_BOOL, offsetof(struct flags, previous) },
    { "wait", NULL, KIND_BOOL, offsetof(struct flags, wait) },
    { "discard", NULL, KIND_BOOL, offsetof(struct flags, discard) },
    { "overwrite", NULL, KIND_BOOL, offsetof(struct flags, overwrite) },
    { "url", NULL, KIND_BOOL, offsetof(struct flags, url) },
    { "help", "h", KIND_BOOL, offsetof(struct flags, help) },
};
enum { OPTIONS = sizeof(options) / sizeof(options[0]) };

struct cursor {
    int argc, at;
    char **argv;
    const char *takes;
    struct flags *out;
    struct problems *problems;
};

int64_t flags_duration_s(const char *text)
{
    static const struct {
        const char *unit;
        int64_t seconds;
    } units[] = { { "", 1 }, { "s", 1 }, { "m", 60 }, { "h", 3600 }, { "d", 86400 } };
    size_t digits = strspn(text, "0123456789");

    if (digits == 0 || digits > 9)
        return -1;
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        if (strcmp(text + digits, units[i].unit) == 0)
            return strtoll(text, NULL, 10) * units[i].seconds;
    }
    return -1;
}

/* Is name one of "a,b,c"? */
static bool word_find(const char *list, const char *name)
{
    size_t len = strlen(name);

    for (const char *at = list; at && *at; at += strcspn(at, ","), at += *at == ',') {
        if (strcspn(at, ",") == len && strncmp(at, name, len) == 0)
            return true;
    }
    return false;
}

static void output_apply(struct cursor *cursor, enum flags_output *out, const char *value)
{
    static const char *const names[] = { "table", "wide", "json", "yaml", "name" };

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strcmp(names[i], value) == 0) {
            *out = (enum flags_output)i;
            return;
        }
    }
    problems_add(cursor->problems, "--output: '%s' is not json, yaml, wide, name or table", value);
}

static void number_apply(struct cursor *cursor, const struct option *option, const char *value)
{
    int64_t number = -1;

    if (option->kind == KIND_DURATION)
        number = flags_duration_s(value);
    else if (value[0] && strspn(value, "0123456789") == strlen(value) && strlen(value) < 10)
        number = strtoll(value, NULL, 10);
    if (number < 0)
        problems_add(cursor->problems, "--%s: '%s' is no %s", option->name, value,
                     option->kind == KIND_DURATION ? "time such as 90s, 10m or 2h" : "number");
    memcpy((char *)cursor->out + option->offset, &number, sizeof(number));
}

static void value_apply(struct cursor *cursor, const struct option *option, const char *value)
{
    void *at = (char *)cursor->out + option->offset;

    if (option->kind == KIND_TEXT)
        memcpy(at, &value, sizeof(value));
    else if (option->kind == KIND_OUTPUT)
        output_apply(cursor, at, value);
    else
        number_apply(cursor, option, value);
}

/* value: what stood behind '=', or right behind the letter; NULL: the next word. */
static void option_apply(struct cursor *cursor, const struct option *option, const char *value)
{
    if (option->kind == KIND_BOOL) {
        bool yes = true;

        if (value)
            problems_add(cursor->problems, "--%s takes no value", option->name);
        memcpy((char *)cursor->out + option->offset, &yes, sizeof(yes));
        return;
    }
    if (!value && cursor->at + 1 < cursor->argc)
        value = cursor->argv[++cursor->at];
    if (value)
        value_apply(cursor, option, value);
    else
        problems_add(cursor->problems, "--%s needs a value", option->name);
}

static bool is_taken(const struct cursor *cursor, const char *name)
{
    static const char *const always = "namespace,context,kubeconfig,help";

    return word_find(cursor->takes, name) || word_find(always, name);
}

static const struct option *find_name(const struct cursor *cursor, const char *name)
{
    for (size_t i = 0; i < OPTIONS; i++) {
        if (strcmp(options[i].name, name) == 0)
            return is_taken(cursor, name) ? &options[i] : NULL;
    }
    return NULL;
}

/* kubectl's -f is a file where something is sent, and "follow" for logs. */
static const struct option *find_letter(const struct cursor *cursor, char letter)
{
    if (letter == 'f')
        return find_name(cursor, is_taken(cursor, "follow") ? "follow" : "filename");
    for (size_t i = 0; i < OPTIONS; i++) {
        if (options[i].letter && options[i].letter[0] == letter)
            return find_name(cursor, options[i].name);
    }
    return NULL;
}

static void unknown(struct cursor *cursor, const char *word, const char *name)
{
    const char *names[OPTIONS], *near;
    size_t count = 0;

    for (size_t i = 0; i < OPTIONS; i++) {
        if (is_taken(cursor, options[i].name))
            names[count++] = options[i].name;
    }
    near = suggest_nearest(name, names, count);
    if (near)
        problems_add(cursor->problems, "%s: no such option; did you mean --%s?", word, near);
    else
        problems_add(cursor->problems, "%s: no such option; --help lists them", word);
}

static void long_option(struct cursor *cursor, const char *word)
{
    const char *equals = strchr(word, '=');
    AUTO_FREE char *name =
        equals ? xstrndup(word + 2, (size_t)(equals - word - 2)) : xstrdup(word + 2);
    const struct option *option = find_name(cursor, name);

    if (option)
        option_apply(cursor, option, equals ? equals + 1 : NULL);
    else
        unknown(cursor, word, name);
}

static void short_option(struct cursor *cursor, const char *word)
{
    const struct option *option = find_letter(cursor, word[1]);

    if (option)
        option_apply(cursor, option, word[2] ? word + 2 : NULL);
    else
        unknown(cursor, word, word + 1);
}

static void argument(struct cursor *cursor, const char *word)
{
    if (cursor->out->arg_count == FLAGS_MAX_ARGS)
        problems_add(cursor->problems, "'%s': too many arguments", word);
    else
        cursor->out->args[cursor->out->arg_count++] = word;
}

void flags_parse(struct flags *out, const char *takes, int argc, char **argv,
                 struct problems *problems)
{
    struct cursor cursor = { argc, 0, argv, takes, out, problems };
    bool ended = false;

    *out = (struct flags){ .segment = -1, .timeout_s = -1 };
    for (; cursor.at < argc; cursor.at++) {
        const char *word = argv[cursor.at];

        if (ended || word[0] != '-' || !word[1])
            argument(&cursor, word);
        else if (strcmp(word, "--") == 0)
            ended = true;
        else if (word[1] == '-')
            long_option(&cursor, word);
        else
            short_option(&cursor, word);
    }
}
