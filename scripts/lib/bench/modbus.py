#!/usr/bin/env python3
"""Runs `scripts/bench modbus`; see there for what is measured. A table, or one JSON document."""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time

from driver import Driver

HERE = os.path.dirname(os.path.abspath(__file__))
# Registers of one block and blocks of one slave: 60 registers in three places.
BLOCK, PLACES = 20, (0, 1000, 2000)
# What the slaves see before is start-up: they begin to count 3 s after the first request.
WARM_UP_S = 3
GOAL, GOAL_SICK = 98.0, 92.0
# Less than a round of the three blocks of one slave takes at the highest speed: every block is always due, and the line is never idle.
INTERVAL_MS = 50


def build(folder):
    programs = {}
    for name, libraries in (("rtu_slaves", ["-lutil"]), ("rtu_loop", ["-lmodbus", "-I/usr/include/modbus"])):
        programs[name] = os.path.join(folder, name)
        subprocess.run(
            ["cc", "-O2", "-o", programs[name], os.path.join(HERE, name + ".c"), *libraries], check=True, stdout=sys.stderr
        )
    return programs


def profile():
    """60 registers in three places; a request takes one place and never two."""
    values = [
        {"quantity": "voltage", "channel": 1 + number, "at": place + 2 * index, "as": "f32", "unit": "V"}
        for number, (place, index) in enumerate((place, index) for place in PLACES for index in range(BLOCK // 2))
    ]
    return {
        "driver": "modbus",
        "profile": "bench",
        "status": "verified",
        "numbers": {"base": "wire", "table": "input"},
        "limits": {"max_registers": BLOCK, "gaps": "error"},
        "values": values,
    }


class Slaves:
    def __init__(self, programs, baud, first, last, dead=()):
        self.process = subprocess.Popen(
            [*programs["before"], programs["rtu_slaves"], str(baud), str(first), str(last), *map(str, dead)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.port = self.process.stdout.readline().strip()

    def result(self):
        self.process.stdin.close()
        result = json.loads(self.process.stdout.readline())
        self.process.wait()
        return result


def limit(baud):
    """Registers per second when request, silence, answer and silence follow each other without a pause."""
    character = 10 / baud
    silence = 0.00175 if baud > 19200 else 3.5 * character
    return BLOCK / ((8 + 5 + 2 * BLOCK) * character + 2 * silence)


def gateway(options, programs, baud, units, dead, seconds, folder, extra=None):
    slaves = Slaves(programs, baud, 1, units, dead)
    bus = {"baud": baud, "response_timeout": "500ms", **(extra or {})}
    devices = [
        {"name": f"slave-{unit}", "profile": "bench", "interval_ms": INTERVAL_MS, "options": {"address": unit}}
        for unit in range(1, units + 1)
    ]
    with open(os.path.join(folder, "driver.log"), "a") as log:
        driver = Driver(
            [*programs["before"], options.driver], slaves.port, bus, devices, {"bench": options.profile}, log
        )
        try:
            time.sleep(WARM_UP_S + options.settle * (1 if dead else 0))
            before = driver.cpu_seconds()
            time.sleep(seconds)
            if driver.process.poll() is not None:
                raise SystemExit("the driver has ended:\n" + open(log.name).read())
            cpu = driver.cpu_seconds() - before
        finally:
            driver.stop()
            result = slaves.result()
    result["cpu_percent"] = round(100 * cpu / seconds, 1)
    return result


def plain(programs, baud, units, dead, seconds):
    slaves = Slaves(programs, baud, 1, units, dead)
    command = [programs["rtu_loop"], slaves.port, str(baud), "1", str(units), "500", str(seconds + WARM_UP_S)]
    subprocess.run([*programs["before"], *command], check=False)
    return slaves.result()


def row(title, baud, result, possible, goal=None):
    rate = result["registers"] / result["seconds"] if result["seconds"] else 0
    return {
        "title": title,
        "baud": baud,
        "registers_per_second": round(rate, 1),
        "possible": round(possible, 1),
        "percent": round(100 * rate / possible, 2),
        "goal": goal,
        **result,
    }


def rtu(options, programs, folder):
    rows = []
    for baud in options.baud:
        wire = limit(baud)
        seconds = options.seconds
        rows.append(row("10 slaves", baud, gateway(options, programs, baud, 10, (), seconds, folder), wire, GOAL))
        rows.append(row("10 slaves, plain libmodbus loop", baud, plain(programs, baud, 10, (), seconds), wire))
        rows.append(row("2 dead of 12", baud, gateway(options, programs, baud, 12, (4, 9), seconds, folder), wire, GOAL_SICK))
        rows.append(row("2 dead of 12, plain libmodbus loop", baud, plain(programs, baud, 12, (4, 9), seconds), wire))
        dead = range(2, 33)
        # 5 % is the default of sick_share.
        rows.append(row("31 dead of 32", baud, gateway(options, programs, baud, 32, dead, seconds, folder), wire, 95.0 * GOAL / 100))
    return rows


def table(rows):
    head = f"{'':36} {'baud':>6} {'reg/s':>8} {'limit':>8} {'share':>8} {'goal':>7} {'too early':>10} {'mean gap':>9} {'silence':>8} {'CPU':>6}"
    lines = [head]
    for item in rows:
        goal = f"{item['goal']:.1f} %" if item["goal"] else ""
        cpu = f"{item['cpu_percent']} %" if "cpu_percent" in item else ""
        lines.append(
            f"{item['title']:36} {item['baud']:>6} {item['registers_per_second']:>8} {item['possible']:>8} {item['percent']:>6} % {goal:>7} "
            f"{item['violations']:>4} of {item['requests']:<5} {item['mean_gap_us'] / 1000:>6.3f} ms {item['silence_us'] / 1000:>5.3f} {cpu:>6}"
        )
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(prog="scripts/bench modbus", description=__doc__)
    parser.add_argument("--binaries", required=True, help=argparse.SUPPRESS)
    parser.add_argument("--only", choices=["rtu"], default="rtu", help="what to measure")
    parser.add_argument("--seconds", type=int, default=20, help="length of each measurement")
    parser.add_argument("--settle", type=int, default=20, help="with dead slaves: seconds before it, until they are known to be dead")
    parser.add_argument("--baud", type=int, action="append", help="9600 and 19200 unless given")
    parser.add_argument(
        "--realtime", action="store_true", help="slaves and masters alike before everything else (root): on a machine that does other things"
    )
    parser.add_argument("--json", action="store_true", help="one JSON document instead of a table")
    options = parser.parse_args()
    options.baud = options.baud or [9600, 19200]
    options.driver = os.path.join(options.binaries, "candela-driver-modbus")
    options.profile = profile()
    folder = tempfile.mkdtemp(prefix="candela-bench.")
    try:
        programs = build(folder)
        programs["before"] = ["chrt", "--fifo", "10"] if options.realtime else []
        rows = rtu(options, programs, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print(json.dumps(rows, indent=1) if options.json else table(rows))


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
