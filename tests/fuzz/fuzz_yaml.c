/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fuzz/fuzz.h"

#include "common/mem.h"
#include "common/yaml.h"

#include <stdio.h>
#include <string.h>

/* Every node has a place, and the path that leads there leads back. */
static void walk(const cJSON *node, const struct yaml_places *places, const char *path)
{
    const cJSON *item;
    int line, column, index = 0;

    yaml_place(places, path, &line, &column);
    FUZZ_CHECK(line >= 1 && column >= 1);
    cJSON_ArrayForEach(item, node)
    {
        AUTO_FREE char *below = NULL;

        if (cJSON_IsArray(node))
            below = xasprintf("%s[%d]", path, index++);
        else if (*item->string && !strpbrk(item->string, ".[") && *path != '[')
            below = xasprintf("%s%s%s", path, *path ? "." : "", item->string);
        if (below && strlen(below) < 2000 && index < 100)
            walk(item, places, below);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO(cJSON) cJSON *doc = NULL, *back = NULL;
    AUTO(yaml_places) struct yaml_places *places = NULL;
    AUTO_FREE char *text = NULL;
    struct err err = { 0 };
    int line = 0, column = 0;

    if (yaml_parse(&doc, &places, (const char *)data, size, &err) < 0) {
        FUZZ_CHECK(!doc && !places);
        FUZZ_CHECK(err.code == ERR_CONFIG);
        FUZZ_CHECK(sscanf(err.msg, "line %d, column %d: ", &line, &column) == 2);
        FUZZ_CHECK(line >= 1 && column >= 1);
        return 0;
    }
    walk(doc, places, "");
    text = json_print(doc);
    FUZZ_CHECK(json_parse(&back, text, strlen(text), &err) == 0);
    FUZZ_CHECK(cJSON_Compare(doc, back, true));
    return 0;
}
