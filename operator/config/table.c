/* SPDX-License-Identifier: Apache-2.0 */
#include "operator/config/table.h"

#include <ctype.h>
#include <stdio.h>

static const char *const pull_policies[] = { "Always", "IfNotPresent", "Never", NULL };
static const char *const log_levels[] = { "debug", "info", "warning", "error", NULL };
static const char *const log_formats[] = { "json", "text", NULL };

#define AT(field) .offset = offsetof(struct operator_config, field)

const struct config_row config_rows[] = {
    { "namespace", "watchNamespaces", "A,B", AT(spaces), .type = CONFIG_LIST,
      .wrong = config_wrong_label, .doc = "namespaces whose StereoJobs are run; none: all" },
    { "worker-image", "worker.image", "IMAGE", AT(worker_image), .type = CONFIG_TEXT,
      .required = true, .wrong = config_wrong_image, .doc = "the image of the workers' pods" },
    { "image-pull-policy", "worker.imagePullPolicy", .fallback = "IfNotPresent", AT(pull_policy),
      .type = CONFIG_ENUM, .choices = pull_policies, .doc = "when nodes fetch the worker's image" },
    { "image-pull-secrets", "imagePullSecrets", "A,B", AT(pull_secrets), .type = CONFIG_LIST,
      .wrong = config_wrong_subdomain,
      .doc = "Secrets, in each job's namespace, that open the image's registry" },
    { "worker-service-account", "worker.serviceAccountName", "NAME", AT(worker_account),
      .type = CONFIG_TEXT, .wrong = config_wrong_subdomain,
      .doc = "service account of workers, in each job's namespace; none: \"default\"" },
    { "redis-url", "redis.url", "URL", AT(redis_url), .type = CONFIG_TEXT, .required = true,
      .wrong = config_wrong_redis_url,
      .doc = "the Redis of completions and progress: redis://, rediss:// or unix://" },
    { "redis-user", "redis.user", "NAME", AT(redis_user), .type = CONFIG_TEXT,
      .wrong = config_wrong_plain, .doc = "the operator's user in Redis" },
    { "redis-password-file", "redis.passwordFile", AT(redis_password), .type = CONFIG_FILE,
      .min = 1, .max = 4096, .trim = true, .doc = "file with the password of that user" },
    { "worker-redis-url", "worker.redis.url", "URL", AT(worker_redis_url), .type = CONFIG_TEXT,
      .wrong = config_wrong_redis_url, .doc = "how workers reach Redis; none: redis-url" },
    { "worker-redis-user", "worker.redis.user", "NAME", AT(worker_redis_user), .type = CONFIG_TEXT,
      .wrong = config_wrong_plain,
      .doc = "the workers' user in Redis; none: the operator's user and password" },
    { "worker-redis-password-file", "worker.redis.passwordFile", AT(worker_redis_password),
      .type = CONFIG_FILE, .min = 1, .max = 4096, .trim = true,
      .doc = "file with the password of the workers' user" },
    { "key-file", "key.file", AT(key), .type = CONFIG_FILE, .required = true, .min = 32,
      .max = 4096, .doc = "file with at least 32 random bytes from which jobs' tokens are made" },
    { "listen", "listen", "HOST:PORT", .fallback = "0.0.0.0:8080", AT(listen), .type = CONFIG_TEXT,
      .wrong = config_wrong_listen, .doc = "where /healthz, /readyz and /metrics are served" },
    { "lease-namespace", "leaderElection.namespace", "NAME", AT(lease_space), .type = CONFIG_TEXT,
      .wrong = config_wrong_label, .doc = "namespace of the Lease; none: the operator's own" },
    { "lease-name", "leaderElection.name", "NAME", .fallback = "stereo-operator", AT(lease_name),
      .type = CONFIG_TEXT, .required = true, .wrong = config_wrong_subdomain,
      .doc = "the Lease that the operators of one installation share" },
    { "leader-elect", "leaderElection.enabled", .fallback = "true", AT(leader_elect),
      .type = CONFIG_BOOL, .doc = "work only while holding the Lease" },
    { "pod-name", "", "NAME", AT(pod_name), .type = CONFIG_TEXT, .wrong = config_wrong_subdomain,
      .doc = "this process in the Lease and in events; none: the host's name" },
    { "kubeconfig", "", "FILE", AT(kubeconfig), .type = CONFIG_TEXT, .wrong = config_wrong_path,
      .doc = "the cluster, when not run in it; none: KUBECONFIG, the pod's service account" },
    { "context", "", "NAME", AT(context), .type = CONFIG_TEXT, .wrong = config_wrong_plain,
      .doc = "context of the kubeconfig; none: its current one" },
    { "ca-configmap", "worker.caConfigMap", "NAME", AT(ca_configmap), .type = CONFIG_TEXT,
      .wrong = config_wrong_subdomain,
      .doc = "ConfigMap, in each job's namespace, with CAs that workers trust" },
    { "proxy-http", "proxy.http", "URL", AT(proxy_http), .type = CONFIG_TEXT,
      .wrong = config_wrong_proxy_url, .doc = "workers' proxy for http://" },
    { "proxy-https", "proxy.https", "URL", AT(proxy_https), .type = CONFIG_TEXT,
      .wrong = config_wrong_proxy_url, .doc = "workers' proxy for https://" },
    { "no-proxy", "proxy.no", "A,B", AT(no_proxy), .type = CONFIG_TEXT, .wrong = config_wrong_plain,
      .doc = "hosts that workers reach without a proxy" },
    { "log-level", "log.level", .fallback = "info", AT(log_level), .type = CONFIG_ENUM,
      .choices = log_levels, .doc = "the least that is logged" },
    { "log-format", "log.format", .fallback = "json", AT(log_format), .type = CONFIG_ENUM,
      .choices = log_formats, .doc = "lines for machines or for people" },
    { "in-flight", "limits.inFlight", .fallback = "16", AT(in_flight), .type = CONFIG_INT, .min = 1,
      .max = 1000, .doc = "requests to the API server under way at a time" },
    { "resync-seconds", "limits.resyncSeconds", .fallback = "600", AT(resync_ms),
      .type = CONFIG_SECONDS, .min = 10, .max = 86400,
      .doc = "every job is looked at again at least this often" },
};
const size_t config_row_count = sizeof(config_rows) / sizeof(config_rows[0]);

_Static_assert(sizeof(config_rows) / sizeof(config_rows[0]) < CONFIG_ROWS_MAX, "CONFIG_ROWS_MAX");

const char *config_type_name(enum config_type type)
{
    static const char *const names[] = {
        [CONFIG_TEXT] = "string",      [CONFIG_LIST] = "list", [CONFIG_INT] = "int",
        [CONFIG_SECONDS] = "duration", [CONFIG_BOOL] = "bool", [CONFIG_ENUM] = "enum",
        [CONFIG_FILE] = "file",
    };

    return names[type];
}

void config_env_name(char *out, size_t size, const char *name)
{
    size_t len = (size_t)snprintf(out, size, "STEREO_%s", name);

    for (size_t i = 0; i < len && i < size - 1; i++)
        out[i] = out[i] == '-' ? '_' : (char)toupper((unsigned char)out[i]);
}
