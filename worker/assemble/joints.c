/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/assemble/joints.h"

#include "common/mem.h"

struct joints {
    struct media_window *windows; /* owned; room for two a segment */
    size_t count;
    int64_t packets, last_key, joint; /* joint: packet of the last one, -1 before the first */
    bool open;                        /* the last window still grows */
};

struct joints *joints_new(uint32_t segments)
{
    struct joints *joints = xcalloc(1, sizeof(*joints));

    joints->windows = xcalloc(2 * (size_t)segments + 1, sizeof(*joints->windows));
    return joints;
}

void joints_free(struct joints *joints)
{
    if (!joints)
        return;
    free(joints->windows);
    free(joints);
}

static void open_window(struct joints *joints)
{
    int64_t first = joints->last_key, joint = joints->packets;
    int64_t lead = joint - first < JOINT_LEAD ? joint : first + JOINT_LEAD;
    struct media_window *last = joints->count ? &joints->windows[joints->count - 1] : NULL;

    joints->joint = joint;
    joints->open = true;
    if (last && first < last->first + last->count) { /* the group is being decoded already */
        if (last->first + last->count < lead)
            last->count = lead - last->first;
    } else {
        last = &joints->windows[joints->count++];
        *last = (struct media_window){ first, lead - first, false };
    }
    if (last->first + last->count < joint)
        joints->windows[joints->count++] = (struct media_window){ joint, 0, true };
}

void joints_packet(struct joints *joints, bool key, bool starts)
{
    if (starts && joints->packets > 0)
        open_window(joints);
    if (key)
        joints->last_key = joints->packets;
    if (joints->open) {
        joints->windows[joints->count - 1].count++;
        joints->open = joints->packets - joints->joint + 1 < JOINT_TAIL;
    }
    joints->packets++;
}

const struct media_window *joints_windows(struct joints *joints, size_t *count)
{
    *count = joints->count;
    return joints->windows;
}
