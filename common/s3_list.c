/* SPDX-License-Identifier: Apache-2.0 */
#include "common/mem.h"
#include "common/s3_call.h"
#include "common/s3_xml.h"

#include <string.h>

#define PAGE_MAX_BYTES (16u << 20) /* 1000 keys of 1024 bytes, encoded, with all that is around */

static int get_page(struct s3 *s3, const char *prefix, const char *token,
                    struct http_response *response, struct err *err)
{
    struct s3_call call = { .method = "GET", .body_max = PAGE_MAX_BYTES };

    s3_call_query(&call, "list-type", "2");
    s3_call_query(&call, "prefix", prefix);
    s3_call_query(&call, "encoding-type", "url");
    if (token[0])
        s3_call_query(&call, "continuation-token", token);
    return s3_call(s3, &call, response, err);
}

int s3_list(struct s3 *s3, const char *prefix,
            int (*each)(void *ctx, const char *key, uint64_t size, struct err *err), void *ctx,
            struct err *err)
{
    AUTO_FREE struct s3_xml_page *page = xcalloc(1, sizeof(*page));
    AUTO_FREE char *token = xstrdup("");

    do {
        AUTO_RESPONSE struct http_response response = { 0 };

        if (get_page(s3, prefix, token, &response, err) < 0 ||
            s3_xml_list(page, response.body.data ? response.body.data : "", response.body.len, each,
                        ctx, err) < 0)
            return -1;
        if (page->truncated && (!page->next[0] || strcmp(page->next, token) == 0))
            return err_set(err, ERR_DEPENDENCY, "s3://%s/%s: the list does not go on", s3->bucket,
                           prefix);
        free(token);
        token = xstrdup(page->next);
    } while (page->truncated);
    return 0;
}
