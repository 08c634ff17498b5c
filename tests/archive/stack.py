#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""How much stack libaxvm takes, at worst: from the call graphs that gcc writes with -fcallgraph-info=su.

usage: stack.py LIMIT DIRECTORY...

Looks for *.ci files below each DIRECTORY. Fails when some path from any function takes more than LIMIT bytes, when a frame has no
fixed size, or when functions call each other in a circle. Host callbacks are the host's business and count nothing; calls
through a device's ops count as the deepest of those ops.
"""
import pathlib
import re
import sys

NODE = re.compile(r'node: \{ title: "([^"]+)" label: "(.*?)" ?(shape : ellipse)? ?\}')
EDGE = re.compile(r'edge: \{ sourcename: "([^"]+)" targetname: "([^"]+)"')
FRAME = re.compile(r"(\d+) bytes \(([^)]*)\)")

# Files that call through struct axvm_device_ops, and the functions that stand in one.
OPS_CALLERS = re.compile(r"/(bus|mmio_fast|device|fdt_build|console)\.c")
OPS = re.compile(r"/(devices/\w+|vgicd|vgicr)\.c:.*(read|write|reset|destroy|describe|receive)$")


# libfdt looks up an alias by a path and a path by an alias; an alias has to be an absolute path, so that is once.
KNOWN_CIRCLES = {"fdt_path_offset", "fdt_path_offset_namelen"}


class Graph:
    def __init__(self):
        self.frame = {}
        self.where = {}
        self.calls = {}
        self.problems = []

    def read(self, path):
        text = path.read_text()
        for title, label, ellipse in NODE.findall(text):
            if ellipse:
                continue
            name, where = label.split("\\n")[:2]
            self.where[title] = where.split(":")[0] + ":" + name
            size = FRAME.search(label)
            self.frame[title] = int(size.group(1))
            if size.group(2) != "static" and "bounded" not in size.group(2):
                self.problems.append(f"{self.where[title]}: a frame of no fixed size ({size.group(2)})")
        for source, target in EDGE.findall(text):
            self.calls.setdefault(source, set()).add(target)

    def targets(self, title):
        for target in sorted(self.calls.get(title, ())):
            if target == "__indirect_call":
                if OPS_CALLERS.search(self.where.get(title, "")):
                    yield from (t for t, where in self.where.items() if OPS.search(where))
            elif target in self.frame:
                yield target

    def deepest(self, title, done, path):
        """(bytes, [titles]) of the worst path that begins at title."""
        if title in done:
            return done[title]
        if title in path:
            if title in KNOWN_CIRCLES:
                return 0, []
            circle = " -> ".join(path[path.index(title) :] + [title])
            self.problems.append(f"recursion: {circle}")
            return 0, []
        worst = 0, []
        for target in self.targets(title):
            below = self.deepest(target, done, path + [title])
            worst = max(worst, below, key=lambda b: b[0])
        done[title] = worst[0] + self.frame[title], [title] + worst[1]
        return done[title]


def main():
    limit = int(sys.argv[1])
    graph = Graph()
    files = [f for d in sys.argv[2:] for f in sorted(pathlib.Path(d).rglob("*.ci"))]
    if not files:
        sys.exit(f"no *.ci files below {sys.argv[2:]}")
    for file in files:
        graph.read(file)
    done = {}
    for title in graph.frame:
        graph.deepest(title, done, [])
    ranking = sorted(done.items(), key=lambda d: -d[1][0])
    print(f"{len(done)} functions; deepest path: {ranking[0][1][0]} bytes")
    for title in ranking[0][1][1]:
        print(f"{graph.frame[title]:6} {graph.where[title]}")
    for title, (size, _) in ranking:
        if size > limit:
            graph.problems.append(f"{graph.where[title]}: {size} bytes of stack, more than {limit}")
    for problem in graph.problems:
        print(f"error: {problem}")
    sys.exit(1 if graph.problems else 0)


if __name__ == "__main__":
    main()
