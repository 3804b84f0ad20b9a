/* SPDX-License-Identifier: Apache-2.0
 *
 * Input that begins with '{"kind":"ExecCredential"' is what a plugin printed, all else a
 * kubeconfig.
 */
#include "tests/fuzz/fuzz.h"

#include "operator/kube/config.h"

#include <string.h>

#define V1 "client.authentication.k8s.io/v1"

static void check_credential(const char *text, size_t len)
{
    struct kube_credential credential = { 0 };
    struct err err = { 0 };

    if (kube_credential_parse(&credential, text, len, V1, &err) < 0) {
        FUZZ_CHECK(err.code == ERR_CONFIG || err.code == ERR_NOMEM);
        FUZZ_CHECK(!credential.token && !credential.cert && !credential.key);
        return;
    }
    FUZZ_CHECK(credential.token || (credential.cert && credential.key));
    FUZZ_CHECK(!credential.token || !strpbrk(credential.token, "\r\n"));
    kube_credential_clear(&credential);
}

static void check_config(const char *text, size_t len)
{
    AUTO(kube_config) struct kube_config *config = NULL;
    struct err err = { 0 };

    if (kube_config_parse(&config, text, len, "/base", NULL, &err) < 0) {
        FUZZ_CHECK(!config && (err.code == ERR_CONFIG || err.code == ERR_NOMEM));
        FUZZ_CHECK(*err.msg);
        return;
    }
    FUZZ_CHECK(config->server && config->space && config->origin);
    FUZZ_CHECK(config->server[strlen(config->server) - 1] != '/');
    FUZZ_CHECK(!strpbrk(config->server, " \r\n"));
    FUZZ_CHECK(!config->exec.argv || (config->exec.argv[0] && config->exec.api_version));
    FUZZ_CHECK(!config->token.text || !strpbrk(config->token.text, "\r\n"));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char start[] = "{\"kind\":\"ExecCredential\"";

    if (size >= sizeof(start) - 1 && memcmp(data, start, sizeof(start) - 1) == 0)
        check_credential((const char *)data, size);
    else
        check_config((const char *)data, size);
    return 0;
}
