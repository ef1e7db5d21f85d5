"""An SDM630 made of pymodbus alone: `sdm630_slave.py tcp` or `sdm630_slave.py rtu`, with a seed for its numbers.

Prints one line of JSON, {"port": ..., "values": {point: [value, unit]}}, then answers until its standard input ends. The
port is a TCP port on loopback, or the path of a pseudo-terminal. The map is the vendor's (SDM630 Modbus protocol v1.8).
"""

import asyncio
import json
import os
import random
import struct
import sys
import threading
import tty
from decimal import Decimal

from pymodbus import FramerType
from pymodbus.datastore import ModbusDeviceContext, ModbusSequentialDataBlock, ModbusServerContext
from pymodbus.server import StartAsyncSerialServer, StartAsyncTcpServer

# First wire address of neighbouring input registers, each value two registers wide, and their unit.
MAP = [
    (0x0000, "V", "voltage.L1 voltage.L2 voltage.L3"),
    (0x0006, "A", "current.L1 current.L2 current.L3"),
    (0x000c, "W", "active_power.L1 active_power.L2 active_power.L3"),
    (0x0012, "V.A", "apparent_power.L1 apparent_power.L2 apparent_power.L3"),
    (0x0018, "var", "reactive_power.L1 reactive_power.L2 reactive_power.L3"),
    (0x001e, "1", "power_factor.L1 power_factor.L2 power_factor.L3"),
    (0x0024, "deg", "phase_angle.L1 phase_angle.L2 phase_angle.L3"),
    (0x002a, "V", "voltage.avg-LN"),
    (0x002e, "A", "current.avg current.sum"),
    (0x0034, "W", "active_power"),
    (0x0038, "V.A", "apparent_power"),
    (0x003c, "var", "reactive_power"),
    (0x003e, "1", "power_factor"),
    (0x0042, "deg", "phase_angle"),
    (0x0046, "Hz", "frequency"),
    (0x0048, "kW.h", "active_energy_import active_energy_export"),
    (0x004c, "kvar.h", "reactive_energy_import reactive_energy_export"),
    (0x0050, "kV.A.h", "apparent_energy_partial"),
    (0x0052, "A.h", "charge_partial"),
    (0x0054, "W",
     "active_power_demand active_power_demand_max active_power_import_demand "
     "active_power_import_demand_max active_power_export_demand active_power_export_demand_max"),
    (0x0064, "V.A", "apparent_power_demand apparent_power_demand_max"),
    (0x0068, "A", "current_demand.N current_demand_max.N"),
    (0x006c, "var", "reactive_power_demand reactive_power_demand_max"),
    (0x00c8, "V", "voltage.L1-L2 voltage.L2-L3 voltage.L3-L1 voltage.avg-LL"),
    (0x00e0, "A", "current.N"),
    (0x00ea, "%", "voltage_thd.L1 voltage_thd.L2 voltage_thd.L3 current_thd.L1 current_thd.L2 current_thd.L3"),
    (0x00f8, "%", "voltage_thd.avg-LN current_thd.avg"),
    (0x0102, "A",
     "current_demand.L1 current_demand.L2 current_demand.L3 current_demand_max.L1 "
     "current_demand_max.L2 current_demand_max.L3"),
    (0x014e, "%", "voltage_thd.L1-L2 voltage_thd.L2-L3 voltage_thd.L3-L1 voltage_thd.avg-LL"),
    (0x0156, "kW.h", "active_energy_total"),
    (0x0158, "kvar.h", "reactive_energy_total"),
    (0x015a, "kW.h",
     "active_energy_import.L1 active_energy_import.L2 active_energy_import.L3 "
     "active_energy_export.L1 active_energy_export.L2 active_energy_export.L3 "
     "active_energy_total.L1 active_energy_total.L2 active_energy_total.L3"),
    (0x016c, "kvar.h",
     "reactive_energy_import.L1 reactive_energy_import.L2 reactive_energy_import.L3 "
     "reactive_energy_export.L1 reactive_energy_export.L2 reactive_energy_export.L3 "
     "reactive_energy_total.L1 reactive_energy_total.L2 reactive_energy_total.L3"),
    (0x0180, "kW.h", "active_energy_total_partial"),
    (0x0182, "kvar.h", "reactive_energy_total_partial"),
    (0x0184, "kW.h", "active_energy_import_partial active_energy_export_partial"),
    (0x0500, "W", "active_power_import active_power_export"),
]
SERIAL_NUMBER = 0xFC00

# What such a quantity may be, so that a plausibility check has nothing to say.
RANGES = {"V": (220, 245), "A": (0, 60), "W": (-9000, 9000), "V.A": (0, 9000), "var": (-9000, 9000), "1": (-1, 1),
          "deg": (-180, 180), "Hz": (49.8, 50.2), "%": (0, 40)}


def shortest(value):
    """The shortest decimal that gives back the same 32 bits."""
    for digits in range(1, 10):
        text = f"{value:.{digits}g}"
        if struct.pack(">f", float(text)) == struct.pack(">f", value):
            return format(Decimal(text), "f")
    raise ValueError(value)


def number(draw, unit):
    low, high = RANGES.get(unit, (0, 99999))
    # Both what a meter shows with few digits and any bit pattern in its range.
    value = draw.choice([lambda: draw.uniform(low, high), lambda: round(draw.uniform(low, high), 1)])()
    return struct.unpack(">f", struct.pack(">f", value))[0]


def image(seed):
    draw = random.Random(seed)
    registers, values = [0] * 0x0600, {}
    for first, unit, names in MAP:
        for index, name in enumerate(names.split()):
            value = number(draw, unit)
            # Three that are easily got wrong: nothing, next to nothing, and a counter with all its digits.
            value = {"current.N": 0.0, "current_thd.avg": struct.unpack(">f", bytes.fromhex("38d1b717"))[0],
                     "active_energy_import": 16777215.0}.get(name, value)
            at = first + 2 * index
            registers[at : at + 2] = struct.unpack(">2H", struct.pack(">f", value))
            values[name] = [shortest(value), unit]
    serial = 4294901761
    values["serial_number"] = [str(serial), None]
    inputs = ModbusSequentialDataBlock(1, registers)
    holding = ModbusSequentialDataBlock(SERIAL_NUMBER + 1, [serial >> 16, serial & 0xFFFF])
    device = ModbusDeviceContext(ir=inputs, hr=holding, co=inputs, di=inputs)
    return ModbusServerContext(devices={1: device}, single=False), values


def pump(source, target):
    while True:
        try:
            data = os.read(source, 4096)
        except OSError:
            return
        os.write(target, data)


def line():
    """Two pseudo-terminals joined at their masters; gives the paths of both ends."""
    ends = [os.openpty() for _ in range(2)]
    for master, slave in ends:
        tty.setraw(master)
        tty.setraw(slave)
    for source, target in ((ends[0][0], ends[1][0]), (ends[1][0], ends[0][0])):
        threading.Thread(target=pump, args=(source, target), daemon=True).start()
    return [os.ttyname(slave) for _, slave in ends]


def until_input_ends():
    while os.read(0, 4096):
        pass
    os._exit(0)


async def main():
    kind, seed = sys.argv[1], int(sys.argv[2])
    threading.Thread(target=until_input_ends, daemon=True).start()
    context, values = image(seed)
    if kind == "tcp":
        port = int(sys.argv[3])
        told, serving = port, StartAsyncTcpServer(context, address=("127.0.0.1", port))
    else:
        mine, told = line()
        serving = StartAsyncSerialServer(context, framer=FramerType.RTU, port=mine, baudrate=9600)
    print(json.dumps({"port": told, "values": values}), flush=True)
    await serving


asyncio.run(main())
