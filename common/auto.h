/* SPDX-License-Identifier: Apache-2.0
 *
 * auto.h - locals that own: AUTO_FREE for plain heap, AUTO(type) for anything with a free function
 * declared by AUTO_DEFINE beside it, TAKE to hand over. A function that uses them has no goto.
 */
#ifndef COMMON_AUTO_H
#define COMMON_AUTO_H

#include <stdlib.h>
#include <unistd.h>

#define AUTO_FREE  __attribute__((cleanup(auto_free_)))
#define AUTO_CLOSE __attribute__((cleanup(auto_close_)))
#define AUTO(type) __attribute__((cleanup(type##_auto_)))
#define AUTO_DEFINE(type, ptr, free_fn)                                                            \
    static inline void type##_auto_(ptr *p)                                                        \
    {                                                                                              \
        free_fn(*p);                                                                               \
    }
#define TAKE(p)                                                                                    \
    ({                                                                                             \
        __auto_type taken_ = (p);                                                                  \
        (p) = NULL;                                                                                \
        taken_;                                                                                    \
    })

static inline void auto_free_(void *p)
{
    free(*(void **)p);
}

static inline void auto_close_(const int *fd)
{
    if (*fd >= 0)
        (void)close(*fd);
}
#endif
