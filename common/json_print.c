/* SPDX-License-Identifier: Apache-2.0
 *
 * cJSON prints 15 digits of a number and takes "nearly equal" for equal: 9007199254740991 comes
 * back as 9007199254740990. This printer gives the shortest text that reads back as the same
 * double.
 */
#include "common/json.h"

#include "common/buf.h"
#include "common/mem.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define EXACT 9007199254740992.0 /* 2^53 */

struct printer {
    struct buf out;
    bool pretty;
};

/* Only memory can fail: the tree is a small host block like its text. */
static void put(struct printer *p, const char *text, size_t len)
{
    struct err err;

    if (buf_append(&p->out, text, len, &err) < 0)
        mem_abort();
}

static void put_text(struct printer *p, const char *text)
{
    put(p, text, strlen(text));
}

static void put_newline(struct printer *p, int level)
{
    if (!p->pretty)
        return;
    put(p, "\n", 1);
    for (int i = 0; i < level; i++)
        put(p, "  ", 2);
}

static void put_number(struct printer *p, double d)
{
    char text[32];

    if (!isfinite(d))
        (void)snprintf(text, sizeof(text), "null");
    else if (d == floor(d) && fabs(d) <= EXACT)
        (void)snprintf(text, sizeof(text), "%lld", (long long)d);
    else {
        for (int digits = 15; digits <= 17; digits++) {
            (void)snprintf(text, sizeof(text), "%.*g", digits, d);
            if (strtod(text, NULL) == d)
                break;
        }
    }
    put_text(p, text);
}

static void put_escape(struct printer *p, char c)
{
    static const char names[] = "\"\\\b\f\n\r\t", letters[] = "\"\\bfnrt";
    const char *name = strchr(names, c);
    char text[8];

    if (name)
        (void)snprintf(text, sizeof(text), "\\%c", letters[name - names]);
    else
        (void)snprintf(text, sizeof(text), "\\u%04x", (unsigned char)c);
    put_text(p, text);
}

static void put_string(struct printer *p, const char *text)
{
    put(p, "\"", 1);
    for (size_t n; *text; text += n) {
        for (n = 0; (unsigned char)text[n] >= 0x20 && text[n] != '"' && text[n] != '\\'; n++)
            ;
        put(p, text, n);
        if (text[n])
            put_escape(p, text[n++]);
    }
    put(p, "\"", 1);
}

static void put_node(struct printer *p, const cJSON *node, int level);

static void put_children(struct printer *p, const cJSON *node, int level)
{
    const cJSON *item; /* borrowed from node */

    cJSON_ArrayForEach(item, node)
    {
        put_newline(p, level + 1);
        if (cJSON_IsObject(node)) {
            put_string(p, item->string ? item->string : "");
            put_text(p, p->pretty ? ": " : ":");
        }
        put_node(p, item, level + 1);
        if (item->next)
            put(p, ",", 1);
    }
    if (node->child)
        put_newline(p, level);
}

static void put_node(struct printer *p, const cJSON *node, int level)
{
    if (cJSON_IsObject(node) || cJSON_IsArray(node)) {
        put_text(p, cJSON_IsObject(node) ? "{" : "[");
        put_children(p, node, level);
        put_text(p, cJSON_IsObject(node) ? "}" : "]");
    } else if (cJSON_IsNumber(node)) {
        put_number(p, node->valuedouble);
    } else if (cJSON_IsString(node)) {
        put_string(p, node->valuestring ? node->valuestring : "");
    } else if (cJSON_IsBool(node)) {
        put_text(p, cJSON_IsTrue(node) ? "true" : "false");
    } else if (cJSON_IsRaw(node) && node->valuestring) {
        put_text(p, node->valuestring);
    } else {
        put_text(p, "null");
    }
}

static char *print(const cJSON *doc, bool pretty)
{
    struct printer p = { .pretty = pretty };

    buf_init(&p.out, SIZE_MAX);
    put_node(&p, doc, 0);
    if (pretty)
        put(&p, "\n", 1);
    return buf_take(&p.out);
}

char *json_print(const cJSON *doc)
{
    return print(doc, false);
}

char *json_print_pretty(const cJSON *doc)
{
    return print(doc, true);
}
