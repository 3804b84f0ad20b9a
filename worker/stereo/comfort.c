/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/stereo/comfort.h"

#include "worker/depth/depth.h"
#include "worker/stereo/shape.h"

#include <math.h>

#define SLACK .005

bool comfort_is_kept(double front, double behind)
{
    return front <= COMFORT_FRONT + SLACK && behind <= COMFORT_BEHIND + SLACK;
}

static double shown(const struct job_spec *spec, double depth)
{
    return shape_bend(spec->foreground_scale, (uint16_t)lround(depth * UINT16_MAX)) /
           (double)UINT16_MAX;
}

struct depth_span comfort_depths(const struct job_spec *spec)
{
    if (spec->depth != DEPTH_CLASSICAL)
        return (struct depth_span){ 0, 1 };
    return (struct depth_span){ shown(spec, DEPTH_CLASSICAL_FARTHEST),
                                shown(spec, DEPTH_CLASSICAL_NEAREST) };
}

static double within(double depth)
{
    return fmin(fmax(depth, 0), 1);
}

struct depth_span comfort_screen(const struct job_spec *spec, struct depth_span depths)
{
    double strength = fmax(spec->divergence, 1e-9);
    double low = depths.nearest - (COMFORT_FRONT - spec->ipd_offset) / strength;
    double high = depths.farthest + (COMFORT_BEHIND + spec->ipd_offset) / strength;

    if (low > high) /* what is too much is shared as the limits are, one to two */
        low = high =
            (low * COMFORT_BEHIND + high * COMFORT_FRONT) / (COMFORT_FRONT + COMFORT_BEHIND);
    return (struct depth_span){ within(low), within(high) };
}
