#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Where the time of a conversion goes: by stage, by thread and library, and as a flame graph.

    bench/profile.py [--seconds S] [--flame FILE.svg]

One 1080p film of S seconds, one segment, libx264 medium. The stages' own clocks come from the
worker's log. With `perf` there, a second conversion is sampled: threads bear their stage's name, and
what a stage's libraries start bears it as well.
"""
import argparse
import collections
import html
import os
import re
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import speed  # noqa: E402

STAGE = re.compile(r"segment \d+: (\w+) worked ([\d.]+) s of ([\d.]+) s, CPU of its own thread ([\d.]+) s")
SAMPLES_A_SECOND = 97
WIDTH, ROW, LEAST = 1400, 17, 0.4  # pixels; what is narrower is not drawn


def conversion(film, out):
    return [speed.STEREO, "convert", film, out, "--codec", "libx264", "--crf", "20", "--preset", "medium",
            "--segment-seconds", "3600", "--parallelism", "1", "--keep-work"]


def stages(film, out):
    """[(stage, seconds worked, seconds in all, CPU seconds of its thread)] as the worker logs them."""
    speed.clean(out)
    speed.run(*conversion(film, out))
    logs = os.path.join(out + ".stereojob", "logs")
    text = "".join(open(os.path.join(logs, name), encoding="utf-8").read() for name in os.listdir(logs))
    found = [(name, float(worked), float(wall), float(cpu)) for name, worked, wall, cpu in STAGE.findall(text)]
    if not found:
        sys.exit("bench: the worker's log has no clocks")
    return found


def sampled(film, out):
    """{(thread, library or ours, function, ...): samples}, outermost first."""
    data = os.path.join(speed.WORK, "perf.data")
    speed.clean(out)
    subprocess.run(["perf", "record", "-q", "-F", str(SAMPLES_A_SECOND), "--call-graph", "dwarf,4096", "-o", data,
                    *conversion(film, out)], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    script = subprocess.run(["perf", "script", "-i", data, "-F", "comm,ip,sym,dso"], check=True, text=True,
                            errors="replace", stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout
    found = collections.Counter()
    for sample in script.split("\n\n"):
        lines = sample.strip("\n").split("\n")
        frames = [re.fullmatch(r"\s*[0-9a-f]+ (.*) \(([^()]*)\)", line) for line in lines[1:]]
        frames = [(frame.group(1), library_of(frame.group(2))) for frame in frames if frame]
        if frames:
            thread = lines[0].strip()
            found[(thread, *(f"{symbol} ({library})" for symbol, library in reversed(frames)))] += 1
    os.remove(data)
    return found


def library_of(path):
    name = os.path.basename(path)
    return "kernel" if name.startswith("[") else re.sub(r"\.so[.\d]*$", "", name)


def shares(stacks):
    """Rows of thread, library, share of all samples: who was on the CPU."""
    of, total = collections.Counter(), sum(stacks.values())
    for stack, count in stacks.items():
        of[stack[0], re.search(r"\(([^()]*)\)$", stack[-1]).group(1)] += count
    return [(thread, library, count / total) for (thread, library), count in of.most_common() if count / total >= 0.005]


def tree_of(stacks):
    root = {"name": "all", "count": sum(stacks.values()), "below": {}}
    for stack, count in stacks.items():
        node = root
        for name in stack:
            node = node["below"].setdefault(name, {"name": name, "count": 0, "below": {}})
            node["count"] += count
    return root


def draw(node, scale, x, depth, out):
    """Boxes of a node and all above it; returns how deep it goes."""
    width, deepest = node["count"] * scale, depth
    if width < LEAST:
        return depth
    share = 100 * node["count"] * scale / WIDTH
    hue = 20 + sum(node["name"].encode()) % 35
    text = html.escape(node["name"])
    out.append((x, depth, width, hue, f"{text}: {share:.1f} %", html.escape(node["name"][:int(width / 7)])))
    for below in sorted(node["below"].values(), key=lambda one: one["name"]):
        deepest = max(deepest, draw(below, scale, x, depth + 1, out))
        x += below["count"] * scale
    return deepest


def flame(stacks, path):
    boxes, root = [], tree_of(stacks)
    height = (draw(root, WIDTH / root["count"], 0, 0, boxes) + 1) * ROW
    with open(path, "w", encoding="utf-8") as svg:
        svg.write(f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" '
                  'font-family="sans-serif" font-size="11">\n')
        for x, depth, width, hue, title, text in boxes:
            y = height - (depth + 1) * ROW
            svg.write(f'<g><title>{title}</title><rect x="{x:.1f}" y="{y}" width="{width:.1f}" height="{ROW - 1}" '
                      f'fill="hsl({hue},80%,65%)"/><text x="{x + 3:.1f}" y="{y + 12}">{text}</text></g>\n')
        svg.write("</svg>\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=10)
    parser.add_argument("--flame", default=os.path.join(speed.WORK, "flame.svg"))
    args = parser.parse_args()
    os.makedirs(speed.WORK, exist_ok=True)
    film, out = speed.camera_film(args.seconds), os.path.join(speed.WORK, "profile.mp4")
    print(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} CPUs\n")
    print("| stage | worked | of | share | CPU of its own thread |\n|---|---|---|---|---|")
    for name, worked, wall, cpu in stages(film, out):
        print(f"| {name} | {worked:.1f} s | {wall:.1f} s | {100 * worked / wall:.0f} % | {cpu:.1f} s |")
    if not shutil.which("perf"):
        print("\nskipped: who is on the CPU, and the flame graph: there is no perf (Debian: linux-perf)")
        return
    stacks = sampled(film, out)
    print("\n| thread | in | share of CPU |\n|---|---|---|")
    for thread, library, share in shares(stacks):
        print(f"| {thread} | {library} | {100 * share:.1f} % |")
    flame(stacks, args.flame)
    print(f"\nflame graph: {args.flame}")
    speed.clean(out)


if __name__ == "__main__":
    main()
