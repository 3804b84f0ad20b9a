/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fuzz/fuzz.h"

#include "common/json.h"
#include "common/json_pick.h"

#include <string.h>

static void read_some(const cJSON *doc)
{
    struct err err;
    int64_t wide;
    uint32_t word;
    double real;
    char text[8];
    bool yes;

    (void)json_i64(&wide, doc, "a", INT64_MIN, INT64_MAX, &err);
    (void)json_u32(&word, doc, "a", 0, UINT32_MAX, &err);
    (void)json_double(&real, doc, "a", -1e9, 1e9, &err);
    (void)json_bool(&yes, doc, "a", &err);
    (void)json_str(text, sizeof(text), doc, "a", &err);
    (void)json_path(doc, "a.b[0].c");
}

static void cut(cJSON *node, const char *name)
{
    cJSON *next = NULL;

    if (cJSON_IsObject(node))
        while (cJSON_GetObjectItemCaseSensitive(node, name))
            cJSON_DeleteItemFromObjectCaseSensitive(node, name);
    for (cJSON *item = node->child; item; item = next) {
        next = item->next;
        cut(item, name);
    }
}

/* What is left out of the text is what would have been taken out of the tree. (A name written with
 * escapes is another text.) */
static void check_without(cJSON *doc, const uint8_t *data, size_t size)
{
    AUTO(cJSON) cJSON *without = NULL;
    struct err err;

    if (memmem(data, size, "\\u", 2))
        return;
    FUZZ_CHECK(json_parse_without(&without, (const char *)data, size, "a", &err) == 0);
    cut(doc, "a");
    FUZZ_CHECK(cJSON_Compare(doc, without, true));
}

static const struct json_pick inner[] = { { "b", NULL }, { "c", NULL }, { NULL, NULL } };
static const struct json_pick outer[] = { { "a", inner }, { "b", NULL }, { NULL, NULL } };

static void pick(cJSON *node, const struct json_pick *wanted)
{
    cJSON *next = NULL;

    for (cJSON *item = node->child; item; item = next) {
        const struct json_pick *found = wanted;

        next = item->next;
        if (cJSON_IsArray(node)) {
            if (cJSON_IsObject(item))
                pick(item, wanted);
            continue;
        }
        while (found->name && strcmp(found->name, item->string) != 0)
            found++;
        if (!found->name)
            cJSON_Delete(cJSON_DetachItemViaPointer(node, item));
        else if (found->in)
            pick(item, found->in);
    }
}

/* What is picked from the text is what the tree has there. */
static void check_picked(cJSON *doc, const uint8_t *data, size_t size)
{
    AUTO(cJSON) cJSON *picked = NULL;
    struct err err;

    if (memmem(data, size, "\\u", 2))
        return;
    FUZZ_CHECK(json_parse_picked(&picked, (const char *)data, size, outer, &err) == 0);
    pick(doc, outer);
    FUZZ_CHECK(cJSON_Compare(doc, picked, true));
}

/* What was taken prints, and what was printed is taken as the same. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO(cJSON) cJSON *doc = NULL, *back = NULL, *pretty = NULL, *any = NULL;
    AUTO_FREE char *text = NULL, *again = NULL, *lines = NULL;
    struct err err = { 0 };

    (void)json_parse_picked(&any, (const char *)data, size, outer, &err);
    if (json_parse(&doc, (const char *)data, size, &err) < 0) {
        FUZZ_CHECK(!doc && err.code == ERR_CONFIG && err.msg[0]);
        return 0;
    }
    read_some(doc);
    text = json_print(doc);
    lines = json_print_pretty(doc);
    FUZZ_CHECK(json_parse(&back, text, strlen(text), &err) == 0);
    FUZZ_CHECK(json_parse(&pretty, lines, strlen(lines), &err) == 0);
    again = json_print(back);
    FUZZ_CHECK(strcmp(text, again) == 0);
    FUZZ_CHECK(cJSON_Compare(back, pretty, true));
    check_picked(back, data, size);
    check_without(doc, data, size);
    return 0;
}
