#!/usr/bin/env python3
"""Many Modbus TCP devices of many values each, from the field to a subscriber: CPU per million readings, memory, losses, age.

  rig.py --binaries FOLDER [--devices N] [--points 40] [--seconds 30] [--source] [--buses 1] [--silent N] [--refusing N]
         [--vanished N] [--flush 5s] [--json]

Without --devices: 1,000 devices, 50, and 50 of which 5 are dead: silent (they accept and never answer), refusing, or vanished (nothing comes
back at all), with the goals beside the figures. Of every point of the others each poll is counted: lost is how many did not come within one
and a half intervals of the one before, widest the longest time between two. --source measures the daemon
alone: a driver without a field sends the readings."""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from processes import Broker, Trouble, stop, wait_until  # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))
# First descriptions, connections and full buffers are over by then.
WARM_UP_S = 12
TICK = os.sysconf("SC_CLK_TCK")
# What each program of the rig is linked with.
LIBRARIES = {"sample_source": [], "count_readings": ["-lmosquitto"], "modbus_hosts": []}


def compiled(name, folder, *flags):
    target = os.path.join(folder, name)
    subprocess.run(
        ["cc", "-O2", "-D_GNU_SOURCE", *flags, "-o", target, os.path.join(HERE, name + ".c"), *LIBRARIES[name]], check=True)
    return target


def cpu_seconds(pid):
    with open(f"/proc/{pid}/stat") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return int(fields[11]) / TICK, int(fields[12]) / TICK


def by_thread(pid):
    """CPU seconds of each thread, by name."""
    seconds = {}
    for thread in os.listdir(f"/proc/{pid}/task"):
        try:
            with open(f"/proc/{pid}/task/{thread}/stat") as file:
                name, fields = file.read().split("(", 1)[1].rsplit(")", 1)
        except OSError:
            continue
        fields = fields.split()
        seconds[name] = seconds.get(name, 0) + (int(fields[11]) + int(fields[12])) / TICK
    return seconds


def memory_kb(pid):
    with open(f"/proc/{pid}/smaps_rollup") as file:
        return {line.split()[0][:-1]: int(line.split()[1]) for line in list(file)[1:]}


def children(pid):
    try:
        with open(f"/proc/{pid}/task/{pid}/children") as file:
            return [int(word) for word in file.read().split()]
    except OSError:
        return []


def all_children(pid):
    found = []
    for thread in os.listdir(f"/proc/{pid}/task"):
        try:
            with open(f"/proc/{pid}/task/{thread}/children") as file:
                found += [int(word) for word in file.read().split()]
        except OSError:
            pass
    return found


def profile(driver, points, folder):
    path = os.path.join(folder, "forty.yaml")
    with open(path, "w") as file:
        file.write(f"driver: {driver}\nprofile: forty\n")
        if driver == "modbus":
            file.write("status: unverified\nnumbers: {base: wire, table: input}\nlimits: {max_registers: 125}\nvalues:\n")
            for index in range(points):
                file.write(f"  - {{quantity: voltage, phase: L1, channel: {index + 1}, at: {2 * index}, as: f32, unit: V}}\n")


def offset(options, index):
    """The port at which a device is asked, counted from the hosts' own: the silent ones come first, then the refusing, then the vanished."""
    if index < options.silent:
        return 0
    if index < options.silent + options.refusing:
        return 1
    return 2 if index < options.silent + options.refusing + options.vanished else 0


def configuration(options, broker_port, hosts_port, folder):
    driver = "modbus" if not options.source else "synthetic"
    lines = ["gateway: {id: bench}", "clock: {sources: [system]}", f"profiles: [{folder}/profiles]", "buses:"]
    for bus in range(options.buses):
        if options.source:
            lines.append(f"  field-{bus}: {{driver: synthetic, port: {folder}/port-{bus}}}")
        else:
            lines.append(f"  field-{bus}: {{driver: modbus, port: tcp, response_timeout: 500ms}}")
    lines.append("devices:")
    for index in range(options.devices):
        where = f"bus: field-{index % options.buses}"
        if not options.source:
            host = f"127.{1 + index // 62500}.{1 + index // 250 % 250}.{1 + index % 250}:{hosts_port + offset(options, index)}"
            where += f", host: \"{host}\", address: 1"
        lines.append(f"  meter-{index:04d}: {{{where}, profile: forty, interval: 1s}}")
    lines.append(f"outbox: {{flush: {options.flush}, limit: 512MB}}")
    lines.append(f"uplinks:\n  head-end: {{type: mqtt, url: \"mqtt://127.0.0.1:{broker_port}\"}}\n")
    os.makedirs(os.path.join(folder, "profiles"), exist_ok=True)
    profile(driver, options.points, os.path.join(folder, "profiles"))
    path = os.path.join(folder, "gateway.yaml")
    with open(path, "w") as file:
        file.write("\n".join(lines))
    return path


def counts(path):
    with open(path) as file:
        lines = [line.split() for line in file.read().splitlines() if line.count(" ") == 9]
    return lines


def run(options, folder):
    drivers = options.drivers
    hosts = None
    hosts_port = 15020
    if options.source:
        drivers = os.path.join(folder, "drivers")
        place = os.path.join(drivers, "Synthetic")
        os.makedirs(os.path.join(place, "Profiles"))
        compiled("sample_source", place, f"-DPOINTS={options.points}", f"-DSHARED_POINTS={int(not options.unshared)}")
        with open(os.path.join(place, "driver.yaml"), "w") as file:
            file.write("driver: synthetic\ndescription: readings without a field\nexecutable: sample_source\n"
                       "profiles: Profiles\nprotocol: 1\n")
    else:
        program = compiled("modbus_hosts", folder)
        hosts = subprocess.Popen([program, str(options.devices), str(hosts_port), str(options.silent)],
                                 stdout=subprocess.DEVNULL)
    broker = Broker(folder)
    path = configuration(options, broker.port, hosts_port, folder)
    figures_path = os.path.join(folder, "figures")
    counter = subprocess.Popen([compiled("count_readings", folder), str(broker.port), "candela/#"],
                               stdout=open(figures_path, "w"))
    state = os.path.join(folder, "state")
    os.makedirs(state)
    log_path = os.path.join(folder, "candelad.log")
    gateway = subprocess.Popen(
        [os.path.join(options.binaries, "candelad"), "--config", path, "--state-dir", state, "--socket",
         os.path.join(folder, "socket"), "--drivers", drivers], stderr=open(log_path, "w"))
    try:
        wait_until(lambda: gateway.poll() is not None or any(int(line[1]) for line in counts(figures_path)),
                   "the first reading at the subscriber", 60)
        if gateway.poll() is not None:
            raise Trouble(f"candelad ended: {open(log_path).read()[-2000:]}")
        time.sleep(WARM_UP_S)
        processes = {"candelad": gateway.pid}
        for index, child in enumerate(all_children(gateway.pid)):
            processes[f"driver-{index}"] = child
        before = {name: cpu_seconds(pid) for name, pid in processes.items()}
        threads = by_thread(gateway.pid)
        first = counts(figures_path)[-1]
        if options.perf:
            perf = subprocess.Popen(["perf", "record", "-F", "999", "-g", "-o", options.perf, "-p", str(gateway.pid)],
                                    stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        began = time.monotonic()
        time.sleep(options.seconds)
        after = {name: cpu_seconds(pid) for name, pid in processes.items()}
        threads = {name: round(seconds - threads.get(name, 0), 2) for name, seconds in by_thread(gateway.pid).items()}
        took = time.monotonic() - began
        if options.perf:
            stop(perf)
        rows = counts(figures_path)
        last = rows[-1]
        memory = {name: memory_kb(pid) for name, pid in processes.items()}
    finally:
        for one in [gateway, counter, hosts]:
            try:
                stop(one)
            except Trouble as trouble:
                print(trouble, file=sys.stderr)
        broker.stop()
    span = float(last[0]) - float(first[0])
    readings = int(last[1]) - int(first[1])
    result = {
        "devices": options.devices, "points": options.points, "rate": round(readings / max(span, 1e-9)),
        "wanted": (options.devices - options.silent - options.refusing - options.vanished) * options.points, "messages_per_s": round((int(last[2]) - int(first[2])) / span, 1),
        "bytes_per_reading": round((int(last[3]) - int(first[3])) / max(1, readings), 1),
        "missing": int(last[4]), "repeated": int(last[5]), "not_good": int(last[6]) - int(first[6]),
        "lost_polls": int(last[8]) - int(first[8]),
        "widest_s": max(float(row[9]) for row in rows if float(row[0]) > float(first[0])),
        "oldest_s": max(float(row[7]) for row in rows if float(row[0]) > float(first[0])),
        "cpu_per_million": {}, "pss_mb": {}, "private_mb": {}, "threads": {k: v for k, v in threads.items() if v > 0.02},
    }
    rate = max(1, readings) / max(span, 1e-9)
    total = 0
    for name in processes:
        user = (after[name][0] - before[name][0]) / took / rate * 1e6
        system = (after[name][1] - before[name][1]) / took / rate * 1e6
        result["cpu_per_million"][name] = [round(user, 2), round(system, 2)]
        total += user + system
        result["pss_mb"][name] = round(memory[name]["Pss"] / 1024, 1)
    result["cpu_per_million"]["all"] = round(total, 2)
    result["pss_mb"]["all"] = round(sum(result["pss_mb"].values()), 1)
    del result["private_mb"]
    return result


# What is measured without --devices: devices, of them silent, refusing, vanished, goals in CPU seconds per million readings and MB in all.
CASES = [
    (1000, 0, 0, 0, 2.5, 40), (50, 0, 0, 0, None, 25), (50, 5, 0, 0, None, None), (50, 0, 5, 0, None, None),
    (50, 0, 0, 5, None, None), (50, 2, 2, 1, None, None)]


def table(cases):
    print(f"{'devices':>8} {'silent/refusing/vanished':>25} {'readings/s':>11} {'of':>7} {'lost':>5} {'widest s':>9} "
          f"{'CPU s/million':>14} {'goal':>5} {'PSS MB':>7} {'goal':>5} {'missing':>8} {'twice':>6} {'oldest s':>9}")
    for (devices, silent, refusing, vanished, cpu, memory), found in cases:
        dead = f"{silent}/{refusing}/{vanished}"
        print(f"{devices:>8} {dead:>25} {found['rate']:>11} {found['wanted']:>7} {found['lost_polls']:>5} "
              f"{found['widest_s']:>9} {found['cpu_per_million']['all']:>14} {cpu or '':>5} "
              f"{found['pss_mb']['all']:>7} {memory or '':>5} {found['missing']:>8} {found['repeated']:>6} "
              f"{found['oldest_s']:>9}")
        for name, (user, system) in ((k, v) for k, v in found["cpu_per_million"].items() if k != "all"):
            print(f"{'':>8} {name}: {user} s user, {system} s system, {found['pss_mb'][name]} MB")


def measured(options):
    folder = tempfile.mkdtemp(prefix="candela-tcp-")
    try:
        return run(options, folder)
    except Trouble as trouble:
        sys.exit(f"{trouble}; see {folder}")
    finally:
        if not options.keep:
            shutil.rmtree(folder, ignore_errors=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binaries", required=True)
    parser.add_argument("--drivers", default="Drivers")
    parser.add_argument("--devices", type=int)
    parser.add_argument("--points", type=int, default=40)
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--buses", type=int, default=1)
    parser.add_argument("--silent", type=int, default=0)
    parser.add_argument("--refusing", type=int, default=0)
    parser.add_argument("--vanished", type=int, default=0)
    parser.add_argument("--flush", default="5s")
    parser.add_argument("--source", action="store_true")
    parser.add_argument("--unshared", action="store_true")
    parser.add_argument("--perf")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--only", help="which part of scripts/bench modbus this is: tcp")
    parser.add_argument("--keep", action="store_true")
    options = parser.parse_args()
    if options.devices:
        print(json.dumps(measured(options), indent=1))
        return
    found = []
    for case in CASES:
        options.devices, options.silent, options.refusing, options.vanished = case[:4]
        found.append((case, measured(options)))
    if options.json:
        print(json.dumps([figures for _, figures in found], indent=1))
    else:
        table(found)


if __name__ == "__main__":
    main()
