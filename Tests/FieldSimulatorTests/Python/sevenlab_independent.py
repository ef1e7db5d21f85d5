"""dali_interface's own serial driver (MIT, SvenHaedrich/dali_interface at 5a5a088) on the simulated interface:
`sevenlab_independent.py PATH SOURCES`.

SOURCES is a folder with its `dali_interface.py` and `serial.py`, unchanged. A pseudo-terminal has no low latency mode, so that
call does nothing here; typeguard, which only checks types as it runs, is left out. Prints one JSON document.
"""

import importlib
import importlib.util
import json
import os
import sys
import threading
import types

import serial


def load(folder):
    serial.Serial.set_low_latency_mode = lambda port, mode: None
    guard = types.ModuleType("typeguard")
    guard.typechecked = lambda checked: checked
    sys.modules["typeguard"] = guard
    package = types.ModuleType("dali_interface")
    package.__path__ = [os.path.abspath(folder)]
    sys.modules["dali_interface"] = package
    return importlib.import_module("dali_interface.dali_interface"), importlib.import_module("dali_interface.serial")


def main():
    base, module = load(sys.argv[2])
    interface = module.DaliSerial(sys.argv[1])
    frame = base.DaliFrame

    def ask(data):
        answer = interface.query_reply(frame(length=16, data=data, priority=5))
        return None if answer.status == base.DaliStatus.TIMEOUT else [int(answer.status), answer.length, answer.data]

    report = {"status": ask(0x0190), "absent": ask(0x7990)}
    interface.transmit(frame(length=16, data=0x00AA), block=True)
    report["level"] = ask(0x01A0)
    report["all"] = ask(0xFFA0)
    interface.transmit(frame(length=16, data=0xA37B), block=True)
    interface.transmit(frame(length=16, data=0x012D, send_twice=True), block=True)
    report["power_on_level"] = ask(0x01A3)
    interface.flush_queue()
    print("listening", flush=True)
    event = interface.get(20)
    report["event"] = [int(event.status), event.length, event.data]
    interface.close()
    print(json.dumps(report))


main()
