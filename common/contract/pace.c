/* SPDX-License-Identifier: Apache-2.0 */
#include "common/contract/pace.h"

#include <math.h>

#define MILLI 1000

struct pace pace_of(const struct plan *plan)
{
    return (struct pace){ .time_base = plan->video.time_base,
                          .fps = plan->max_fps,
                          .start = plan->video.start_pts };
}

/* All in 1/1000 of a tick times fps: what containers round away, and the length of a cell. */
static __int128 cell_length(const struct pace *pace)
{
    return (__int128)pace->time_base.den * pace->fps.den * MILLI;
}

static __int128 forgiven(const struct pace *pace)
{
    __int128 ms = (__int128)pace->time_base.den * pace->fps.num, most = cell_length(pace) / 8;

    return ms < most ? ms : most;
}

static __int128 length(const struct pace *pace, int64_t ticks)
{
    return (__int128)ticks * pace->time_base.num * pace->fps.num * MILLI;
}

static int64_t cell_of(const struct pace *pace, int64_t pts)
{
    return (int64_t)((length(pace, pts - pace->start) + forgiven(pace)) / cell_length(pace));
}

static bool is_far(const struct pace *pace, int64_t pts)
{
    return length(pace, pts - pace->last) >= cell_length(pace) - forgiven(pace);
}

bool pace_takes(struct pace *pace, int64_t pts)
{
    int64_t cell;

    if (pace->fps.num <= 0)
        return true;
    cell = cell_of(pace, pts);
    if (pace->any && cell <= pace->cell && !is_far(pace, pts))
        return false;
    pace->any = true;
    pace->cell = cell;
    pace->last = pts;
    return true;
}

struct ratio pace_fps(double fps)
{
    double whole = ceil(fps);

    if (fabs(whole * MILLI / (MILLI + 1) - fps) < 0.006 && whole > fps)
        return (struct ratio){ (int64_t)whole * MILLI, MILLI + 1 };
    return (struct ratio){ llrint(fps * MILLI), MILLI };
}
