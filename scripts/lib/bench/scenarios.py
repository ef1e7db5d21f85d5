"""The gateways that are measured: what is connected, and the configuration for it."""

import json
import os

# Twenty values of an SDM630 as a head-end of a feeder wants them: each phase, the totals, the two registers.
POINTS = [
    "voltage.L1", "voltage.L2", "voltage.L3", "current.L1", "current.L2", "current.L3",
    "active_power.L1", "active_power.L2", "active_power.L3", "reactive_power.L1", "reactive_power.L2", "reactive_power.L3",
    "power_factor.L1", "power_factor.L2", "power_factor.L3", "active_power", "apparent_power", "frequency",
    "active_energy_import", "active_energy_export"]


class Plan:
    """A field (arguments of candela-sim) and the gateway that belongs to it."""

    def __init__(self, transport, meters, interval, flush):
        self.transport = transport
        self.meters = meters
        self.interval = interval
        self.flush = flush
        self.rate = meters * len(POINTS) / interval

    def describe(self):
        where = "one Modbus TCP host" if self.transport == "tcp" else "one serial line (pty), 115200 baud, wire timing off"
        return f"{self.meters} meters of {len(POINTS)} points every {self.interval} s on {where}"

    def field_arguments(self, folder):
        if self.transport == "tcp":
            return ["--meters", str(self.meters)]
        path = os.path.join(folder, "field.json")
        scenario = {
            "seed": 1, "servers": [], "ports": [{
                "name": "rs485-1", "kind": "modbus", "baud": 115200, "parity": "none", "stop_bits": 1, "wire_timing": False,
                "devices": [{"name": "meter", "product": "eastron-sdm630", "address": 1, "count": self.meters, "latency_ms": 2}]}]}
        with open(path, "w") as file:
            json.dump(scenario, file)
        return ["--scenario", path, "--no-wire-timing"]

    def configuration(self, field, broker_port):
        if self.transport == "tcp":
            port = f"tcp://127.0.0.1:{field.tcp_port()}"
            line = ""
        else:
            port = os.path.join(field.folder, "rs485-1")
            line = ", baud: 115200, parity: none, stop_bits: 1"
        digits = len(str(self.meters))
        first = "1".zfill(digits)
        return f"""gateway: {{id: bench}}
clock: {{sources: [system]}}
buses:
  meters: {{driver: modbus, port: "{port}"{line}, response_timeout: 500ms}}
devices:
  meter-{{{first}..{self.meters}}}:
    bus: meters
    address: "{{1..{self.meters}}}"
    profile: eastron-sdm630
    interval: {self.interval}s
    rating: 63 A
    points: [{", ".join(POINTS)}]
outbox: {{flush: {self.flush}, limit: 512MB}}
uplinks:
  head-end: {{type: mqtt, url: "mqtt://127.0.0.1:{broker_port}"}}
"""
