/* SPDX-License-Identifier: Apache-2.0 */
#include "common/json.h"

#include "common/mem.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define JSON_MAX_LEVELS 64
#define JSON_EXACT      INT64_C(9007199254740992) /* 2^53: doubles are exact up to here */
#define WHOLE_CHARS     24
#define FEW_NAMES       12

/* cJSON's objects are small host blocks. It must not come to a NULL: a text that cannot be copied
 * would look like one that is no JSON, and a member that cannot be added would be silently missing
 * from what is written. */
__attribute__((constructor)) static void hooks_set(void)
{
    cJSON_Hooks hooks = { .malloc_fn = xmalloc, .free_fn = free };

    cJSON_InitHooks(&hooks);
}

static void *must(void *p)
{
    if (!p)
        mem_abort();
    return p;
}

/* The end of the string that opens at text[at]; len when it does not end. *nul: it has an escaped
 * NUL, at which cJSON would end it without a word. */
static size_t string_end(const char *text, size_t len, size_t at, bool *nul)
{
    for (at++; at < len && text[at] != '"'; at++) {
        if (text[at] != '\\')
            continue;
        at++;
        if (at + 4 < len && memcmp(text + at, "u0000", 5) == 0)
            *nul = true;
    }
    return at < len ? at : len;
}

/* Before cJSON recurses. */
static int check_text(const char *text, size_t len, struct err *err)
{
    int level = 0;
    bool nul = false;

    if (memchr(text, '\0', len))
        return err_set(err, ERR_CONFIG, "has a NUL byte");
    for (size_t i = 0; i < len; i++) {
        if (text[i] == '"') {
            i = string_end(text, len, i, &nul);
        } else if (text[i] == '{' || text[i] == '[') {
            if (++level > JSON_MAX_LEVELS)
                return err_set(err, ERR_CONFIG, "has more than %d levels", JSON_MAX_LEVELS);
        } else if (text[i] == '}' || text[i] == ']') {
            level--;
        }
    }
    return nul ? err_set(err, ERR_CONFIG, "has a NUL character in a string") : 0;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Most objects have a few names: each is compared with those before it. */
static const char *few_twice(const cJSON *object)
{
    const cJSON *item; /* borrowed from object */

    cJSON_ArrayForEach(item, object)
    {
        for (const cJSON *before = object->child; before != item; before = before->next)
            if (strcmp(before->string, item->string) == 0)
                return item->string;
    }
    return NULL;
}

static int many_twice(const char **out, const cJSON *object, size_t count, struct err *err)
{
    AUTO_FREE const char **names = calloc(count, sizeof(*names));
    const cJSON *item; /* borrowed from object */
    size_t n = 0;

    if (!names)
        return err_set(err, ERR_NOMEM, "no memory for %zu names", count);
    cJSON_ArrayForEach(item, object) names[n++] = item->string;
    qsort(names, count, sizeof(*names), compare_names);
    for (size_t i = 1; i < count && !*out; i++) {
        if (strcmp(names[i - 1], names[i]) == 0)
            *out = names[i];
    }
    return 0;
}

static int check_names(const cJSON *object, struct err *err)
{
    const char *twice = NULL; /* borrowed from object */
    const cJSON *item;        /* borrowed from object */
    size_t count = 0;

    cJSON_ArrayForEach(item, object) count++;
    if (count <= FEW_NAMES)
        twice = few_twice(object);
    else if (many_twice(&twice, object, count, err) < 0)
        return -1;
    return twice ? err_set(err, ERR_CONFIG, "%.80s: is there twice", twice) : 0;
}

/* At most JSON_MAX_LEVELS deep: check_text has seen to it. */
static int check_tree(const cJSON *node, struct err *err)
{
    const cJSON *item; /* borrowed from node */

    if (cJSON_IsNumber(node) && !isfinite(node->valuedouble))
        return err_set(err, ERR_CONFIG, "has a number that is too large");
    if (cJSON_IsObject(node) && check_names(node, err) < 0)
        return -1;
    cJSON_ArrayForEach(item, node)
    {
        if (check_tree(item, err) < 0)
            return -1;
    }
    return 0;
}

static const cJSON *find(const cJSON *obj, const char *key)
{
    return cJSON_GetObjectItemCaseSensitive(obj, key);
}

static int missing(struct err *err, const cJSON *item, const char *key, const char *what)
{
    return err_set(err, ERR_CONFIG, "%s: %s %s", key, item ? "must be" : "is missing, must be",
                   what);
}

/* "-12" to a number: digits only, no plus, no blanks. */
static bool parse_whole(int64_t *out, const char *text)
{
    const char *p = *text == '-' ? text + 1 : text;
    char *end;
    long long value;

    if (*p < '0' || *p > '9' || strlen(p) > WHOLE_CHARS)
        return false;
    errno = 0;
    value = strtoll(text, &end, 10);
    if (errno || *end)
        return false;
    *out = value;
    return true;
}

static bool number_to_i64(int64_t *out, const cJSON *item)
{
    double d;

    if (!cJSON_IsNumber(item))
        return false;
    d = item->valuedouble;
    if (!(fabs(d) <= (double)JSON_EXACT) || d != floor(d))
        return false;
    *out = (int64_t)d;
    return true;
}

static int bad_range(struct err *err, const cJSON *item, const char *key, int64_t min, int64_t max)
{
    AUTO_FREE char *what = xasprintf("%lld..%lld", (long long)min, (long long)max);

    return missing(err, item, key, what);
}

/* The child of node that the first name of *path says; moves *path behind it and its dot. */
static const cJSON *step(const cJSON *node, const char **path)
{
    size_t len = strcspn(*path, ".[");
    const cJSON *item; /* borrowed from node */
    char *end;

    if (len == 0 && **path == '[') {
        unsigned long index = strtoul(*path + 1, &end, 10);

        if (!cJSON_IsArray(node) || *end != ']' || index > INT32_MAX)
            return NULL;
        *path = end + 1;
        item = cJSON_GetArrayItem(node, (int)index);
    } else {
        if (!cJSON_IsObject(node))
            return NULL;
        for (item = node->child; item; item = item->next) {
            if (strncmp(item->string, *path, len) == 0 && !item->string[len])
                break;
        }
        *path += len;
    }
    if (**path == '.')
        (*path)++;
    return item;
}

int json_parse(cJSON **out, const char *text, size_t len, struct err *err)
{
    AUTO(cJSON) cJSON *doc = NULL;
    const char *end = NULL; /* borrowed from text */

    if (check_text(text, len, err) < 0)
        return -1;
    doc = cJSON_ParseWithLengthOpts(text, len, &end, false);
    if (!doc)
        return err_set(err, ERR_CONFIG, "is not JSON near byte %zu",
                       end ? (size_t)(end - text) : (size_t)0);
    while (end < text + len && strchr(" \t\r\n", *end))
        end++;
    if (end != text + len)
        return err_set(err, ERR_CONFIG, "has more than one value: byte %zu", (size_t)(end - text));
    if (check_tree(doc, err) < 0)
        return -1;
    *out = TAKE(doc);
    return 0;
}

/* Behind the value that begins at text[at], as far as brackets and strings tell. */
static size_t value_end(const char *text, size_t len, size_t at)
{
    int level = 0;
    bool nul;

    for (; at < len; at++) {
        if (text[at] == '"')
            at = string_end(text, len, at, &nul);
        else if (text[at] == '{' || text[at] == '[')
            level++;
        else if (level == 0 && strchr(",}]", text[at]))
            return at;
        else if (text[at] == '}' || text[at] == ']')
            level--;
    }
    return len;
}

/* As cJSON sees it. */
static bool is_blank(char c)
{
    return (unsigned char)c <= ' ';
}

static bool is_name(const char *text, size_t len, size_t at, size_t name_len)
{
    size_t behind = at + name_len;

    while (behind < len && is_blank(text[behind]))
        behind++;
    return behind < len && text[behind] == ':' && (at == 0 || text[at - 1] != '\\');
}

/* Where the member that begins at `at` ends, with the comma behind it, or else the one before it
 * taken back from *kept bytes of out. */
static size_t member_cut(char *out, size_t *kept, const char *text, size_t len, size_t at)
{
    size_t end = value_end(text, len, at);

    if (end < len && text[end] == ',')
        return end + 1;
    while (*kept > 0 && is_blank(out[*kept - 1]))
        (*kept)--;
    if (*kept > 0 && out[*kept - 1] == ',')
        (*kept)--;
    return end;
}

int json_parse_without(cJSON **out, const char *text, size_t len, const char *name, struct err *err)
{
    AUTO_FREE char *quoted = xasprintf("\"%s\"", name), *rest = NULL;
    size_t quoted_len = strlen(quoted), at = 0, kept = 0;
    const char *found = memmem(text, len, quoted, quoted_len);

    if (!found)
        return json_parse(out, text, len, err);
    rest = xmalloc(len + 1);
    for (; found; found = memmem(text + at, len - at, quoted, quoted_len)) {
        size_t place = (size_t)(found - text);
        bool cuts = is_name(text, len, place, quoted_len);
        size_t up_to = cuts ? place : place + quoted_len;

        memcpy(rest + kept, text + at, up_to - at);
        kept += up_to - at;
        at = cuts ? member_cut(rest, &kept, text, len, place) : up_to;
    }
    memcpy(rest + kept, text + at, len - at);
    kept += len - at;
    return json_parse(out, rest, kept, err);
}

int json_i64(int64_t *out, const cJSON *obj, const char *key, int64_t min, int64_t max,
             struct err *err)
{
    const cJSON *item = find(obj, key);
    int64_t value;

    if (!number_to_i64(&value, item) &&
        !(cJSON_IsString(item) && parse_whole(&value, item->valuestring)))
        return bad_range(err, item, key, min, max);
    if (value < min || value > max)
        return bad_range(err, item, key, min, max);
    *out = value;
    return 0;
}

int json_u32(uint32_t *out, const cJSON *obj, const char *key, uint32_t min, uint32_t max,
             struct err *err)
{
    const cJSON *item = find(obj, key);
    int64_t value;

    if (!number_to_i64(&value, item) || value < min || value > max)
        return bad_range(err, item, key, min, max);
    *out = (uint32_t)value;
    return 0;
}

int json_int(int *out, const cJSON *obj, const char *key, int min, int max, struct err *err)
{
    const cJSON *item = find(obj, key);
    int64_t value;

    if (!number_to_i64(&value, item) || value < min || value > max)
        return bad_range(err, item, key, min, max);
    *out = (int)value;
    return 0;
}

int json_double(double *out, const cJSON *obj, const char *key, double min, double max,
                struct err *err)
{
    const cJSON *item = find(obj, key);
    AUTO_FREE char *what = NULL;

    if (!cJSON_IsNumber(item) || !(item->valuedouble >= min && item->valuedouble <= max)) {
        what = xasprintf("a number %g..%g", min, max);
        return missing(err, item, key, what);
    }
    *out = item->valuedouble;
    return 0;
}

int json_bool(bool *out, const cJSON *obj, const char *key, struct err *err)
{
    const cJSON *item = find(obj, key);

    if (!cJSON_IsBool(item))
        return missing(err, item, key, "true or false");
    *out = cJSON_IsTrue(item);
    return 0;
}

int json_str(char *out, size_t size, const cJSON *obj, const char *key, struct err *err)
{
    const cJSON *item = find(obj, key);
    size_t len;

    if (!cJSON_IsString(item))
        return missing(err, item, key, "a string");
    len = strlen(item->valuestring);
    if (len >= size)
        return err_set(err, ERR_CONFIG, "%s: must have at most %zu bytes", key, size - 1);
    memcpy(out, item->valuestring, len + 1);
    return 0;
}

int json_array(const cJSON **out, const cJSON *obj, const char *key, int min, int max,
               struct err *err)
{
    const cJSON *item = find(obj, key);
    AUTO_FREE char *what = NULL;
    int count = cJSON_GetArraySize(item);

    if (!cJSON_IsArray(item) || count < min || count > max) {
        what = xasprintf("a list of %d..%d items", min, max);
        return missing(err, item, key, what);
    }
    *out = item;
    return 0;
}

int json_object(const cJSON **out, const cJSON *obj, const char *key, struct err *err)
{
    const cJSON *item = find(obj, key);

    if (!cJSON_IsObject(item))
        return missing(err, item, key, "an object");
    *out = item;
    return 0;
}

bool json_has(const cJSON *obj, const char *key)
{
    return find(obj, key) != NULL;
}

/* Lists too: "a.b[0].c". "" is doc itself. */
const cJSON *json_path(const cJSON *doc, const char *path)
{
    while (doc && *path)
        doc = step(doc, &path);
    return doc;
}

static const char *text_of(const cJSON *item)
{
    return cJSON_IsString(item) ? item->valuestring : "";
}

const char *json_text(const cJSON *doc, const char *path)
{
    return text_of(json_path(doc, path));
}

const char *json_member(const cJSON *object, const char *key)
{
    return text_of(find(object, key));
}

/* Names only. What stands in the way and is no object is replaced by one. */
void json_path_set(cJSON *doc, const char *path, cJSON *value)
{
    for (;;) {
        size_t len = strcspn(path, ".");
        AUTO_FREE char *name = xstrndup(path, len);
        cJSON *next; /* borrowed from doc */

        if (!path[len]) {
            cJSON_DeleteItemFromObjectCaseSensitive(doc, name);
            must(cJSON_AddItemToObject(doc, name, value) ? doc : NULL);
            return;
        }
        next = cJSON_GetObjectItemCaseSensitive(doc, name);
        if (!cJSON_IsObject(next)) {
            cJSON_DeleteItemFromObjectCaseSensitive(doc, name);
            next = must(cJSON_AddObjectToObject(doc, name));
        }
        doc = next;
        path += len + 1;
    }
}

void json_add_i64(cJSON *obj, const char *key, int64_t value)
{
    AUTO_FREE char *text = NULL;

    if (value >= -JSON_EXACT && value <= JSON_EXACT) {
        must(cJSON_AddNumberToObject(obj, key, (double)value));
        return;
    }
    text = xasprintf("%lld", (long long)value);
    json_add_str(obj, key, text);
}

/* A NULL value is absence: nothing is added. */
void json_add_str(cJSON *obj, const char *key, const char *value)
{
    if (value)
        must(cJSON_AddStringToObject(obj, key, value));
}

void json_add_bool(cJSON *obj, const char *key, bool value)
{
    must(cJSON_AddBoolToObject(obj, key, value));
}
