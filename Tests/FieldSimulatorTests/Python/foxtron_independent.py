"""ha-foxtron-dali's own driver (MIT, docek/ha-foxtron-dali at cb315f6) on the simulated converter: `foxtron_independent.py HOST PORT SOURCES`.

SOURCES is a folder with its `custom_components/foxtron_dali/driver.py`, unchanged. It is written for Python 3.14, whose
`except A, B:` older ones do not read: those lines get their parentheses as they are loaded. Prints one JSON document.
"""

import asyncio
import json
import re
import sys
import types


def load(folder):
    path = folder + "/custom_components/foxtron_dali/driver.py"
    with open(path) as file:
        source = file.read()
    source = re.sub(r"^(\s*except) ([\w.]+, [\w.]+):", r"\1 (\2):", source, flags=re.MULTILINE)
    module = types.ModuleType("foxtron_driver")
    exec(compile(source, path, "exec"), module.__dict__)
    return module


async def main():
    module = load(sys.argv[3])
    driver = module.FoxtronDaliDriver(sys.argv[1], int(sys.argv[2]))
    await driver.connect()
    assert await driver.wait_connected(10)
    report = {"firmware": await driver.query_firmware_version()}
    report["status"] = await driver.send_dali_query(0x01, 0x90)
    report["absent"] = await driver.send_dali_query(121, 0x90, retries=0, warn_on_timeout=False)
    await driver.set_device_level(0, 170)
    await asyncio.sleep(1)
    report["level"] = await driver.query_actual_level(0)
    await driver.set_fade_time(4, 1)
    report["fade_time"] = await driver.query_fade_time(1)
    events = []
    seen = asyncio.Event()

    def heard(event):
        events.append(event)
        seen.set()

    driver.add_event_listener(heard)
    print("listening", flush=True)
    while not any(isinstance(event, module.DaliInputNotificationEvent) for event in events):
        seen.clear()
        await asyncio.wait_for(seen.wait(), 20)
    event = next(event for event in events if isinstance(event, module.DaliInputNotificationEvent))
    report["event"] = [event.address_type, event.address, event.event_code]
    report["found"] = await driver.scan_for_devices()
    await driver.disconnect()
    print(json.dumps(report))


asyncio.run(main())
