#!/usr/bin/env python3
"""Runs the measurements of scripts/bench; see there for what they are. One JSON document or a table."""

import argparse
import datetime
import json
import os
import shutil
import sys
import tempfile
import time

from processes import Broker, Field, GatewayProcess, HeadEnd, Line, Trouble, wait_until
from scenarios import POINTS, Plan

# The goals of the project for 20 meters of 20 points each at 1 s.
PSS_GOAL_MB = 40
FIRST_READING_GOAL_S = 2
# Growth that is noise: a page here and there as buffers reach their final size.
FLAT_KB_PER_MIN = 50
# What the daemon allocates once (first connection, first full batches) is over by then.
WARM_UP_S = 30
SAMPLE_S = 2
# After the field went silent everything stored has left within this.
DRAIN_LIMIT_S = 60


def slope(samples):
    """Least squares over (seconds, kB): kB per minute."""
    if len(samples) < 3:
        return 0.0
    mean_x = sum(x for x, _ in samples) / len(samples)
    mean_y = sum(y for _, y in samples) / len(samples)
    spread = sum((x - mean_x) ** 2 for x, _ in samples)
    return sum((x - mean_x) * (y - mean_y) for x, y in samples) / spread * 60 if spread else 0.0


def instant(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


class Bench:
    """One gateway on one field, set up and taken down again."""

    def __init__(self, plan, binaries, drivers, environment, relay=False):
        self.folder = tempfile.mkdtemp(prefix="candela-bench.")
        self.plan = plan
        self.field = self.broker = self.line = self.head_end = self.gateway = None
        try:
            self.field = Field(binaries, self.folder, plan.field_arguments(self.folder))
            self.broker = Broker(self.folder)
            self.head_end = HeadEnd(self.broker.port)
            # The subscriber has to be there first: without one the gateway rightly keeps its rows.
            time.sleep(0.5)
            if relay:
                self.line = Line(self.broker.port)
            port = self.line.port if relay else self.broker.port
            self.gateway = GatewayProcess(binaries, drivers, self.folder, plan.configuration(self.field, port), environment)
        except BaseException:
            self.close()
            raise

    def close(self):
        for part in (self.gateway, self.line, self.head_end, self.broker, self.field):
            if part is not None:
                part.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def first_reading(self):
        """Milliseconds from the start of candelad to the first reading at the subscriber."""
        ledger = self.head_end.ledger
        wait_until(lambda: ledger.first_arrival, "the first reading at the broker:\n" + self.gateway.last_log())
        return round((ledger.first_arrival - self.gateway.started) * 1000)


def steady(plan, minutes, binaries, drivers, environment, tell):
    with Bench(plan, binaries, drivers, environment) as bench:
        first = bench.first_reading()
        begun = time.monotonic()
        at_start = bench.gateway.memory()
        tell(f"first reading after {first} ms; measuring for {minutes} min")
        samples, allocated, after_minute, cpu, received = [], [], None, None, 0
        while (now := time.monotonic() - begun) < minutes * 60:
            memory = bench.gateway.memory()
            if now >= WARM_UP_S or minutes * 60 <= WARM_UP_S:
                if cpu is None:
                    cpu, received, measured = bench.gateway.cpu(), bench.head_end.ledger.snapshot()[0], time.monotonic()
                samples.append((now, sum(memory.values())))
                allocated.append((now, bench.gateway.anonymous()))
            if after_minute is None and now >= 60:
                after_minute = sum(memory.values())
            time.sleep(SAMPLE_S)
        cpu_end, received_end, took = bench.gateway.cpu(), bench.head_end.ledger.snapshot()[0], time.monotonic() - measured
        memory, threads = bench.gateway.memory(), bench.gateway.threads()
        # A polite stop stores and sends what is still in memory: then nothing may be missing.
        bench.gateway.stop()
        time.sleep(1)
        ledger = bench.head_end.ledger
        readings = received_end - received
        used = {name: cpu_end[name] - cpu.get(name, 0) for name in cpu_end}
        return {
            "what": plan.describe(), "minutes": minutes, "first_reading_ms": first,
            "pss_mb": {
                "start": round(sum(at_start.values()) / 1000, 1),
                "one_minute": round(after_minute / 1000, 1) if after_minute else None,
                "end": round(sum(memory.values()) / 1000, 1),
                "highest": round(max(y for _, y in samples) / 1000, 1),
                "by_program": {name: round(kb / 1000, 1) for name, kb in sorted(memory.items())}},
            "anonymous_mb": {"warm": round(allocated[0][1] / 1000, 1), "end": round(allocated[-1][1] / 1000, 1)},
            "slope_kb_per_min": round(slope(samples), 1), "anonymous_slope_kb_per_min": round(slope(allocated), 1), "threads": threads,
            "readings_per_s": round(readings / took, 1), "readings_per_s_expected": plan.rate,
            "cpu_percent": round(sum(used.values()) / took * 100, 2),
            "cpu_s_per_million": round(sum(used.values()) / readings * 1e6, 1) if readings else None,
            "cpu_s_per_million_by_program": {n: round(s / readings * 1e6, 1) for n, s in sorted(used.items())} if readings else {},
            "received": ledger.received, "good": ledger.good, "missing": ledger.missing(), "duplicates": ledger.duplicates, "unrecognisable": ledger.strangers,
            "messages": ledger.messages, "gaps": len(ledger.gaps)}


def outage(plan, seconds, binaries, drivers, environment, tell):
    """The network goes away for some time; how fast does the backlog arrive when it is back?"""
    with Bench(plan, binaries, drivers, environment, relay=True) as bench:
        bench.first_reading()
        ledger = bench.head_end.ledger
        bench.line.cut()
        tell(f"network away for {seconds} s")
        time.sleep(seconds)
        before, cpu, mark = bench.gateway.memory(), bench.gateway.cpu(), len(ledger.arrivals)
        bench.line.mend()
        returned = time.time()
        wait_until(lambda: len(ledger.arrivals) > mark, "the first reading after the outage", 90)

        def drained():
            with ledger.lock:
                fresh = ledger.arrivals[-1]
            return ledger.missing() == 0 and instant(fresh[3]) > returned

        wait_until(drained, "the end of the backlog", DRAIN_LIMIT_S + seconds)
        used = sum(bench.gateway.cpu().values()) - sum(cpu.values())
        memory = bench.gateway.memory()
        with ledger.lock:
            backlog = [a for a in ledger.arrivals[mark:] if instant(a[2]) <= returned]
        count, took = sum(a[1] for a in backlog), backlog[-1][0] - backlog[0][0]
        bench.gateway.stop()
        time.sleep(1)
        return {
            "what": f"{plan.describe()}; network away for {seconds} s", "backlog_readings": count, "messages": len(backlog),
            "reconnected_after_s": round(backlog[0][0] - returned, 1), "drain_s": round(took, 2),
            "readings_per_s": round(count / took) if took > 0 else None, "cpu_s": round(used, 2),
            "pss_mb": {"before": round(sum(before.values()) / 1000, 1), "after": round(sum(memory.values()) / 1000, 1)},
            "received": ledger.received, "missing": ledger.missing(), "duplicates": ledger.duplicates, "unrecognisable": ledger.strangers, "gaps": len(ledger.gaps)}


def verdict(holds):
    return "holds" if holds else "MISSED"


def rows(result):
    """(section, line, value, goal) of everything measured."""
    for name in ("tcp", "serial"):
        if name in result:
            r = result[name]
            lost = r["missing"] + r["gaps"]
            yield name, "first reading at the broker, ms", r["first_reading_ms"], (
                f"< {FIRST_READING_GOAL_S * 1000}: {verdict(r['first_reading_ms'] < FIRST_READING_GOAL_S * 1000)}")
            yield name, "PSS of all processes at start, MB", r["pss_mb"]["start"], ""
            yield name, "  after one minute, MB", r["pss_mb"]["one_minute"], ""
            yield name, f"  after {r['minutes']:g} min, MB", r["pss_mb"]["end"], ""
            yield name, "  highest, MB", r["pss_mb"]["highest"], f"< {PSS_GOAL_MB}: {verdict(r['pss_mb']['highest'] < PSS_GOAL_MB)}"
            for program, size in r["pss_mb"]["by_program"].items():
                yield name, f"  {program}, MB", size, ""
            yield name, "  slope, kB/min", r["slope_kb_per_min"], (
                f"< {FLAT_KB_PER_MIN}: {verdict(r['slope_kb_per_min'] < FLAT_KB_PER_MIN)}")
            yield name, "anonymous memory at the end, MB", r["anonymous_mb"]["end"], ""
            yield name, "  slope, kB/min of it", r["anonymous_slope_kb_per_min"], ""
            yield name, "threads", r["threads"], ""
            yield name, "readings/s at the broker", r["readings_per_s"], f"{r['readings_per_s_expected']:g} asked for"
            yield name, "CPU, % of one core", r["cpu_percent"], ""
            yield name, "CPU seconds per million readings", r["cpu_s_per_million"], ""
            for program, seconds in r["cpu_s_per_million_by_program"].items():
                yield name, f"  {program}", seconds, ""
            yield name, "readings received", r["received"], ""
            yield name, "  of good quality", r["good"], ""
            yield name, "  missing, or in a gap", lost, f"0: {verdict(lost == 0)}"
            yield name, "  twice, with the same sequence", r["duplicates"] - r["unrecognisable"], ""
            yield name, "  twice, otherwise", r["unrecognisable"], f"0: {verdict(r['unrecognisable'] == 0)}"
    if "outage" in result:
        r = result["outage"]
        lost = r["missing"] + r["gaps"]
        yield "outage", "backlog, readings", r["backlog_readings"], ""
        yield "outage", "reconnected after, s", r["reconnected_after_s"], ""
        yield "outage", "backlog arrived within, s", r["drain_s"], ""
        yield "outage", "  readings/s", r["readings_per_s"], ""
        yield "outage", "  CPU seconds", r["cpu_s"], ""
        yield "outage", "PSS at the end of the outage, MB", r["pss_mb"]["before"], ""
        yield "outage", "  after the drain, MB", r["pss_mb"]["after"], f"< {PSS_GOAL_MB}: {verdict(r['pss_mb']['after'] < PSS_GOAL_MB)}"
        yield "outage", "readings missing, or in a gap", lost, f"0: {verdict(lost == 0)}"
        yield "outage", "  twice, with the same sequence", r["duplicates"] - r["unrecognisable"], ""
        yield "outage", "  twice, otherwise", r["unrecognisable"], f"0: {verdict(r['unrecognisable'] == 0)}"


def table(result, other):
    titles = {name: result[name]["what"] for name in ("tcp", "serial", "outage") if name in result}
    against = {(section, line): value for section, line, value, _ in rows(other)} if other else {}
    section = None
    for name, line, value, goal in rows(result):
        if name != section:
            section = name
            print(f"\n{name}: {titles[name]}")
        text = f"  {line:<38}{'-' if value is None else value:>12}"
        if other:
            there = against.get((name, line))
            numbers = isinstance(value, (int, float)) and isinstance(there, (int, float)) and there
            text += f"{'-' if there is None else there:>12}{value / there if numbers else '-':>8{'.2f' if numbers else ''}}"
        print(f"{text}   {goal}".rstrip())


def main():
    parser = argparse.ArgumentParser(prog="scripts/bench")
    parser.add_argument("--minutes", type=float, default=2, help="length of each steady measurement (default 2)")
    parser.add_argument("--meters", type=int, default=20, help="default 20")
    parser.add_argument("--interval", type=int, default=1, help="seconds between two readings of a point (default 1)")
    parser.add_argument("--flush", default="5s", help="outbox.flush (default 5s, as in the product)")
    parser.add_argument("--only", action="append", choices=["tcp", "serial", "outage"], help="may be given more than once")
    parser.add_argument("--outage", type=int, default=60, help="seconds without network (default 60)")
    parser.add_argument("--against", help="folder of another build's programs: measured too, in turns, with the ratio")
    parser.add_argument("--env", action="append", default=[], metavar="NAME=VALUE", help="for the gateway's processes")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--binaries", required=True, help=argparse.SUPPRESS)
    parser.add_argument("--drivers", required=True, help=argparse.SUPPRESS)
    options = parser.parse_args()
    environment = dict(pair.split("=", 1) for pair in options.env)
    only = options.only or ["tcp", "serial", "outage"]
    variants = [options.binaries] + ([options.against] if options.against else [])
    results = [{} for _ in variants]

    def tell(text):
        print(f"bench: {text}", file=sys.stderr, flush=True)

    # The variants take turns, so that a busy moment of the machine does not fall on one of them alone.
    for name in only:
        for binaries, result in zip(variants, results):
            # A driver is found beside the daemon first, so each build brings its own.
            tell(f"{name}, programs in {os.path.basename(binaries.rstrip('/'))}")
            plan = Plan("serial" if name == "serial" else "tcp", options.meters, options.interval, options.flush)
            if name == "outage":
                result[name] = outage(plan, options.outage, binaries, options.drivers, environment, tell)
            else:
                result[name] = steady(plan, options.minutes, binaries, options.drivers, environment, tell)
    if options.json:
        print(json.dumps(results[0] if len(results) == 1 else {"this": results[0], "against": results[1]}, indent=1))
    else:
        table(results[0], results[1] if len(results) > 1 else None)


if __name__ == "__main__":
    try:
        main()
    except Trouble as trouble:
        sys.exit(f"bench: {trouble}")
    except KeyboardInterrupt:
        sys.exit(130)
