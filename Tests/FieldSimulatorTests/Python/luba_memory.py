"""An independent master (python-dali 0.16) reads memory banks and a sensor through LUBA: `luba_memory.py PATH`.

Every bank is latched, read and decoded by the peer's own tables. Prints one JSON document.
"""

import asyncio
import json
import sys

from dali import address
from dali.device.general import QueryInstanceType, QueryNumberOfInstances
from dali.device.light import QueryReportTimer
from dali.driver.serial import drivers_map
from dali.memory import diagnostics, energy, info, maintenance, oem

BANKS = [
    info.BANK_0, oem.BANK_1, energy.BANK_202, energy.BANK_203, energy.BANK_204,
    diagnostics.BANK_205, diagnostics.BANK_206, maintenance.BANK_207,
]


async def main():
    driver = drivers_map()["luba232"]("luba232:" + sys.argv[1])
    await driver.connect()
    lamp = address.GearShort(0)
    report = {}
    for bank in BANKS:
        # The master waits 25 ms for an answer; on a machine that is busy with other tests it may miss one, so a bank with
        # holes is read again.
        best = {}
        for _ in range(4):
            try:
                values = await driver.send(bank.read_all(lamp))
            except Exception:  # a missed answer
                continue
            if len(values) > len(best):
                best = values
            if len(best) == len([v for v in bank.values if v.__name__ not in ("LockByte", "LastAddress")]):
                break
        report[str(bank.address)] = {value.__name__: str(content) for value, content in best.items()}
    sensor = address.DeviceShort(3)

    async def ask(command):
        for _ in range(4):
            response = await driver.send(command)
            if response is not None and response.raw_value is not None:
                return response.raw_value.as_integer
        return None

    report["instances"] = await ask(QueryNumberOfInstances(sensor))
    report["types"] = [await ask(QueryInstanceType(sensor, address.InstanceNumber(n))) for n in range(2)]
    report["report_timer"] = await ask(QueryReportTimer(sensor, address.InstanceNumber(0)))
    print(json.dumps(report))


asyncio.run(asyncio.wait_for(main(), 150))
