/* SPDX-License-Identifier: Apache-2.0 */
#include "operator/kube/client.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

static void copy_text(char *out, size_t size, const cJSON *doc, const char *path)
{
    const cJSON *item = json_path(doc, path);

    if (cJSON_IsString(item))
        (void)snprintf(out, size, "%s", item->valuestring);
}

/* What is no Status: the first words of a proxy's page, in one line. */
static void plain(struct kube_status *out, const char *body, size_t len)
{
    size_t n = 0;

    for (size_t i = 0; i < len && n + 1 < sizeof(out->message); i++)
        out->message[n++] = isprint((unsigned char)body[i]) ? body[i] : ' ';
    while (n > 0 && out->message[n - 1] == ' ')
        n--;
    out->message[n] = '\0';
    if (n == 0)
        (void)snprintf(out->message, sizeof(out->message), "HTTP %d without a word", out->code);
}

void kube_status_parse(struct kube_status *out, int http_code, const char *body, size_t len)
{
    AUTO(cJSON) cJSON *doc = NULL;
    const cJSON *code, *wait;
    struct err none;

    *out = (struct kube_status){ .code = http_code };
    if (json_parse(&doc, body ? body : "", len, &none) < 0 || !cJSON_IsObject(doc) ||
        !cJSON_IsString(json_path(doc, "kind")) ||
        strcmp(json_path(doc, "kind")->valuestring, "Status") != 0) {
        plain(out, body, len);
        return;
    }
    code = json_path(doc, "code");
    if (cJSON_IsNumber(code) && code->valueint >= 100 && code->valueint < 600)
        out->code = code->valueint;
    copy_text(out->reason, sizeof(out->reason), doc, "reason");
    copy_text(out->message, sizeof(out->message), doc, "message");
    copy_text(out->cause, sizeof(out->cause), doc, "details.causes[0].reason");
    wait = json_path(doc, "details.retryAfterSeconds");
    if (cJSON_IsNumber(wait) && wait->valuedouble > 0 && wait->valuedouble < 86400)
        out->retry_after_s = (uint32_t)wait->valuedouble;
    if (!out->message[0])
        (void)snprintf(out->message, sizeof(out->message), "%s",
                       out->reason[0] ? out->reason : "no reason given");
}

bool kube_status_is_ending(const struct kube_status *status)
{
    return strcmp(status->cause, "NamespaceTerminating") == 0 ||
           strstr(status->message, "is being terminated");
}

/* A quota that may be raised, a namespace that is going away: not the asker's mistake. */
static bool is_passing(const struct kube_status *status)
{
    return strstr(status->message, "exceeded quota") || kube_status_is_ending(status);
}

static enum err_code code_of(const struct kube_status *status)
{
    switch (status->code) {
    case 404:
        return ERR_NOT_FOUND;
    case 409:
        return ERR_CONFLICT;
    case 403:
        return is_passing(status) ? ERR_DEPENDENCY : ERR_CONFIG;
    case 400:
    case 401:
    case 405:
    case 415:
    case 422:
        return ERR_CONFIG;
    default:
        return ERR_DEPENDENCY;
    }
}

int kube_status_err(struct err *err, const struct kube_status *status, const char *what)
{
    if (status->code)
        return err_set(err, code_of(status), "%s: %s (HTTP %d)", what, status->message,
                       status->code);
    return err_set(err, ERR_DEPENDENCY, "%s: %s", what, status->message);
}
