"""What a measurement starts and looks at: field, broker, subscriber, gateway; memory and CPU of the gateway's processes."""

import json
import os
import shutil
import signal
import socket
import subprocess
import threading
import time

# A program that does not say that it is ready within this time is broken, not slow.
READY_LIMIT_S = 20
# The daemon stores, says goodbye and ends its drivers well within this.
STOP_LIMIT_S = 20


class Trouble(Exception):
    """A measurement could not be made; the text says what to look at."""


def wait_until(condition, what, limit=READY_LIMIT_S):
    deadline = time.monotonic() + limit
    while time.monotonic() < deadline:
        value = condition()
        if value:
            return value
        time.sleep(0.02)
    raise Trouble(f"{what} did not happen within {limit} s")


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def stop(process, limit=STOP_LIMIT_S):
    """Ends a child the polite way; one that does not go is killed and named."""
    if process is None or process.poll() is not None:
        return
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(limit)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        raise Trouble(f"process {process.args[0]} did not end within {limit} s of SIGTERM")


class Field:
    """candela-sim: TCP meters, or a scenario on pseudo-terminals."""

    def __init__(self, binaries, folder, arguments):
        self.folder = os.path.join(folder, "field")
        os.makedirs(self.folder, exist_ok=True)
        self.log = open(os.path.join(folder, "field.log"), "w")
        self.process = subprocess.Popen(
            [os.path.join(binaries, "candela-sim"), "--directory", self.folder, *arguments],
            stdout=self.log, stderr=subprocess.STDOUT)
        wait_until(lambda: "ready " in open(self.log.name).read(), "candela-sim's line 'ready'")
        self.program = os.path.join(binaries, "candela-sim")

    def tcp_port(self):
        return int(open(os.path.join(self.folder, "tcp-port")).read())

    def control(self, command):
        subprocess.run([self.program, "control", self.folder, command], check=True, stdout=subprocess.DEVNULL)

    def stop(self):
        stop(self.process)
        self.log.close()


class Broker:
    """mosquitto on loopback; it keeps nothing, so that a stop is an outage."""

    def __init__(self, folder):
        self.port = free_port()
        self.configuration = os.path.join(folder, "mosquitto.conf")
        self.log_path = os.path.join(folder, "mosquitto.log")
        with open(self.configuration, "w") as file:
            # No limits: what the broker would drop for a slow subscriber would look like a loss of the gateway.
            file.write(
                f"listener {self.port} 127.0.0.1\nallow_anonymous true\npersistence false\n"
                "max_queued_messages 0\nmax_inflight_messages 0\n")
        self.process = None
        self.start()

    def start(self):
        program = shutil.which("mosquitto") or "/usr/sbin/mosquitto"
        with open(self.log_path, "a") as log:
            self.process = subprocess.Popen([program, "-c", self.configuration], stdout=log, stderr=log)

        def listens():
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return True
            except OSError:
                return False

        wait_until(listens, "the broker's port")

    def stop(self):
        stop(self.process)


class Line:
    """The network between gateway and broker: a relay that can be cut, while broker and subscriber stay as they are."""

    def __init__(self, target):
        self.target = target
        self.port = free_port()
        self.sockets = []
        self.listener = None
        self.mend()

    def mend(self):
        self.listener = socket.create_server(("127.0.0.1", self.port))
        threading.Thread(target=self._accept, args=(self.listener,), daemon=True).start()

    def cut(self):
        # shutdown wakes the thread that waits in accept or recv; close alone would not.
        for one in [self.listener, *self.sockets]:
            try:
                one.shutdown(socket.SHUT_RDWR)
            except OSError:
                # The other side was quicker.
                pass
            one.close()
        self.sockets = []

    def _accept(self, listener):
        while True:
            try:
                near, _ = listener.accept()
                far = socket.create_connection(("127.0.0.1", self.target))
            except OSError:
                return
            self.sockets += [near, far]
            threading.Thread(target=self._copy, args=(near, far), daemon=True).start()
            threading.Thread(target=self._copy, args=(far, near), daemon=True).start()

    def _copy(self, source, sink):
        try:
            while data := source.recv(1 << 16):
                sink.sendall(data)
            sink.shutdown(socket.SHUT_RDWR)
        except OSError:
            # Cut, or one side ended: the other one ends with it.
            return

    def stop(self):
        self.cut()


class HeadEnd:
    """A subscriber that keeps a ledger: which n of each device came, when, and what came twice."""

    def __init__(self, port, ledger=None):
        self.ledger = ledger or Ledger()
        self.process = subprocess.Popen(
            ["mosquitto_sub", "-p", str(port), "-V", "5", "-q", "1", "-i", "head-end", "-t", "candela/+/readings",
             "-t", "candela/+/events", "-F", "%U %t %p"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self.thread = threading.Thread(target=self._read, daemon=True)
        self.thread.start()

    def _read(self):
        for line in self.process.stdout:
            arrived, topic, payload = line.split(b" ", 2)
            self.ledger.take(float(arrived), topic.decode(), json.loads(payload))

    def stop(self):
        stop(self.process)
        self.thread.join()


class Ledger:
    def __init__(self):
        self.lock = threading.Lock()
        # (stream, device) -> {n: (sequence, part) it came with}
        self.numbers = {}
        # Readings that came again in another batch: these a receiver could not recognise by (stream, sequence, part).
        self.strangers = 0
        self.received = 0
        self.good = 0
        self.duplicates = 0
        self.messages = 0
        self.first_arrival = None
        # (arrival, number of readings, time of the oldest and of the newest reading in the message)
        self.arrivals = []
        self.streams = []
        self.gaps = []
        self.kinds = {}

    def take(self, arrived, topic, message):
        with self.lock:
            if message.get("stream") not in self.streams:
                self.streams.append(message.get("stream"))
            if topic.endswith("/events"):
                for event in message["events"]:
                    self.kinds[event["kind"]] = self.kinds.get(event["kind"], 0) + 1
                    if event["kind"] == "gap":
                        self.gaps.append(event["detail"])
                return
            readings = message["readings"]
            self.messages += 1
            if self.first_arrival is None:
                self.first_arrival = arrived
            for reading in readings:
                key = (message["stream"], reading["device"])
                seen = self.numbers.setdefault(key, {})
                batch = (message["sequence"], message.get("part", 1))
                if reading["n"] in seen:
                    self.duplicates += 1
                    self.strangers += seen[reading["n"]] != batch
                else:
                    seen[reading["n"]] = batch
                    self.received += 1
                    self.good += reading["quality"] == "good"
            self.arrivals.append((arrived, len(readings), readings[0].get("time"), readings[-1].get("time")))

    def missing(self):
        """Numbers below each device's highest that did not come."""
        with self.lock:
            return sum(max(seen) - len(seen) for seen in self.numbers.values() if seen)

    def snapshot(self):
        with self.lock:
            return self.received, self.messages, self.duplicates


class GatewayProcess:
    """candelad with its drivers."""

    def __init__(self, binaries, drivers, folder, configuration, environment):
        self.folder = folder
        self.path = os.path.join(folder, "gateway.yaml")
        with open(self.path, "w") as file:
            file.write(configuration)
        self.command = [
            os.path.join(binaries, "candelad"), "--config", self.path, "--state-dir", os.path.join(folder, "state"),
            "--socket", os.path.join(folder, "control.sock"), "--drivers", drivers, "--log-level", "notice"]
        self.environment = dict(os.environ, **environment)
        self.log_path = os.path.join(folder, "candelad.log")
        self.process = None
        self.started = None
        self.start()

    def start(self):
        with open(self.log_path, "a") as log:
            self.started = time.time()
            self.process = subprocess.Popen(self.command, stderr=log, env=self.environment)

    def pids(self):
        """The daemon first, then its drivers."""
        found = [self.process.pid]
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open(f"/proc/{pid}/stat") as file:
                    parent = int(file.read().rpartition(")")[2].split()[1])
            except OSError:
                continue
            if parent == self.process.pid:
                found.append(int(pid))
        return found

    def anonymous(self):
        """PSS of anonymous memory in kB: what was allocated, whatever other programs share the libraries."""
        return sum(self._rollup("Pss_Anon:").values())

    def memory(self):
        """PSS in kB by program name."""
        return self._rollup("Pss:")

    def _rollup(self, key):
        total = {}
        for pid in self.pids():
            try:
                with open(f"/proc/{pid}/smaps_rollup") as file:
                    pss = next(int(line.split()[1]) for line in file if line.startswith(key))
                with open(f"/proc/{pid}/comm") as file:
                    name = os.path.basename(os.readlink(f"/proc/{pid}/exe")) or file.read().strip()
            except (OSError, StopIteration):
                # It ended between the listing and the look.
                continue
            total[name] = total.get(name, 0) + pss
        return total

    def cpu(self):
        """CPU seconds, user and system, by program name."""
        tick = os.sysconf("SC_CLK_TCK")
        total = {}
        for pid in self.pids():
            try:
                with open(f"/proc/{pid}/stat") as file:
                    fields = file.read().rpartition(")")[2].split()
                name = os.path.basename(os.readlink(f"/proc/{pid}/exe"))
            except OSError:
                continue
            total[name] = total.get(name, 0) + (int(fields[11]) + int(fields[12])) / tick
        return total

    def threads(self):
        return sum(len(os.listdir(f"/proc/{pid}/task")) for pid in self.pids() if os.path.isdir(f"/proc/{pid}/task"))

    def kill(self):
        self.process.kill()
        self.process.wait()

    def stop(self):
        stop(self.process)

    def last_log(self):
        with open(self.log_path) as file:
            return "".join(file.readlines()[-15:])
