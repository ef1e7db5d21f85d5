"""An independent client (pymodbus) reads an SDM630: `modbus_meter.py rtu PATH BAUD PARITY` or `tcp HOST PORT`.

Prints one JSON document: the values of two readings, the time that one exchange took, and what refused requests said.
"""

import json
import struct
import sys
import time

from pymodbus.client import ModbusSerialClient, ModbusTcpClient


def floats(registers):
    raw = struct.pack(">%dH" % len(registers), *registers)
    return struct.unpack(">%df" % (len(registers) // 2), raw)


def reading(client):
    started = time.monotonic()
    answer = client.read_input_registers(0, count=80, device_id=1)
    took = time.monotonic() - started
    if answer.isError():
        raise SystemExit(f"reading failed: {answer}")
    values = floats(answer.registers)
    return {
        "voltage": values[0:3],
        "current": values[3:6],
        "active_power": values[6:9],
        "power_factor": values[15:18],
        "total_power": values[26],
        "frequency": values[35],
        "energy": values[36],
        "seconds": took,
    }


def refusal(answer):
    return answer.exception_code if answer.isError() else None


def main():
    if sys.argv[1] == "rtu":
        client = ModbusSerialClient(sys.argv[2], baudrate=int(sys.argv[3]), parity=sys.argv[4], timeout=2, retries=0)
    else:
        client = ModbusTcpClient(sys.argv[2], port=int(sys.argv[3]), timeout=2, retries=0)
    if not client.connect():
        raise SystemExit("no connection")
    readings = [reading(client)]
    # The meter renews its values once in a second: read until that has happened.
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        readings.append(reading(client))
        if readings[-1]["voltage"] != readings[0]["voltage"]:
            break
    refusals = {
        "odd": refusal(client.read_input_registers(0, count=3, device_id=1)),
        "too_many": refusal(client.read_input_registers(0, count=82, device_id=1)),
        "outside": refusal(client.read_input_registers(40000, count=2, device_id=1)),
        "function": refusal(client.read_coils(0, count=1, device_id=1)),
    }
    single = client.read_input_registers(10, count=1, device_id=1)
    client.close()
    print(json.dumps({"readings": readings, "refusals": refusals, "single": single.registers}))


main()
