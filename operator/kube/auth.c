/* SPDX-License-Identifier: Apache-2.0 */
#include "operator/kube/auth.h"

#include "common/file.h"
#include "common/log.h"
#include "common/mem.h"

#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <string.h>

enum { READ_EVERY_S = 60, TEXT_MAX = 1 << 20, LEEWAY_MS = 10000 };

static void wipe(char **text)
{
    if (*text)
        explicit_bzero(*text, strlen(*text));
    free(*text);
    *text = NULL;
}

void kube_auth_init(struct kube_auth *auth, const struct kube_config *config)
{
    *auth = (struct kube_auth){ .config = config };
}

void kube_auth_clear(struct kube_auth *auth)
{
    wipe(&auth->token);
    wipe(&auth->ca);
    wipe(&auth->cert);
    wipe(&auth->key);
    kube_credential_clear(&auth->plugin);
}

static bool is_certificate(const char *text)
{
    BIO *bio = BIO_new_mem_buf(text, -1);
    X509 *cert = bio ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;
    bool is = cert != NULL;

    X509_free(cert);
    BIO_free(bio);
    return is;
}

static bool is_any(const char *text)
{
    return text[0] != '\0';
}

static void trim(char *text)
{
    size_t len = strlen(text);

    while (len > 0 && strchr(" \r\n\t", text[len - 1]))
        text[--len] = '\0';
}

/* A file that is being replaced is kept as it was: half a CA is worse than an old one. */
static void take(char **out, const struct kube_secret_text *from, bool (*is_good)(const char *),
                 const char *what)
{
    char *text = NULL;
    struct err err;
    size_t len;

    if (!from->path) {
        if (!*out && from->text)
            *out = xstrdup(from->text);
        return;
    }
    if (file_read(&text, &len, from->path, TEXT_MAX, &err) < 0) {
        log_warn("%s: %s; the one before stays", what, err.msg);
        return;
    }
    if (!is_good(text)) {
        log_warn("%s: %s: cannot be parsed; the one before stays", what, from->path);
        wipe(&text);
        return;
    }
    wipe(out);
    *out = text;
}

void kube_auth_read(struct kube_auth *auth, bool forced, int64_t now_us)
{
    const struct kube_config *config = auth->config;

    if (!forced && auth->read_us && now_us - auth->read_us < READ_EVERY_S * INT64_C(1000000))
        return;
    auth->read_us = now_us;
    take(&auth->token, &config->token, is_any, "token");
    if (auth->token)
        trim(auth->token);
    take(&auth->ca, &config->ca, is_certificate, "certificate authority");
    take(&auth->cert, &config->cert, is_certificate, "client certificate");
    take(&auth->key, &config->key, is_any, "client key");
}

bool kube_auth_wants_plugin(const struct kube_auth *auth, int64_t now_unix_ms)
{
    if (!auth->config->exec.argv)
        return false;
    return !auth->plugin_given ||
           (auth->plugin.end_ms > 0 && now_unix_ms > auth->plugin.end_ms - LEEWAY_MS);
}

void kube_auth_take(struct kube_auth *auth, struct kube_credential *credential)
{
    kube_credential_clear(&auth->plugin);
    auth->plugin = *credential;
    auth->plugin_given = true;
    *credential = (struct kube_credential){ 0 };
}

void kube_auth_drop(struct kube_auth *auth)
{
    auth->plugin_given = false;
}

static void blob_set(CURL *easy, CURLoption option, char *text)
{
    struct curl_blob blob = { text, text ? strlen(text) : 0, CURL_BLOB_COPY };

    if (text)
        (void)curl_easy_setopt(easy, option, &blob);
}

struct curl_slist *kube_auth_apply(const struct kube_auth *auth, CURL *easy,
                                   struct curl_slist *headers)
{
    const struct kube_config *config = auth->config;
    char *token = auth->plugin.token ? auth->plugin.token : auth->token;
    char *cert = auth->plugin.cert ? auth->plugin.cert : auth->cert;
    char *key = auth->plugin.key ? auth->plugin.key : auth->key;

    blob_set(easy, CURLOPT_CAINFO_BLOB, auth->ca);
    blob_set(easy, CURLOPT_SSLCERT_BLOB, cert);
    blob_set(easy, CURLOPT_SSLKEY_BLOB, key);
    (void)curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    if (config->insecure) {
        (void)curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 0L);
        (void)curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 0L);
    }
    if (config->proxy_url)
        (void)curl_easy_setopt(easy, CURLOPT_PROXY, config->proxy_url);
    if (config->username && !token) {
        (void)curl_easy_setopt(easy, CURLOPT_USERNAME, config->username);
        (void)curl_easy_setopt(easy, CURLOPT_PASSWORD, config->password ? config->password : "");
    }
    if (token) {
        AUTO_FREE char *line = xasprintf("Authorization: Bearer %s", token);

        headers = curl_slist_append(headers, line);
        explicit_bzero(line, strlen(line));
    }
    return headers;
}
