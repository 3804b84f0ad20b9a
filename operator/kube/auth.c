/* SPDX-License-Identifier: Apache-2.0 */
#include "operator/kube/auth.h"

#include "common/clock.h"
#include "common/file.h"
#include "common/log.h"
#include "common/mem.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <string.h>

enum {
    READ_EVERY_S = 60,
    TEXT_MAX = 1 << 20,
    LEEWAY_MS = 10000,
    PLUGIN_MS = 60000,
    PLUGIN_REST_MS = 1000
};

/* What the server and we show each other; all owned, NULL: none. */
struct texts {
    char *token, *ca, *cert, *key;
};

struct kube_auth {
    uv_loop_t *loop;
    const struct kube_config *config;
    void (*changed)(void *ctx, const struct err *err);
    void *ctx;
    struct texts texts;
    int64_t read_us; /* when the files were read; 0: never */
    bool read_due;
    struct kube_credential plugin; /* what the exec plugin gave */
    bool plugin_given;
    int64_t plugin_us; /* when */
    uint32_t generation;
    struct job *job; /* under way; NULL: none */
};

/* Files to read or a plugin to run, off the loop. It outlives its owner if it must. */
struct job {
    uv_work_t work;
    struct kube_auth *auth; /* NULL: closed meanwhile */
    const struct kube_config *config;
    bool is_plugin;
    struct texts texts;
    struct kube_credential credential;
    struct err err;
    int rc;
};

static void wipe(char **text)
{
    if (*text)
        explicit_bzero(*text, strlen(*text));
    free(*text);
    *text = NULL;
}

static void texts_clear(struct texts *texts)
{
    wipe(&texts->token);
    wipe(&texts->ca);
    wipe(&texts->cert);
    wipe(&texts->key);
}

/* What is good enough to take the place of what was there ---------------------------------------*/

/* An encrypted key is no key; without this, OpenSSL asks the terminal. */
static int no_password(char *out, int size, int writing, void *ctx)
{
    (void)out;
    (void)size;
    (void)writing;
    (void)ctx;
    return -1;
}

/* Every one of a bundle must be whole: a file that is being written ends anywhere. */
static bool is_bundle(const char *text)
{
    BIO *bio = BIO_new_mem_buf(text, -1);
    STACK_OF(X509_INFO) *all = bio ? PEM_X509_INFO_read_bio(bio, NULL, no_password, NULL) : NULL;
    bool is = all && sk_X509_INFO_num(all) > 0 && sk_X509_INFO_value(all, 0)->x509;

    sk_X509_INFO_pop_free(all, X509_INFO_free);
    BIO_free(bio);
    ERR_clear_error();
    return is;
}

/* Certificate and key are two files, and are not replaced at the same time. */
static bool is_pair(const char *cert_text, const char *key_text)
{
    BIO *cert_bio = BIO_new_mem_buf(cert_text, -1), *key_bio = BIO_new_mem_buf(key_text, -1);
    X509 *cert = cert_bio ? PEM_read_bio_X509(cert_bio, NULL, no_password, NULL) : NULL;
    EVP_PKEY *key = key_bio ? PEM_read_bio_PrivateKey(key_bio, NULL, no_password, NULL) : NULL;
    bool is = cert && key && X509_check_private_key(cert, key) == 1;

    EVP_PKEY_free(key);
    X509_free(cert);
    BIO_free(key_bio);
    BIO_free(cert_bio);
    ERR_clear_error();
    return is;
}

/* One line without anything that could end a header. */
static bool is_token(char *text)
{
    size_t len = strlen(text);

    while (len > 0 && strchr(" \r\n\t", text[len - 1]))
        text[--len] = '\0';
    for (size_t i = 0; i < len; i++) {
        if ((unsigned char)text[i] < ' ' || text[i] == 0x7f)
            return false;
    }
    return len > 0;
}

static bool is_ca(char *text)
{
    return is_bundle(text);
}

static bool is_any(char *text)
{
    return text[0] != '\0';
}

static char *read_good(const char *path, const char *what, bool (*is_good)(char *text))
{
    char *text = NULL;
    struct err err;
    size_t len;

    if (!path)
        return NULL;
    if (file_read(&text, &len, path, TEXT_MAX, &err) < 0) {
        log_warn("%s: %s; the one before stays", what, err.msg);
    } else if (strlen(text) != len || !is_good(text)) {
        log_warn("%s: %s: cannot be parsed; the one before stays", what, path);
        wipe(&text);
    }
    return text;
}

/* Blocks. What stays NULL stays as it was. */
static void read_files(struct texts *out, const struct kube_config *config)
{
    out->token = read_good(config->token.path, "token", is_token);
    out->ca = read_good(config->ca.path, "certificate authority", is_ca);
    out->cert = read_good(config->cert.path, "client certificate", is_ca);
    out->key = read_good(config->key.path, "client key", is_any);
    if (!config->cert.path && !config->key.path)
        return;
    if (!out->cert && config->cert.text)
        out->cert = xstrdup(config->cert.text);
    if (!out->key && config->key.text)
        out->key = xstrdup(config->key.text);
    if (out->cert && out->key && is_pair(out->cert, out->key))
        return;
    if (out->cert && out->key)
        log_warn("client certificate: %s does not belong to its key; the ones before stay",
                 config->cert.path ? config->cert.path : config->key.path);
    wipe(&out->cert);
    wipe(&out->key);
}

static bool take(char **out, char **from)
{
    bool other = *from && (!*out || strcmp(*out, *from) != 0);

    if (other) {
        wipe(out);
        *out = TAKE(*from);
    }
    return other;
}

static void take_texts(struct kube_auth *auth, struct texts *from)
{
    bool other = take(&auth->texts.token, &from->token);

    other |= take(&auth->texts.ca, &from->ca);
    other |= take(&auth->texts.cert, &from->cert);
    other |= take(&auth->texts.key, &from->key);
    auth->generation += other;
}

/* Off the loop ----------------------------------------------------------------------------------*/

static void job_run(uv_work_t *work)
{
    struct job *job = work->data;

    if (job->is_plugin)
        job->rc = kube_exec_run(&job->credential, job->config, PLUGIN_MS, &job->err);
    else
        read_files(&job->texts, job->config);
}

static void job_take(struct kube_auth *auth, struct job *job)
{
    auth->job = NULL;
    if (!job->is_plugin) {
        auth->read_us = clock_mono_us();
        take_texts(auth, &job->texts);
    } else if (job->rc == 0) {
        kube_credential_clear(&auth->plugin);
        auth->plugin = job->credential;
        auth->plugin_given = true;
        auth->plugin_us = clock_mono_us();
        auth->generation++;
        job->credential = (struct kube_credential){ 0 };
    }
}

static void job_ended(uv_work_t *work, int status)
{
    struct job *job = work->data;
    struct kube_auth *auth = job->auth;
    bool failed = job->is_plugin && job->rc < 0;

    (void)status; /* nobody cancels it */
    if (auth)
        job_take(auth, job);
    texts_clear(&job->texts);
    kube_credential_clear(&job->credential);
    if (auth)
        auth->changed(auth->ctx, failed ? &job->err : NULL); /* may close it */
    free(job);
}

static void job_start(struct kube_auth *auth, bool is_plugin)
{
    struct job *job = xcalloc(1, sizeof(*job));

    job->auth = auth;
    job->config = auth->config;
    job->is_plugin = is_plugin;
    job->work.data = job;
    auth->job = job;
    (void)uv_queue_work(auth->loop, &job->work, job_run, job_ended);
}

/* The door --------------------------------------------------------------------------------------*/

static char *copy(const char *text)
{
    return text ? xstrdup(text) : NULL;
}

struct kube_auth *kube_auth_open(uv_loop_t *loop, const struct kube_config *config,
                                 void (*changed)(void *ctx, const struct err *err), void *ctx)
{
    struct kube_auth *auth = xcalloc(1, sizeof(*auth));

    auth->loop = loop;
    auth->config = config;
    auth->changed = changed;
    auth->ctx = ctx;
    auth->texts = (struct texts){ copy(config->token.text), copy(config->ca.text),
                                  copy(config->cert.text), copy(config->key.text) };
    return auth;
}

void kube_auth_close(struct kube_auth *auth)
{
    if (auth->job)
        auth->job->auth = NULL;
    texts_clear(&auth->texts);
    kube_credential_clear(&auth->plugin);
    free(auth);
}

static bool wants_files(const struct kube_auth *auth)
{
    const struct kube_config *config = auth->config;

    if (!config->token.path && !config->ca.path && !config->cert.path && !config->key.path)
        return false;
    return auth->read_due || !auth->read_us ||
           clock_mono_us() - auth->read_us > READ_EVERY_S * INT64_C(1000000);
}

/* What comes expired is shown all the same, or a clock that is wrong runs plugins for ever. */
static bool wants_plugin(const struct kube_auth *auth)
{
    if (!auth->config->exec.argv)
        return false;
    return !auth->plugin_given ||
           (auth->plugin.end_ms > 0 && clock_unix_ms() > auth->plugin.end_ms - LEEWAY_MS &&
            clock_mono_us() - auth->plugin_us > PLUGIN_REST_MS * INT64_C(1000));
}

bool kube_auth_ready(struct kube_auth *auth)
{
    bool files = !auth->job && wants_files(auth);

    if (files)
        auth->read_due = false;
    if (!auth->job && (files || wants_plugin(auth)))
        job_start(auth, !files);
    return !auth->job;
}

uint32_t kube_auth_generation(const struct kube_auth *auth)
{
    return auth->generation;
}

void kube_auth_doubt(struct kube_auth *auth, uint32_t generation)
{
    if (generation != auth->generation)
        return;
    auth->read_due = true;
    auth->plugin_given = false;
}

static void blob_set(CURL *easy, CURLoption option, char *text)
{
    struct curl_blob blob = { text, text ? strlen(text) : 0, CURL_BLOB_COPY };

    if (text)
        (void)curl_easy_setopt(easy, option, &blob);
}

static void tls_apply(const struct kube_auth *auth, CURL *easy)
{
    bool plugin = auth->plugin.cert && auth->plugin.key;

    blob_set(easy, CURLOPT_CAINFO_BLOB, auth->texts.ca);
    blob_set(easy, CURLOPT_SSLCERT_BLOB, plugin ? auth->plugin.cert : auth->texts.cert);
    blob_set(easy, CURLOPT_SSLKEY_BLOB, plugin ? auth->plugin.key : auth->texts.key);
    (void)curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    if (!auth->config->insecure)
        return;
    (void)curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 0L);
    (void)curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 0L);
}

struct curl_slist *kube_auth_apply(const struct kube_auth *auth, CURL *easy,
                                   struct curl_slist *headers)
{
    const struct kube_config *config = auth->config;
    const char *token = auth->plugin.token ? auth->plugin.token : auth->texts.token;

    tls_apply(auth, easy);
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
