/* SPDX-License-Identifier: Apache-2.0
 *
 * The place of a value in a mapping is its key's, of a list item its own first character: that is
 * where a person looks for "unknown field" as well as for "must be 1..100".
 */
#include "common/yaml.h"

#include "common/mem.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#define YAML_MAX_BYTES  (1u << 20)
#define YAML_MAX_LEVELS 32
#define YAML_EXACT      INT64_C(9007199254740992) /* 2^53: doubles are exact up to here */

/* One node of the document; a tree, because the text of all paths can be far longer than it. */
struct yaml_places {
    char *key; /* owned; NULL for list items and the document */
    int line, column;
    struct yaml_places *next;         /* owned: the next brother */
    struct yaml_places *first, *last; /* owned: children, in order */
};

struct reader {
    yaml_parser_t parser;
    const char *text; /* borrowed */
    size_t len;
};

static void reader_auto_(struct reader *reader)
{
    yaml_parser_delete(&reader->parser);
}

static void event_auto_(yaml_event_t *event)
{
    yaml_event_delete(event); /* also fine on zeroes */
}

static void *must(void *p)
{
    if (!p)
        mem_abort();
    return p;
}

static int fail(struct err *err, int line, int column, const char *what)
{
    return err_set(err, ERR_CONFIG, "line %d, column %d: %s", line, column, what);
}

static int fail_at(struct err *err, yaml_mark_t mark, const char *what)
{
    return fail(err, (int)mark.line + 1, (int)mark.column + 1, what);
}

/* libyaml's reader knows only the offset of a bad byte. */
static int fail_at_offset(struct err *err, const struct reader *reader, const char *what)
{
    size_t offset = reader->parser.problem_offset;
    int line = 1, column = 1;

    for (size_t i = 0; i < offset && i < reader->len; i++) {
        column++;
        if (reader->text[i] == '\n') {
            line++;
            column = 1;
        }
    }
    return fail(err, line, column, what);
}

static int next_event(struct reader *reader, yaml_event_t *event, struct err *err)
{
    const char *problem;

    if (yaml_parser_parse(&reader->parser, event))
        return 0;
    problem = reader->parser.problem ? reader->parser.problem : "is not YAML";
    if (reader->parser.error == YAML_MEMORY_ERROR)
        return err_set(err, ERR_NOMEM, "no memory to read YAML");
    if (reader->parser.error == YAML_READER_ERROR)
        return fail_at_offset(err, reader, problem);
    return fail_at(err, reader->parser.problem_mark, problem);
}

static struct yaml_places *place_new(const char *key, yaml_mark_t mark)
{
    struct yaml_places *place = xcalloc(1, sizeof(*place));

    place->key = key ? xstrdup(key) : NULL;
    place->line = (int)mark.line + 1;
    place->column = (int)mark.column + 1;
    return place;
}

static struct yaml_places *place_add(struct yaml_places *parent, const char *key, yaml_mark_t mark)
{
    struct yaml_places *place = place_new(key, mark);

    if (parent->last)
        parent->last->next = place;
    else
        parent->first = place;
    parent->last = place;
    return place;
}

static bool is_one_of(const char *text, const char *const *words)
{
    for (; *words; words++) {
        if (strcmp(text, *words) == 0)
            return true;
    }
    return false;
}

static bool is_null(const char *text)
{
    static const char *const words[] = { "", "~", "null", "Null", "NULL", NULL };

    return is_one_of(text, words);
}

static bool is_true(const char *text)
{
    static const char *const words[] = { "true", "True", "TRUE", NULL };

    return is_one_of(text, words);
}

static bool is_false(const char *text)
{
    static const char *const words[] = { "false", "False", "FALSE", NULL };

    return is_one_of(text, words);
}

static bool is_not_finite(const char *text)
{
    static const char *const words[] = { ".inf", ".Inf", ".INF", ".nan", ".NaN", ".NAN", NULL };

    return is_one_of(*text == '-' || *text == '+' ? text + 1 : text, words);
}

static size_t digits(const char *text)
{
    return strspn(text, "0123456789");
}

/* [-+]?[0-9]+ */
static bool is_decimal(const char *text)
{
    size_t n;

    text += *text == '-' || *text == '+';
    n = digits(text);
    return n && !text[n];
}

/* [-+]? ( \. [0-9]+ | [0-9]+ ( \. [0-9]* )? ) ( [eE] [-+]? [0-9]+ )? */
static bool is_float(const char *text)
{
    size_t whole, part = 0;

    text += *text == '-' || *text == '+';
    whole = digits(text);
    text += whole;
    if (*text == '.') {
        part = digits(text + 1);
        text += 1 + part;
    }
    if (!whole && !part)
        return false;
    if (*text == 'e' || *text == 'E') {
        text++;
        text += *text == '-' || *text == '+';
        return is_decimal(text) && *text != '-' && *text != '+';
    }
    return !*text;
}

/* 0o17 and 0xff: the base, or 0. */
static int base_of(const char *text)
{
    if (text[0] != '0' || !text[1] || !text[2])
        return 0;
    if (text[1] == 'o' && !text[2 + strspn(text + 2, "01234567")])
        return 8;
    if (text[1] == 'x' && !text[2 + strspn(text + 2, "0123456789abcdefABCDEF")])
        return 16;
    return 0;
}

/* Exact: what a double would change stays decimal text, which json_i64 reads. */
static cJSON *decimal_node(const char *text)
{
    AUTO_FREE char *plain = NULL;
    const char *sign = *text == '-' ? "-" : "";
    long long value;

    text += *text == '-' || *text == '+';
    text += strspn(text, "0");
    errno = 0;
    value = strtoll(text, NULL, 10); /* "" is 0 */
    if (!errno && value <= YAML_EXACT)
        return must(cJSON_CreateNumber(*sign ? (double)-value : (double)value));
    plain = xasprintf("%s%s", sign, text);
    return must(cJSON_CreateString(plain));
}

/* NULL when it does not fit 64 bits. */
static cJSON *based_node(const char *text, int base)
{
    char plain[24];
    unsigned long long value;

    errno = 0;
    value = strtoull(text + 2, NULL, base);
    if (errno)
        return NULL;
    (void)snprintf(plain, sizeof(plain), "%llu", value);
    return decimal_node(plain);
}

/* A plain scalar by the YAML 1.2 core schema; NULL for a number that JSON cannot hold. */
static cJSON *plain_node(const char *text)
{
    double d;

    if (is_null(text))
        return must(cJSON_CreateNull());
    if (is_true(text) || is_false(text))
        return must(cJSON_CreateBool(is_true(text)));
    if (is_decimal(text))
        return decimal_node(text);
    if (base_of(text))
        return based_node(text, base_of(text));
    if (is_not_finite(text))
        return NULL;
    if (!is_float(text))
        return must(cJSON_CreateString(text));
    d = strtod(text, NULL);
    return isfinite(d) ? must(cJSON_CreateNumber(d)) : NULL;
}

static int check_scalar(const yaml_event_t *event, struct err *err)
{
    if (event->data.scalar.tag)
        return fail_at(err, event->start_mark, "tags are not supported");
    if (memchr(event->data.scalar.value, '\0', event->data.scalar.length))
        return fail_at(err, event->start_mark, "has a NUL character");
    return 0;
}

static int read_scalar(cJSON **out, const yaml_event_t *event, struct err *err)
{
    const char *text = (const char *)event->data.scalar.value; /* borrowed from event */

    if (check_scalar(event, err) < 0)
        return -1;
    if (event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE) {
        *out = plain_node(text);
        return *out ? 0 : fail_at(err, event->start_mark, "the number cannot be held");
    }
    *out = must(cJSON_CreateString(text));
    return 0;
}

static int compare_places(const void *a, const void *b)
{
    const struct yaml_places *x = *(struct yaml_places *const *)a;
    const struct yaml_places *y = *(struct yaml_places *const *)b;
    int order = strcmp(x->key, y->key);

    if (order)
        return order;
    if (x->line != y->line)
        return x->line < y->line ? -1 : 1;
    return x->column < y->column ? -1 : x->column > y->column;
}

static bool is_before(const struct yaml_places *a, const struct yaml_places *b)
{
    return a->line < b->line || (a->line == b->line && a->column < b->column);
}

/* By sorting, so that a hundred thousand keys take no minutes. Names the first repetition. */
static int check_keys(const struct yaml_places *map, struct err *err)
{
    AUTO_FREE struct yaml_places **sorted = NULL;
    const struct yaml_places *twice = NULL;
    size_t count = 0;

    for (const struct yaml_places *p = map->first; p; p = p->next)
        count++;
    if (count < 2)
        return 0;
    sorted = calloc(count, sizeof(struct yaml_places *));
    if (!sorted)
        return err_set(err, ERR_NOMEM, "no memory for %zu keys", count);
    count = 0;
    for (struct yaml_places *p = map->first; p; p = p->next)
        sorted[count++] = p;
    qsort(sorted, count, sizeof(struct yaml_places *), compare_places);
    for (size_t i = 1; i < count; i++) {
        if (strcmp(sorted[i - 1]->key, sorted[i]->key) == 0 &&
            (!twice || is_before(sorted[i], twice)))
            twice = sorted[i];
    }
    if (!twice)
        return 0;
    return err_set(err, ERR_CONFIG, "line %d, column %d: key '%.80s' is there twice", twice->line,
                   twice->column, twice->key);
}

static int read_node(struct reader *reader, cJSON **out, struct yaml_places *place, int level,
                     const yaml_event_t *event, struct err *err);

static int read_list(struct reader *reader, cJSON *list, struct yaml_places *place, int level,
                     struct err *err)
{
    for (;;) {
        __attribute__((cleanup(event_auto_))) yaml_event_t event = { 0 };
        struct yaml_places *below;
        cJSON *item;

        if (next_event(reader, &event, err) < 0)
            return -1;
        if (event.type == YAML_SEQUENCE_END_EVENT)
            return 0;
        below = place_add(place, NULL, event.start_mark);
        if (read_node(reader, &item, below, level, &event, err) < 0)
            return -1;
        cJSON_AddItemToArray(list, item);
    }
}

static int check_key(const yaml_event_t *event, struct err *err)
{
    if (event->type == YAML_ALIAS_EVENT)
        return fail_at(err, event->start_mark, "aliases are not supported");
    if (event->type != YAML_SCALAR_EVENT)
        return fail_at(err, event->start_mark, "a key must be text");
    return check_scalar(event, err);
}

static int read_map(struct reader *reader, cJSON *map, struct yaml_places *place, int level,
                    struct err *err)
{
    for (;;) {
        __attribute__((cleanup(event_auto_))) yaml_event_t key = { 0 }, event = { 0 };
        struct yaml_places *below;
        const char *name; /* borrowed from key */
        cJSON *item;

        if (next_event(reader, &key, err) < 0)
            return -1;
        if (key.type == YAML_MAPPING_END_EVENT)
            return check_keys(place, err);
        if (check_key(&key, err) < 0)
            return -1;
        name = (const char *)key.data.scalar.value;
        below = place_add(place, name, key.start_mark);
        if (next_event(reader, &event, err) < 0 ||
            read_node(reader, &item, below, level, &event, err) < 0)
            return -1;
        must(cJSON_AddItemToObject(map, name, item) ? map : NULL);
    }
}

static int read_node(struct reader *reader, cJSON **out, struct yaml_places *place, int level,
                     const yaml_event_t *event, struct err *err)
{
    bool is_map = event->type == YAML_MAPPING_START_EVENT;
    AUTO(cJSON) cJSON *node = NULL;

    if (event->type == YAML_ALIAS_EVENT)
        return fail_at(err, event->start_mark, "aliases are not supported");
    if (event->type == YAML_SCALAR_EVENT)
        return read_scalar(out, event, err);
    if (is_map ? event->data.mapping_start.tag : event->data.sequence_start.tag)
        return fail_at(err, event->start_mark, "tags are not supported");
    if (level == YAML_MAX_LEVELS)
        return fail_at(err, event->start_mark, "more than 32 levels");
    node = must(is_map ? cJSON_CreateObject() : cJSON_CreateArray());
    if ((is_map ? read_map : read_list)(reader, node, place, level + 1, err) < 0)
        return -1;
    *out = TAKE(node);
    return 0;
}

/* The one event that may come now, or a message about the one that came. */
static int expect(struct reader *reader, yaml_event_type_t type, const char *otherwise,
                  struct err *err)
{
    __attribute__((cleanup(event_auto_))) yaml_event_t event = { 0 };

    if (next_event(reader, &event, err) < 0)
        return -1;
    return event.type == type ? 0 : fail_at(err, event.start_mark, otherwise);
}

static int read_document(struct reader *reader, cJSON **doc, struct yaml_places **places,
                         struct err *err)
{
    __attribute__((cleanup(event_auto_))) yaml_event_t event = { 0 };
    AUTO(yaml_places) struct yaml_places *root = NULL;
    AUTO(cJSON) cJSON *node = NULL;

    if (expect(reader, YAML_STREAM_START_EVENT, "is not YAML", err) < 0 ||
        expect(reader, YAML_DOCUMENT_START_EVENT, "there is no document", err) < 0 ||
        next_event(reader, &event, err) < 0)
        return -1;
    root = place_new(NULL, event.start_mark);
    if (read_node(reader, &node, root, 0, &event, err) < 0 ||
        expect(reader, YAML_DOCUMENT_END_EVENT, "is not YAML", err) < 0 ||
        expect(reader, YAML_STREAM_END_EVENT, "a second document begins; only one is read", err) <
            0)
        return -1;
    *doc = TAKE(node);
    *places = TAKE(root);
    return 0;
}

/* How much of path `place` answers for: its key or "[index]"; 0 when it is on another branch. */
static size_t matches(const struct yaml_places *place, size_t index, const char *path)
{
    size_t len;
    char *end;

    if (place->key) {
        len = strlen(place->key);
        return strncmp(place->key, path, len) == 0 ? len : 0;
    }
    if (*path != '[' || !isdigit((unsigned char)path[1]) || strtoul(path + 1, &end, 10) != index ||
        *end != ']')
        return 0;
    return (size_t)(end + 1 - path);
}

/* Keys may hold dots themselves: every branch that fits is tried. */
static const struct yaml_places *find(const struct yaml_places *place, const char *path)
{
    size_t index = 0;

    if (!*path)
        return place;
    for (const struct yaml_places *p = place->first; p; p = p->next, index++) {
        size_t len = matches(p, index, path);
        const struct yaml_places *found;

        if (!len || (path[len] && path[len] != '.' && path[len] != '['))
            continue;
        found = find(p, path + len + (path[len] == '.'));
        if (found)
            return found;
    }
    return NULL;
}

int yaml_parse(cJSON **doc, struct yaml_places **places, const char *text, size_t len,
               struct err *err)
{
    __attribute__((cleanup(reader_auto_))) struct reader reader = { .text = text, .len = len };

    if (len > YAML_MAX_BYTES)
        return err_set(err, ERR_CONFIG, "line 1, column 1: more than 1 MiB of YAML");
    if (!yaml_parser_initialize(&reader.parser))
        return err_set(err, ERR_NOMEM, "no memory to read YAML");
    yaml_parser_set_encoding(&reader.parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&reader.parser, (const unsigned char *)text, len);
    return read_document(&reader, doc, places, err);
}

/* Brothers in a loop: only levels recurse, and there are few. */
void yaml_places_free(struct yaml_places *places)
{
    while (places) {
        struct yaml_places *next = places->next;

        yaml_places_free(places->first);
        free(places->key);
        free(places);
        places = next;
    }
}

void yaml_place(const struct yaml_places *places, const char *path, int *line, int *column)
{
    const struct yaml_places *found = places ? find(places, path) : NULL;

    *line = found ? found->line : 0;
    *column = found ? found->column : 0;
}
