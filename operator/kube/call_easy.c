/* SPDX-License-Identifier: Apache-2.0 */
#include "operator/kube/call.h"

#include "common/log.h"
#include "common/mem.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum {
    CONNECT_MS = 30000,
    UNARY_MS = 30000,
    KEEPALIVE_S = 30,
    USER_TIMEOUT_MS = 60000,
    IDLE_MAX_S = 60, /* the server and what is between close theirs later */
    WARNINGS_MAX = 200,
};
#define BODY_MAX     (64u << 20)
#define ACCEPT_JSON  "application/json"
#define ACCEPT_NAMES ACCEPT_JSON ";as=PartialObjectMetadataList;v=v1;g=meta.k8s.io"

/* Warnings, once each ---------------------------------------------------------------------------*/

/* Warning: 299 - "text, where \" is a quote" */
static void warning_tell(struct kube_client *client, const char *text)
{
    AUTO_FREE char *words = xcalloc(1, strlen(text) + 1);
    const char *at = strchr(text, '"');
    size_t len = 0;

    for (at = at ? at + 1 : ""; *at && *at != '"'; at++) {
        if (*at == '\\' && at[1])
            at++;
        words[len++] = *at;
    }
    if (!len || map_get(&client->warnings, words) || client->warnings.count >= WARNINGS_MAX)
        return;
    map_put(&client->warnings, words, client);
    log_warn("API server: %s", words);
}

/* curl's callbacks: they only take in -----------------------------------------------------------*/

/* Seconds; 0 for a date or anything else. */
static uint32_t seconds_of(const char *text)
{
    text += strspn(text, " \t");
    if (strspn(text, "0123456789") == 0 || text[strspn(text, "0123456789")])
        return 0;
    return strlen(text) > 6 ? CALL_RETRY_AFTER_MAX_S : (uint32_t)strtoul(text, NULL, 10);
}

static size_t header_came(char *data, size_t size, size_t count, void *ctx)
{
    static const char retry[] = "retry-after:", warning[] = "warning:";
    struct kube_call *call = ctx;
    size_t len = size * count;
    AUTO_FREE char *line = xstrndup(data, len);

    line[strcspn(line, "\r\n")] = '\0';
    if (strncasecmp(line, retry, sizeof(retry) - 1) == 0)
        call->retry_after_s = seconds_of(line + sizeof(retry) - 1);
    else if (strncasecmp(line, warning, sizeof(warning) - 1) == 0)
        warning_tell(call->client, line + sizeof(warning) - 1);
    call->stirred = true;
    return len;
}

static size_t body_came(char *data, size_t size, size_t count, void *ctx)
{
    struct kube_call *call = ctx;
    size_t len = size * count;
    struct err err;

    call->stirred = true;
    if (buf_append(&call->in, data, len, &err) < 0) {
        call->overflow = true;
        return 0;
    }
    return len;
}

static int socket_made(void *ctx, curl_socket_t fd, curlsocktype purpose)
{
    unsigned timeout_ms = USER_TIMEOUT_MS;

    (void)ctx;
    (void)purpose;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &timeout_ms, sizeof(timeout_ms));
    return CURL_SOCKOPT_OK;
}

/* On a connection that has served before, curl takes a close without an answer for one that came
 * while it was idle, and sends again, whatever the method. What was sent once may have been done.
 */
static int about_to_send(void *ctx, char *to, char *from, int to_port, int from_port)
{
    struct kube_call *call = ctx;

    (void)to;
    (void)from;
    (void)to_port;
    (void)from_port;
    return call->sent++ == 0 ? CURL_PREREQFUNC_OK : CURL_PREREQFUNC_ABORT;
}

/* A request on its way --------------------------------------------------------------------------*/

static const char *content_type(enum kube_patch patch)
{
    switch (patch) {
    case KUBE_PATCH_MERGE:
        return "Content-Type: application/merge-patch+json";
    case KUBE_PATCH_JSON:
        return "Content-Type: application/json-patch+json";
    case KUBE_PATCH_APPLY:
        return "Content-Type: application/apply-patch+yaml";
    case KUBE_PATCH_NONE:
        break;
    }
    return "Content-Type: application/json";
}

/* tls-server-name: the name goes into the URL, the address to where it connects and to Host. */
static void url_set_named(struct kube_call *call, const char *name, const char *authority)
{
    size_t len = strcspn(authority, "/");
    AUTO_FREE char *host = xstrndup(authority, len);
    const char *colon = strrchr(host, ':');
    const char *port = colon && !strchr(colon, ']') ? colon + 1 : NULL; /* not in an IPv6 address */
    AUTO_FREE char *url =
        xasprintf("https://%s:%s%s%s", name, port ? port : "443", authority + len, call->path);
    AUTO_FREE char *to = xasprintf("::%s%s", host, port ? "" : ":443");
    AUTO_FREE char *line = xasprintf("Host: %s", host);

    (void)curl_easy_setopt(call->easy, CURLOPT_URL, url);
    call->connect_to = curl_slist_append(NULL, to);
    (void)curl_easy_setopt(call->easy, CURLOPT_CONNECT_TO, call->connect_to);
    call->headers = curl_slist_append(call->headers, line);
}

static void url_set(struct kube_call *call)
{
    static const char https[] = "https://";
    const struct kube_config *config = call->client->opts.config;

    if (config->tls_server_name && strncmp(config->server, https, sizeof(https) - 1) == 0) {
        url_set_named(call, config->tls_server_name, config->server + sizeof(https) - 1);
    } else {
        AUTO_FREE char *url = xasprintf("%s%s", config->server, call->path);

        (void)curl_easy_setopt(call->easy, CURLOPT_URL, url);
    }
}

static void easy_set_up(struct kube_call *call)
{
    CURL *easy = call->easy;

    (void)curl_easy_setopt(easy, CURLOPT_PRIVATE, call);
    (void)curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    (void)curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L); /* waits for no name that is looked up */
    (void)curl_easy_setopt(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
    (void)curl_easy_setopt(easy, CURLOPT_MAXAGE_CONN, (long)IDLE_MAX_S);
    (void)curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, about_to_send);
    (void)curl_easy_setopt(easy, CURLOPT_PREREQDATA, call);
    (void)curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    (void)curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    (void)curl_easy_setopt(easy, CURLOPT_ACCEPT_ENCODING, "gzip");
    (void)curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_MS);
    (void)curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
    (void)curl_easy_setopt(easy, CURLOPT_TCP_KEEPIDLE, (long)KEEPALIVE_S);
    (void)curl_easy_setopt(easy, CURLOPT_TCP_KEEPINTVL, (long)KEEPALIVE_S);
    (void)curl_easy_setopt(easy, CURLOPT_SOCKOPTFUNCTION, socket_made);
    (void)curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, header_came);
    (void)curl_easy_setopt(easy, CURLOPT_HEADERDATA, call);
    (void)curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, body_came);
    (void)curl_easy_setopt(easy, CURLOPT_WRITEDATA, call);
    (void)curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, call->curl_words);
    (void)curl_easy_setopt(easy, CURLOPT_USERAGENT, call->client->user_agent);
    (void)curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, call->method);
}

void call_easy_make(struct kube_call *call)
{
    struct kube_client *client = call->client;

    call->easy = curl_easy_init();
    call->curl_words[0] = '\0';
    call->retry_after_s = 0;
    call->sent = 0;
    call->generation = kube_auth_generation(client->auth);
    call->opened = call->overflow = false;
    buf_clear(&call->in);
    buf_init(&call->in, is_stream(call) ? call->stream.line_max + BODY_MAX : BODY_MAX);
    easy_set_up(call);
    call->headers = curl_slist_append(
        NULL, call->names_only ? "Accept: " ACCEPT_NAMES "," ACCEPT_JSON : "Accept: " ACCEPT_JSON);
    url_set(call);
    if (call->body) {
        call->headers = curl_slist_append(call->headers, content_type(call->patch));
        call->headers = curl_slist_append(call->headers, "Expect:");
        (void)curl_easy_setopt(call->easy, CURLOPT_POSTFIELDSIZE_LARGE,
                               (curl_off_t)strlen(call->body));
        (void)curl_easy_setopt(call->easy, CURLOPT_POSTFIELDS, call->body);
    }
    call->headers = kube_auth_apply(client->auth, call->easy, call->headers);
    (void)curl_easy_setopt(call->easy, CURLOPT_HTTPHEADER, call->headers);
    if (is_stream(call)) {
        (void)curl_easy_setopt(call->easy, CURLOPT_FRESH_CONNECT, 1L);
        (void)curl_easy_setopt(call->easy, CURLOPT_FORBID_REUSE, 1L);
        if (call->stream.deadline_ms != UINT32_MAX)
            (void)curl_easy_setopt(call->easy, CURLOPT_TIMEOUT_MS, (long)call->stream.deadline_ms);
    } else {
        (void)curl_easy_setopt(call->easy, CURLOPT_TIMEOUT_MS, (long)UNARY_MS);
    }
}

void call_easy_free(struct kube_call *call)
{
    if (call->easy)
        curl_easy_cleanup(call->easy);
    curl_slist_free_all(call->headers);
    curl_slist_free_all(call->connect_to);
    call->easy = NULL;
    call->headers = call->connect_to = NULL;
}
