/* SPDX-License-Identifier: Apache-2.0 */
#include "common/mem.h"
#include "operator/kube/client.h"

#include <ctype.h>
#include <string.h>

/* Caller frees. */
static char *encode(const char *text)
{
    static const char hex[] = "0123456789ABCDEF";
    char *out = xmalloc(3 * strlen(text) + 1), *at = out;

    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;

        if (isalnum(c) || strchr("-._~", c)) {
            *at++ = (char)c;
            continue;
        }
        *at++ = '%';
        *at++ = hex[c >> 4];
        *at++ = hex[c & 15];
    }
    *at = '\0';
    return out;
}

/* "" for NULL, else "/" and the part, encoded. Caller frees. */
static char *part(const char *text)
{
    AUTO_FREE char *encoded = text ? encode(text) : NULL;

    return encoded ? xasprintf("/%s", encoded) : xstrdup("");
}

char *kube_path(const struct kube_resource *resource, const char *space, const char *name,
                const char *sub, const char *query)
{
    AUTO_FREE char *in = part(space);
    AUTO_FREE char *of = part(name);
    AUTO_FREE char *below = part(sub);
    bool core = !resource->group[0];

    return xasprintf("/%s%s%s/%s%s%s/%s%s%s%s%s", core ? "api" : "apis", core ? "" : "/",
                     resource->group, resource->version, space ? "/namespaces" : "", in,
                     resource->plural, of, below, query ? "?" : "", query ? query : "");
}

void kube_query_add(struct buf *query, const char *name, const char *value)
{
    AUTO_FREE char *encoded = encode(value);
    struct err ignored;

    (void)buf_printf(query, &ignored, "%s%s=%s", query->len ? "&" : "", name, encoded);
}

cJSON *kube_delete_options(const char *uid)
{
    cJSON *doc = cJSON_CreateObject();

    json_add_str(doc, "apiVersion", "v1");
    json_add_str(doc, "kind", "DeleteOptions");
    json_add_str(doc, "propagationPolicy", "Background");
    if (uid)
        json_add_str(cJSON_AddObjectToObject(doc, "preconditions"), "uid", uid);
    return doc;
}

static bool is_number(const char *text)
{
    return text[0] && strspn(text, "0123456789") == strlen(text);
}

int kube_version_compare(const char *a, const char *b)
{
    if (!is_number(a) || !is_number(b))
        return 0;
    a += strspn(a, "0");
    b += strspn(b, "0");
    if (strlen(a) != strlen(b))
        return strlen(a) < strlen(b) ? -1 : 1;
    return strcmp(a, b);
}
