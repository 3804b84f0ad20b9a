/* SPDX-License-Identifier: Apache-2.0 */
#include "common/contract/class.h"
#include "common/cores.h"
#include "common/log.h"
#include "operator/config/config.h"
#include "operator/drain/drain.h"
#include "operator/operate.h"
#include "version.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DRAIN_WAIT_MS = 90000, HEAP_SLACK = 8 << 20, HEAP_STEP = 256 << 10 };

extern char **environ;

static void log_begin(const struct operator_config *config)
{
    static const char *const levels[] = { "debug", "info", "warning", "error" };
    static const enum log_level values[] = { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };
    enum log_level level = LOG_INFO;

    for (size_t i = 0; i < sizeof(levels) / sizeof(levels[0]); i++) {
        if (strcmp(levels[i], config->log_level) == 0)
            level = values[i];
    }
    log_setup("stereo-operator", level, strcmp(config->log_format, "json") == 0);
}

static int drain(const struct operator_config *config)
{
    AUTO(kube_sync) struct kube_sync *sync = NULL;
    struct drain_opts opts = { .lease_name = config->lease_name,
                               .spaces = (const char *const *)config->spaces,
                               .wait_ms = DRAIN_WAIT_MS };
    struct err err;

    if (kube_sync_open(&sync, config->kubeconfig, config->context,
                       "stereo-operator/" STEREO_VERSION " (drain)", &err) == 0) {
        opts.lease_space = config->lease_space ? config->lease_space : kube_sync_space(sync);
        if (drain_run(sync, &opts, &err) == 0)
            return 0;
    }
    log_error("%s", err.msg);
    return class_exit_code(class_of_err(err.code));
}

static int answer(enum config_ask ask)
{
    char *text = ask == CONFIG_HELP ? operator_config_help() : operator_config_table();

    if (ask == CONFIG_VERSION)
        (void)printf("stereo-operator %s (%s)\n", STEREO_VERSION, STEREO_COMMIT);
    else
        (void)fputs(text, stdout);
    free(text);
    return 0;
}

/* TLS takes and frees a large block for each record among many small ones: with the values that
 * suit most programs, joining free blocks and giving pages back that are wanted next is a tenth of
 * the time. */
static void heap_set_up(void)
{
    (void)mallopt(M_MXFAST, 0);
    (void)mallopt(M_TRIM_THRESHOLD, HEAP_SLACK);
    (void)mallopt(M_MMAP_THRESHOLD, HEAP_SLACK);
    (void)mallopt(M_TOP_PAD, HEAP_STEP);
}

int main(int argc, char **argv)
{
    AUTO(operator_config) struct operator_config *config = NULL;
    bool drains = argc > 1 && strcmp(argv[1], "drain") == 0;
    enum config_ask ask;
    char *problems;

    cores_forbid();
    if (operator_config_load(&config, &ask, argc - drains, argv + drains, environ, &problems) < 0) {
        (void)fputs(problems, stderr);
        free(problems);
        return class_exit_code(CLASS_CONFIG);
    }
    if (ask != CONFIG_RUN)
        return answer(ask);
    log_begin(config);
    heap_set_up();
    return drains ? drain(config) : operate(config);
}
