/* SPDX-License-Identifier: Apache-2.0 */
#include "common/s3_sources.h"

#include "common/buf.h"
#include "common/clock.h"
#include "common/file.h"
#include "common/http.h"
#include "common/json.h"
#include "common/mem.h"
#include "common/s3_xml.h"
#include "common/sigv4.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define TOKEN_FILE_MAX   (64u << 10)
#define FORM_MAX         (256u << 10)
#define FIELD_SIZE       8192
#define TRIES            3
#define PAUSE_MS         200
#define STS_TOTAL_MS     30000
#define LOCAL_TOTAL_MS   5000
#define LOCAL_CONNECT_MS 2000
#define CONTAINER_HOST   "http://169.254.170.2"
#define IMDS_IPV4        "http://169.254.169.254"
#define IMDS_IPV6        "http://[fd00:ec2::254]"
#define IMDS_ROLES       "/latest/meta-data/iam/security-credentials/"

enum kind { KIND_STS, KIND_CONTAINER, KIND_IMDS };

struct s3_source {
    enum kind kind;
    char *url;                /* owned, as all of these; may be NULL but for url */
    char *role, *session;     /* STS */
    char *token, *token_file; /* container; STS has a file */
    char *ca_file;
};

static const char *env(const char *name)
{
    const char *value = getenv(name);

    return value && value[0] ? value : NULL;
}

static char *env_copy(const char *name)
{
    const char *value = env(name);

    return value ? xstrdup(value) : NULL;
}

static char *without_slash(const char *url)
{
    size_t len = strlen(url);

    while (len && url[len - 1] == '/')
        len--;
    return xstrndup(url, len);
}

static char *sts_url(void)
{
    const char *given = env("AWS_ENDPOINT_URL_STS");
    const char *region = env("AWS_REGION") ? env("AWS_REGION") : env("AWS_DEFAULT_REGION");

    if (given)
        return without_slash(given);
    if (!region)
        return xstrdup("https://sts.amazonaws.com");
    return xasprintf("https://sts.%s.amazonaws.com%s", region,
                     strncmp(region, "cn-", 3) == 0 ? ".cn" : "");
}

static void open_sts(struct s3_source *source)
{
    source->kind = KIND_STS;
    source->url = sts_url();
    source->role = env_copy("AWS_ROLE_ARN");
    source->token_file = env_copy("AWS_WEB_IDENTITY_TOKEN_FILE");
    source->session = env("AWS_ROLE_SESSION_NAME") ? env_copy("AWS_ROLE_SESSION_NAME")
                                                   : xasprintf("stereojob-%d", (int)getpid());
}

static int open_container(struct s3_source *source, struct err *err)
{
    const char *relative = env("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");

    source->kind = KIND_CONTAINER;
    source->url = relative
                      ? xasprintf("%s%s%s", CONTAINER_HOST, relative[0] == '/' ? "" : "/", relative)
                      : env_copy("AWS_CONTAINER_CREDENTIALS_FULL_URI");
    source->token = env_copy("AWS_CONTAINER_AUTHORIZATION_TOKEN");
    source->token_file = env_copy("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE");
    if (s3_source_may_ask(source->url))
        return 0;
    return err_set(err, ERR_CONFIG,
                   "AWS_CONTAINER_CREDENTIALS_FULL_URI: http is for this host and for addresses of "
                   "container platforms only");
}

static void open_imds(struct s3_source *source)
{
    const char *given = env("AWS_EC2_METADATA_SERVICE_ENDPOINT");
    const char *mode = env("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE");

    source->kind = KIND_IMDS;
    source->url = without_slash(given                                   ? given
                                : mode && strcasecmp(mode, "ipv6") == 0 ? IMDS_IPV6
                                                                        : IMDS_IPV4);
}

int s3_source_open(struct s3_source **out, struct err *err)
{
    AUTO(s3_source) struct s3_source *source = xcalloc(1, sizeof(*source));
    const char *disabled = env("AWS_EC2_METADATA_DISABLED");

    source->ca_file = env_copy("AWS_CA_BUNDLE");
    if (env("AWS_ROLE_ARN") && env("AWS_WEB_IDENTITY_TOKEN_FILE")) {
        open_sts(source);
    } else if (env("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI") ||
               env("AWS_CONTAINER_CREDENTIALS_FULL_URI")) {
        if (open_container(source, err) < 0)
            return -1;
    } else if (!disabled || strcasecmp(disabled, "true") != 0) {
        open_imds(source);
    } else {
        return err_set(err, ERR_CONFIG,
                       "no S3 keys: none given, no AWS_ROLE_ARN with AWS_WEB_IDENTITY_TOKEN_FILE, "
                       "no AWS_CONTAINER_CREDENTIALS_FULL_URI or _RELATIVE_URI, and "
                       "AWS_EC2_METADATA_DISABLED is set");
    }
    *out = TAKE(source);
    return 0;
}

void s3_source_free(struct s3_source *source)
{
    if (!source)
        return;
    if (source->token)
        explicit_bzero(source->token, strlen(source->token));
    free(source->url);
    free(source->role);
    free(source->session);
    free(source->token);
    free(source->token_file);
    free(source->ca_file);
    free(source);
}

static bool is_loopback(const char *host, size_t len)
{
    static const char *const local[] = { "localhost",      "[::1]",          "169.254.170.2",
                                         "169.254.170.23", "[fd00:ec2::23]", NULL };
    char name[64] = "";
    unsigned a, b, c, d;
    int end = 0;

    if (len >= sizeof(name))
        return false;
    memcpy(name, host, len);
    for (size_t i = 0; local[i]; i++) {
        if (strcasecmp(name, local[i]) == 0)
            return true;
    }
    return sscanf(name, "%3u.%3u.%3u.%3u%n", &a, &b, &c, &d, &end) == 4 && !name[end] && a == 127 &&
           b < 256 && c < 256 && d < 256;
}

bool s3_source_may_ask(const char *url)
{
    const char *host, *end;
    size_t len;

    if (strncasecmp(url, "https://", 8) == 0)
        return true;
    if (strncasecmp(url, "http://", 7) != 0)
        return false;
    host = url + 7;
    len = strcspn(host, "/?#\\");
    if (memchr(host, '@', len))
        return false;
    end = host[0] == '[' ? memchr(host, ']', len) : NULL;
    if (host[0] == '[' && (!end || (end + 1 < host + len && end[1] != ':')))
        return false;
    if (end)
        len = (size_t)(end - host) + 1; /* [::1]:80 */
    else
        len = strcspn(host, "/?#\\:");
    return is_loopback(host, len);
}

/* What one question is. */
struct question {
    const char *method, *url;
    const char *header; /* one, or NULL */
    const char *body;   /* a form, or NULL */
    uint32_t total_ms;
};

/* The first of an answer's words for people, on one line. */
static void quote_answer(char *out, size_t size, const struct http_response *response)
{
    struct s3_xml_error error;

    out[0] = '\0';
    if (response->body.data && s3_xml_error(&error, response->body.data, response->body.len))
        (void)snprintf(out, size, " %s", error.code);
}

static int judge(const struct question *question, const struct http_response *response,
                 struct err *err)
{
    char said[128];
    bool again = response->status >= 500 || response->status == 429 || response->status == 408;

    if (response->status >= 200 && response->status <= 299)
        return 0;
    quote_answer(said, sizeof(said), response);
    return err_set(err, again ? ERR_DEPENDENCY : ERR_CONFIG, "%s: HTTP %d%s", question->method,
                   response->status, said);
}

static void nap(unsigned ms)
{
    struct timespec ts = { ms / 1000, (long)(ms % 1000) * 1000000 };

    (void)nanosleep(&ts, NULL);
}

static int ask(struct http *http, const struct question *question, struct buf *answer,
               struct err *err)
{
    const char *headers[2];
    struct http_request request = { .method = question->method,
                                    .url = question->url,
                                    .headers = headers,
                                    .body = question->body,
                                    .body_len = question->body ? strlen(question->body) : 0,
                                    .total_ms = question->total_ms };

    if (question->header)
        headers[request.header_count++] = question->header;
    if (question->body)
        headers[request.header_count++] = "Content-Type: application/x-www-form-urlencoded";
    for (unsigned i = 0;; i++) {
        AUTO_RESPONSE struct http_response response = { 0 };

        if (http_send(http, &request, &response, err) == 0 &&
            judge(question, &response, err) == 0) {
            *answer = response.body;
            response.body = (struct buf){ 0 };
            return 0;
        }
        if (err->code != ERR_DEPENDENCY || i + 1 == TRIES)
            return -1;
        nap(PAUSE_MS << i);
    }
}

static void answer_wipe(struct buf *answer)
{
    if (answer->data)
        explicit_bzero(answer->data, answer->len);
    buf_clear(answer);
}

#define AUTO_ANSWER __attribute__((cleanup(answer_wipe)))

/* A token without the line break that editors leave at the end. */
static int read_token(char **out, const char *path, struct err *err)
{
    size_t len;

    if (file_read(out, &len, path, TOKEN_FILE_MAX, err) < 0) {
        err->code = ERR_CONFIG;
        return -1;
    }
    while (len && isspace((unsigned char)(*out)[len - 1]))
        (*out)[--len] = '\0';
    return len ? 0 : err_set(err, ERR_CONFIG, "%s is empty", path);
}

static int set_end(struct s3_keys *keys, const char *text, struct err *err)
{
    keys->end_ms = text[0] ? clock_parse(text) : 0;
    if (keys->end_ms < 0)
        return err_set(err, ERR_DEPENDENCY, "the end of the keys is no date");
    return 0;
}

static int take_sts(struct s3_keys *out, const struct buf *answer, struct err *err)
{
    static const char *const names[] = { "AccessKeyId", "SecretAccessKey", "SessionToken",
                                         "Expiration" };
    AUTO_FREE char *text = xmalloc(FIELD_SIZE);
    char path[128];
    char **fields[] = { &out->id, &out->secret, &out->token };

    for (size_t i = 0; i < 4; i++) {
        (void)snprintf(path, sizeof(path),
                       "AssumeRoleWithWebIdentityResponse/AssumeRoleWithWebIdentityResult/"
                       "Credentials/%s",
                       names[i]);
        if (s3_xml_find(text, FIELD_SIZE, answer->data ? answer->data : "", answer->len, path,
                        err) < 0)
            return -1;
        if (i < 3)
            *fields[i] = xstrdup(text);
    }
    return set_end(out, text, err);
}

static int add_field(struct buf *form, const char *name, const char *value, struct err *err)
{
    return buf_printf(form, err, "&%s=", name) < 0 ? -1 : sigv4_encode(form, value, false, err);
}

/* In the body, not in the URL: what proxies and servers log. */
static int fetch_sts(const struct s3_source *source, struct http *http, struct s3_keys *out,
                     struct err *err)
{
    AUTO_FREE char *token = NULL, *url = xasprintf("%s/", source->url);
    AUTO_ANSWER struct buf answer = { 0 }, form;
    struct question question = { .method = "POST", .url = url, .total_ms = STS_TOTAL_MS };

    buf_init(&form, FORM_MAX);
    if (read_token(&token, source->token_file, err) < 0 ||
        buf_printf(&form, err, "Action=AssumeRoleWithWebIdentity&Version=2011-06-15") < 0 ||
        add_field(&form, "RoleArn", source->role, err) < 0 ||
        add_field(&form, "RoleSessionName", source->session, err) < 0 ||
        add_field(&form, "WebIdentityToken", token, err) < 0)
        return -1;
    question.body = form.data;
    return ask(http, &question, &answer, err) < 0 ? -1 : take_sts(out, &answer, err);
}

static int take_string(char **out, const cJSON *doc, const char *name, struct err *err)
{
    AUTO_FREE char *text = xmalloc(FIELD_SIZE);

    if (json_str(text, FIELD_SIZE, doc, name, err) < 0)
        return -1;
    *out = xstrdup(text);
    return 0;
}

/* What containers' and instances' services answer. */
static int take_json(struct s3_keys *out, const struct buf *answer, struct err *err)
{
    AUTO(cJSON) cJSON *doc = NULL;
    AUTO_FREE char *end = NULL;

    if (json_parse(&doc, answer->data ? answer->data : "", answer->len, err) < 0 ||
        take_string(&out->id, doc, "AccessKeyId", err) < 0 ||
        take_string(&out->secret, doc, "SecretAccessKey", err) < 0 ||
        (json_has(doc, "Token") && take_string(&out->token, doc, "Token", err) < 0) ||
        (json_has(doc, "Expiration") && take_string(&end, doc, "Expiration", err) < 0)) {
        err->code = ERR_DEPENDENCY;
        return -1;
    }
    return set_end(out, end ? end : "", err);
}

static int fetch_container(const struct s3_source *source, struct http *http, struct s3_keys *out,
                           struct err *err)
{
    AUTO_FREE char *read = NULL, *header = NULL;
    AUTO_ANSWER struct buf answer = { 0 };
    struct question question = { .method = "GET", .url = source->url, .total_ms = LOCAL_TOTAL_MS };
    const char *token = source->token;

    if (source->token_file) {
        if (read_token(&read, source->token_file, err) < 0)
            return -1;
        token = read;
    }
    if (token)
        question.header = header = xasprintf("Authorization: %s", token);
    return ask(http, &question, &answer, err) < 0 ? -1 : take_json(out, &answer, err);
}

static int ask_imds(const struct s3_source *source, struct http *http, const char *path,
                    const char *header, struct buf *answer, struct err *err)
{
    AUTO_FREE char *url = xasprintf("%s%s", source->url, path);
    struct question question = {
        .method = "GET", .url = url, .header = header, .total_ms = LOCAL_TOTAL_MS
    };

    if (strcmp(path, "/latest/api/token") == 0)
        question.method = "PUT";
    if (ask(http, &question, answer, err) < 0)
        return -1;
    if (!answer->len)
        return err_set(err, ERR_DEPENDENCY, "an empty answer");
    for (size_t i = 0; i < answer->len; i++) { /* tokens and names are one line */
        if (answer->data[i] == '\r' || answer->data[i] == '\n') {
            if (answer->data[0] != '{')
                answer->data[answer->len = i] = '\0';
            break;
        }
    }
    return 0;
}

static int fetch_imds(const struct s3_source *source, struct http *http, struct s3_keys *out,
                      struct err *err)
{
    AUTO_FREE char *header = NULL, *path = NULL;
    AUTO_ANSWER struct buf token = { 0 }, role = { 0 }, answer = { 0 };

    if (ask_imds(source, http, "/latest/api/token", "X-aws-ec2-metadata-token-ttl-seconds: 21600",
                 &token, err) < 0) {
        (void)err_wrap(err, "no session (in a container: is the hop limit 2?)");
        return -1;
    }
    header = xasprintf("X-aws-ec2-metadata-token: %s", token.data);
    if (ask_imds(source, http, IMDS_ROLES, header, &role, err) < 0)
        return -1;
    path = xasprintf("%s%s", IMDS_ROLES, role.data);
    if (ask_imds(source, http, path, header, &answer, err) < 0)
        return -1;
    return take_json(out, &answer, err);
}

int s3_source_fetch(const struct s3_source *source, struct s3_keys *out, struct err *err)
{
    static const char *const names[] = { [KIND_STS] = "STS",
                                         [KIND_CONTAINER] = "the container's service",
                                         [KIND_IMDS] = "the instance's metadata" };
    struct http_opts opts = { .no_proxy = source->kind != KIND_STS,
                              .ca_file = source->ca_file,
                              .connect_ms = source->kind == KIND_STS ? 0 : LOCAL_CONNECT_MS };
    AUTO(http) struct http *http = NULL;
    struct s3_keys keys = { 0 };
    int rc = http_open(&http, &opts, err);

    if (rc == 0)
        rc = source->kind == KIND_STS         ? fetch_sts(source, http, &keys, err)
             : source->kind == KIND_CONTAINER ? fetch_container(source, http, &keys, err)
                                              : fetch_imds(source, http, &keys, err);
    if (rc < 0) {
        s3_keys_clear(&keys);
        return err_wrap(err, "S3 keys from %s", names[source->kind]);
    }
    *out = keys;
    return 0;
}
