#!/usr/bin/env python3
"""Runs a gateway under random troubles and judges its ledger; see scripts/soak."""

import argparse
import os
import random
import signal
import sys
import time

from measure import Bench, slope
from processes import HeadEnd, Trouble, wait_until
from scenarios import Plan

# One trouble, then peace: enough for restarts and reconnections to finish before the next one most of the time.
PAUSE_S = (3, 12)
# What is stored leaves within this when all troubles are over; a reconnection may be 60 s away.
SETTLE_LIMIT_S = 120
# Memory after all troubles against memory after the first minute.
GROWTH_LIMIT_MB = 5


class Soak:
    def __init__(self, bench, chance, tell):
        self.bench, self.chance, self.tell = bench, chance, tell
        self.counts = {}

    def driver_dies(self):
        drivers = self.bench.gateway.pids()[1:]
        if drivers:
            os.kill(self.chance.choice(drivers), signal.SIGKILL)

    def driver_hangs(self):
        drivers = self.bench.gateway.pids()[1:]
        if drivers:
            os.kill(self.chance.choice(drivers), signal.SIGSTOP)

    def daemon_dies(self):
        drivers = self.bench.gateway.pids()[1:]
        # A driver stopped by another trouble cannot notice that its daemon is gone.
        for pid in drivers:
            os.kill(pid, signal.SIGCONT)
        self.bench.gateway.kill()
        self.bench.gateway.start()

    def broker_away(self):
        ledger = self.bench.head_end.ledger
        self.bench.head_end.stop()
        self.bench.broker.stop()
        time.sleep(self.chance.uniform(1, 15))
        self.bench.broker.start()
        self.bench.head_end = HeadEnd(self.bench.broker.port, ledger)

    def head_end_away(self):
        ledger = self.bench.head_end.ledger
        self.bench.head_end.stop()
        time.sleep(self.chance.uniform(1, 10))
        self.bench.head_end = HeadEnd(self.bench.broker.port, ledger)

    def meter_silent(self):
        meter = self.meter()
        self.bench.field.control(f"silent {meter} on")
        time.sleep(self.chance.uniform(1, 5))
        self.bench.field.control(f"silent {meter} off")

    def meter_refuses(self):
        meter = self.meter()
        self.bench.field.control(f"exception {meter} 4")
        time.sleep(self.chance.uniform(1, 3))
        self.bench.field.control(f"exception {meter} off")

    def meter_garbles(self):
        self.bench.field.control(f"crc {self.meter()} {self.chance.randint(1, 5)}")

    def meter(self):
        digits = max(2, len(str(self.bench.plan.meters)))
        return f"meter-{str(self.chance.randint(1, self.bench.plan.meters)).zfill(digits)}"

    def one(self):
        trouble = self.chance.choice([
            self.driver_dies, self.driver_hangs, self.daemon_dies, self.broker_away, self.head_end_away,
            self.meter_silent, self.meter_refuses, self.meter_garbles])
        name = trouble.__name__
        self.counts[name] = self.counts.get(name, 0) + 1
        trouble()


def settle(bench):
    """Waits until everything stored has arrived: no number missing and fresh readings coming in."""
    ledger = bench.head_end.ledger
    mark = ledger.snapshot()[0]
    wait_until(
        lambda: ledger.missing() == 0 and ledger.snapshot()[0] > mark + bench.plan.rate, "a complete ledger after the last trouble",
        SETTLE_LIMIT_S)


def main():
    parser = argparse.ArgumentParser(prog="scripts/soak")
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--meters", type=int, default=20)
    parser.add_argument("--transport", choices=["tcp", "serial"], default="serial")
    parser.add_argument("--binaries", required=True, help=argparse.SUPPRESS)
    parser.add_argument("--drivers", required=True, help=argparse.SUPPRESS)
    options = parser.parse_args()

    def tell(text):
        print(f"soak: {text}", file=sys.stderr, flush=True)

    plan = Plan(options.transport, options.meters, 1, "5s")
    with Bench(plan, options.binaries, options.drivers, {}) as bench:
        bench.first_reading()
        soak = Soak(bench, random.Random(options.seed), tell)
        ledger = bench.head_end.ledger
        begun, early, memory = time.monotonic(), None, []
        while (now := time.monotonic() - begun) < options.minutes * 60:
            soak.one()
            time.sleep(soak.chance.uniform(*PAUSE_S))
            memory.append((now, sum(bench.gateway.memory().values())))
            if early is None and now > 60:
                early = memory[-1][1]
        try:
            settle(bench)
        except Trouble as trouble:
            tell(f"{trouble}\n{bench.gateway.last_log()}")
        late = sum(bench.gateway.memory().values())
        bench.gateway.stop()
        time.sleep(1)
        growth = (late - early) / 1000 if early else 0
        lost = ledger.missing()
        print(f"troubles             {sum(soak.counts.values())}: " + ", ".join(f"{n} {k}" for k, n in sorted(soak.counts.items())))
        print(f"readings             {ledger.received}, of good quality {ledger.good}, in {ledger.messages} messages")
        print(f"missing              {lost}")
        print(f"gaps declared        {len(ledger.gaps)}")
        print(f"twice, recognisable  {ledger.duplicates - ledger.strangers}")
        print(f"twice, otherwise     {ledger.strangers}")
        print(f"streams              {len(ledger.streams)}")
        print(f"PSS                  {late / 1000:.1f} MB at the end, {growth:+.1f} MB since the first minute, "
              f"{slope(memory):+.0f} kB/min")
        print("events               " + ", ".join(f"{n} {k}" for k, n in sorted(ledger.kinds.items())))
        bad = lost or ledger.gaps or ledger.strangers or len(ledger.streams) != 1 or growth > GROWTH_LIMIT_MB
        sys.exit(1 if bad else 0)


if __name__ == "__main__":
    try:
        main()
    except Trouble as trouble:
        sys.exit(f"soak: {trouble}")
    except KeyboardInterrupt:
        sys.exit(130)
