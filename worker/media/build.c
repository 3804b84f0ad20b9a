/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/media/av.h"

#include <libavutil/log.h>
#include <link.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

static char build[64];
static pthread_once_t once = PTHREAD_ONCE_INIT;

/* The encoders do not tell their version through libav; the libraries' file names do. */
static int add_library(struct dl_phdr_info *info, size_t size, void *opaque)
{
    static const char *const names[] = { "libx264.so.", "libx265.so." };

    (void)size, (void)opaque;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        const char *found = info->dlpi_name ? strstr(info->dlpi_name, names[i]) : NULL;
        size_t len = strlen(build);

        if (found)
            (void)snprintf(build + len, sizeof(build) - len, " %.4s.%.8s", found + 3,
                           found + strlen(names[i]));
    }
    return 0;
}

static void fill(void)
{
    unsigned v = avcodec_version();

    (void)snprintf(build, sizeof(build), "lavc%u.%u.%u", AV_VERSION_MAJOR(v), AV_VERSION_MINOR(v),
                   AV_VERSION_MICRO(v));
    (void)dl_iterate_phdr(add_library, NULL);
}

const char *media_build(void)
{
    (void)pthread_once(&once, fill);
    return build;
}

/* A decoder of ours has a counter behind its opaque; nothing is printed. */
static void count_complaint(void *from, int level, const char *fmt, va_list args)
{
    const AVClass *const *cls = from;

    (void)fmt;
    (void)args;
    if (level <= AV_LOG_ERROR && cls && *cls == avcodec_get_class()) {
        atomic_int *complaints = ((AVCodecContext *)from)->opaque;

        if (complaints)
            (void)atomic_fetch_add(complaints, 1);
    }
}

void media_quiet(void)
{
    av_log_set_callback(count_complaint);
}
