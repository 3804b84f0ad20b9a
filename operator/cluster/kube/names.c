/* SPDX-License-Identifier: Apache-2.0 */
#include "operator/cluster/kube/names.h"

#include "common/mem.h"

#include <stdlib.h>
#include <string.h>

/* Where the name is, or would be. */
static size_t place_of(const struct names *names, const char *name, bool *found)
{
    size_t low = 0, high = names->count;

    *found = false;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        int order = strcmp(names->list[mid], name);

        if (order == 0) {
            *found = true;
            return mid;
        }
        if (order < 0)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

void names_add(struct names *names, const char *name)
{
    bool found;
    size_t at = place_of(names, name, &found);

    if (found)
        return;
    if (names->count == names->cap) {
        names->cap = names->cap ? 2 * names->cap : 8;
        names->list = xrealloc(names->list, names->cap * sizeof(names->list[0]));
    }
    memmove(&names->list[at + 1], &names->list[at], (names->count - at) * sizeof(names->list[0]));
    names->list[at] = xstrdup(name);
    names->count++;
}

void names_remove(struct names *names, const char *name)
{
    bool found;
    size_t at = place_of(names, name, &found);

    if (!found)
        return;
    free(names->list[at]);
    names->count--;
    memmove(&names->list[at], &names->list[at + 1], (names->count - at) * sizeof(names->list[0]));
}

bool names_has(const struct names *names, const char *name)
{
    bool found;

    (void)place_of(names, name, &found);
    return found;
}

void names_clear(struct names *names)
{
    for (size_t i = 0; i < names->count; i++)
        free(names->list[i]);
    free(names->list);
    *names = (struct names){ 0 };
}
