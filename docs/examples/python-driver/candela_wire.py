"""The driver protocol's messages in Python, with nothing but the standard library.

A message is a dict: field name -> value. Absent fields have proto3's defaults (0, "", False, [], None).
The tables below are driver.proto, field by field.
"""

VERSION = 1
# Longest message in each direction, in bytes.
TO_DRIVER_LIMIT = 4_194_304
FROM_DRIVER_LIMIT = 262_144

# message -> {field number: (name, type, repeated)}. Types: uint (also bool and enum), sint (zigzag), text, bytes,
# or the name of another message.
MESSAGES = {
    "ToDriver": {
        1: ("version", "uint", False), 2: ("hello", "RuntimeHello", False), 3: ("configure", "Configure", False),
        4: ("start", "Empty", False), 5: ("query", "Query", False), 6: ("command", "Command", False),
        7: ("set_trace", "SetTrace", False), 8: ("statistics_request", "StatisticsRequest", False),
        9: ("remembered", "Remembered", False), 10: ("shutdown", "Empty", False), 11: ("task", "Task", False),
        12: ("cancel_task", "CancelTask", False), 13: ("set_clock", "SetClock", False)},
    "Empty": {},
    "RuntimeHello": {1: ("runtime_version", "text", False)},
    "Configure": {
        1: ("request", "uint", False), 2: ("bus", "text", False), 3: ("port", "text", False),
        4: ("options", "Node", False), 5: ("devices", "Device", True), 6: ("profiles", "Profile", True),
        7: ("memories", "Memory", True), 8: ("read_only", "uint", False), 9: ("check_only", "uint", False)},
    "Device": {
        1: ("index", "uint", False), 2: ("name", "text", False), 3: ("profile", "text", False),
        4: ("options", "Node", False), 5: ("interval_ms", "uint", False), 6: ("points", "PointRequest", True),
        7: ("only_listed", "uint", False)},
    "PointRequest": {
        1: ("point", "text", False), 2: ("interval_ms", "uint", False), 3: ("excluded", "uint", False),
        4: ("raw", "uint", False), 5: ("boundary_ms", "uint", False)},
    "Profile": {1: ("name", "text", False), 2: ("source", "text", False), 3: ("content", "Node", False)},
    "Memory": {1: ("device", "text", False), 2: ("key", "text", False), 3: ("value", "bytes", False)},
    "Query": {
        1: ("request", "uint", False), 2: ("device", "uint", False), 3: ("points", "uint", True),
        4: ("deadline_boot_ns", "uint", False)},
    "Command": {
        1: ("request", "uint", False), 2: ("device", "uint", False), 3: ("action", "text", False),
        4: ("point", "uint", False), 5: ("value", "Value", False), 6: ("priority", "uint", False),
        7: ("deadline_boot_ns", "uint", False), 8: ("fade_ms", "uint", False)},
    "SetTrace": {1: ("on", "uint", False)},
    "StatisticsRequest": {1: ("request", "uint", False)},
    "Remembered": {1: ("device", "text", False), 2: ("key", "text", False)},
    "Task": {1: ("request", "uint", False), 2: ("name", "text", False), 3: ("arguments", "Node", False)},
    "CancelTask": {1: ("request", "uint", False)},
    "SetClock": {1: ("utc_minus_boot_ns", "uint", False), 2: ("trusted", "uint", False)},
    "FromDriver": {
        1: ("version", "uint", False), 2: ("hello", "DriverHello", False), 3: ("configured", "Configured", False),
        4: ("started", "Started", False), 5: ("start_failed", "StartFailed", False), 6: ("samples", "Samples", False),
        7: ("query_done", "QueryDone", False), 8: ("command_done", "CommandDone", False),
        9: ("device_state", "DeviceState", False), 10: ("heartbeat", "Heartbeat", False), 11: ("event", "Event", False),
        12: ("trace_record", "TraceRecord", False), 13: ("statistics", "Statistics", False),
        14: ("remember", "Memory", False), 15: ("task_step", "TaskStep", False), 16: ("task_done", "TaskDone", False)},
    "DriverHello": {
        1: ("name", "text", False), 2: ("driver_version", "text", False), 3: ("protocol_version", "uint", False),
        4: ("actions", "text", True), 5: ("bus_options", "OptionDescription", True),
        6: ("device_options", "OptionDescription", True), 7: ("stall_after_ms", "uint", False),
        8: ("tasks", "text", True)},
    "OptionDescription": {
        1: ("name", "text", False), 2: ("type", "text", False), 3: ("default_value", "text", False),
        4: ("help", "text", False), 5: ("required", "uint", False)},
    "Configured": {
        1: ("request", "uint", False), 2: ("diagnostics", "Diagnostic", True),
        3: ("devices", "DeviceDescription", True)},
    "Diagnostic": {
        1: ("severity", "uint", False), 2: ("subject", "uint", False), 3: ("name", "text", False),
        4: ("path", "text", True), 5: ("message", "text", False), 6: ("at_key", "uint", False)},
    "DeviceDescription": {
        1: ("index", "uint", False), 2: ("usable", "uint", False), 3: ("points", "PointDescription", True),
        4: ("profile_version", "text", False), 5: ("is_lamp", "uint", False), 6: ("address", "text", False),
        7: ("facts", "Fact", True)},
    "Fact": {1: ("name", "text", False), 2: ("value", "text", False)},
    "PointDescription": {
        1: ("name", "text", False), 2: ("kind", "uint", False), 3: ("unit", "text", False),
        4: ("writable", "uint", False), 5: ("minimum", "Decimal", False), 6: ("maximum", "Decimal", False),
        7: ("rollover", "Decimal", False), 8: ("obis", "text", False), 9: ("interval_ms", "uint", False),
        10: ("basis", "text", False), 11: ("derived", "uint", False), 12: ("identity", "uint", False)},
    "Started": {1: ("port", "text", False)},
    "StartFailed": {1: ("retriable", "uint", False), 2: ("message", "text", False)},
    "Samples": {
        1: ("device", "uint", False), 2: ("boot_ns", "uint", False), 3: ("point", "uint", True),
        4: ("offset_ns", "uint", True), 5: ("quality", "uint", True), 6: ("kind", "uint", True),
        7: ("mantissa", "sint", True), 8: ("exponent", "sint", True), 9: ("flag", "uint", True),
        10: ("text", "text", True), 11: ("raw", "bytes", True)},
    "QueryDone": {1: ("request", "uint", False), 2: ("samples", "Samples", False), 3: ("failure", "text", False)},
    "CommandDone": {
        1: ("request", "uint", False), 2: ("outcome", "uint", False), 3: ("reason", "text", False),
        4: ("read_back", "Value", False), 5: ("samples", "Samples", False)},
    "DeviceState": {
        1: ("device", "uint", False), 2: ("condition", "uint", False), 3: ("detail", "text", False),
        4: ("requests", "uint", False), 5: ("failures", "uint", False), 6: ("last_answer_boot_ns", "uint", False),
        7: ("missed_intervals", "uint", False)},
    "Heartbeat": {
        1: ("turns", "uint", False), 2: ("boot_ns", "uint", False), 3: ("port_open", "uint", False),
        4: ("port_detail", "text", False), 5: ("utilisation_permille", "uint", False)},
    "Event": {
        1: ("kind", "text", False), 2: ("has_device", "uint", False), 3: ("device", "uint", False),
        4: ("severity", "uint", False), 5: ("phase", "uint", False), 6: ("detail", "text", False),
        7: ("boot_ns", "uint", False)},
    "TraceRecord": {
        1: ("boot_ns", "uint", False), 2: ("sent", "uint", False), 3: ("data", "bytes", False),
        4: ("text", "text", False), 5: ("has_device", "uint", False), 6: ("device", "uint", False),
        7: ("failed", "uint", False)},
    "TaskStep": {1: ("request", "uint", False), 2: ("content", "Node", False)},
    "TaskDone": {1: ("request", "uint", False), 2: ("failure", "text", False), 3: ("result", "Node", False)},
    "Statistics": {
        1: ("request", "uint", False), 2: ("window_us", "uint", False), 3: ("data_us", "uint", False),
        4: ("silence_us", "uint", False), 5: ("waiting_us", "uint", False), 6: ("sick_us", "uint", False),
        7: ("requests", "uint", False), 8: ("answers", "uint", False), 9: ("timeouts", "uint", False),
        10: ("broken_frames", "uint", False), 11: ("exceptions", "uint", False), 12: ("late_answers", "uint", False),
        13: ("foreign_answers", "uint", False), 14: ("echoes", "uint", False),
        15: ("devices", "DeviceStatistics", True)},
    "DeviceStatistics": {
        1: ("device", "uint", False), 2: ("requests", "uint", False), 3: ("answers", "uint", False),
        4: ("timeouts", "uint", False), 5: ("broken_frames", "uint", False), 6: ("exceptions", "uint", False),
        7: ("latency_p50_us", "uint", False), 8: ("latency_p95_us", "uint", False),
        9: ("latency_p99_us", "uint", False), 10: ("latency_max_us", "uint", False),
        11: ("timeout_us", "uint", False), 12: ("missed_intervals", "uint", False), 13: ("bus_us", "uint", False)},
    "Decimal": {1: ("mantissa", "sint", False), 2: ("exponent", "sint", False)},
    "Value": {1: ("number", "Decimal", False), 2: ("flag", "uint", False), 3: ("text", "text", False)},
    "Node": {
        1: ("null", "Empty", False), 2: ("flag", "uint", False), 3: ("number", "text", False),
        4: ("text", "text", False), 5: ("list", "List", False), 6: ("map", "Map", False)},
    "List": {1: ("items", "Node", True)},
    "Map": {1: ("entries", "Entry", True)},
    "Entry": {1: ("key", "text", False), 2: ("value", "Node", False)},
}

# Fields of a oneof are written even when they hold 0, so that the other side sees which one it is.
ALWAYS_WRITTEN = {("Value", "flag"), ("Value", "text"), ("Node", "flag"), ("Node", "number"), ("Node", "text")}


class WireError(Exception):
    """Bytes that are no message."""


def varint(number):
    out = bytearray()
    while number >= 0x80:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def read_varint(data, position):
    number = shift = 0
    while True:
        if position >= len(data) or shift > 63:
            raise WireError("a number ends too early or is too long")
        byte = data[position]
        position += 1
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            return number, position
        shift += 7


def zigzag(number):
    return number * 2 if number >= 0 else -number * 2 - 1


def unzigzag(number):
    return number // 2 if number % 2 == 0 else -(number + 1) // 2


def encode(kind, message):
    """A dict as the bytes of message `kind`."""
    out = bytearray()
    for number, (name, field_type, repeated) in MESSAGES[kind].items():
        value = message.get(name)
        if value is None:
            continue
        if repeated and field_type in ("uint", "sint"):
            if value:
                packed = b"".join(varint(zigzag(v) if field_type == "sint" else int(v)) for v in value)
                out += varint(number << 3 | 2) + varint(len(packed)) + packed
            continue
        for item in value if repeated else [value]:
            if field_type in ("uint", "sint"):
                if item or (kind, name) in ALWAYS_WRITTEN:
                    out += varint(number << 3) + varint(zigzag(item) if field_type == "sint" else int(item))
                continue
            if field_type == "text":
                body = item.encode()
            elif field_type == "bytes":
                body = item
            else:
                body = encode(field_type, item)
            if body or repeated or field_type in MESSAGES or (kind, name) in ALWAYS_WRITTEN:
                out += varint(number << 3 | 2) + varint(len(body)) + body
    return bytes(out)


def decode(kind, data):
    """The bytes of message `kind` as a dict. Fields of a newer version are skipped."""
    message, position = {}, 0
    while position < len(data):
        tag, position = read_varint(data, position)
        number, wire = tag >> 3, tag & 7
        if wire == 0:
            raw, position = read_varint(data, position)
        elif wire == 2:
            length, position = read_varint(data, position)
            raw, position = data[position:position + length], position + length
        elif wire in (1, 5):
            raw, position = None, position + (8 if wire == 1 else 4)
        else:
            raise WireError(f"wire type {wire}")
        if position > len(data):
            raise WireError("a field ends too early")
        if number not in MESSAGES[kind] or raw is None:
            continue
        name, field_type, repeated = MESSAGES[kind][number]
        if field_type in ("uint", "sint"):
            numbers = [raw]
            if wire == 2:
                numbers, place = [], 0
                while place < len(raw):
                    item, place = read_varint(raw, place)
                    numbers.append(item)
            if field_type == "sint":
                numbers = [unzigzag(n) for n in numbers]
            if repeated:
                message.setdefault(name, []).extend(numbers)
            elif numbers:
                message[name] = numbers[-1]
            continue
        if wire != 2:
            raise WireError(f"{kind}.{name} is no number")
        if field_type == "text":
            value = raw.decode(errors="replace")
        elif field_type == "bytes":
            value = bytes(raw)
        else:
            value = decode(field_type, raw)
        if repeated:
            message.setdefault(name, []).append(value)
        else:
            message[name] = value
    return message


def frame(message):
    """A FromDriver dict, ready for stdout."""
    body = encode("FromDriver", {"version": VERSION, **message})
    if len(body) > FROM_DRIVER_LIMIT:
        raise WireError(f"a message of {len(body)} bytes, the limit is {FROM_DRIVER_LIMIT}")
    return varint(len(body)) + body


class Frames:
    """Cuts what comes from stdin into ToDriver dicts."""

    def __init__(self):
        self.buffer = bytearray()

    def feed(self, data):
        self.buffer += data
        messages = []
        while True:
            try:
                length, start = read_varint(self.buffer, 0)
            except WireError:
                if len(self.buffer) > 9:
                    raise
                return messages
            if length > TO_DRIVER_LIMIT:
                raise WireError(f"a message of {length} bytes, the limit is {TO_DRIVER_LIMIT}")
            if len(self.buffer) < start + length:
                return messages
            body = bytes(self.buffer[start:start + length])
            del self.buffer[:start + length]
            messages.append(decode("ToDriver", body))


def plain(node):
    """A Node as Python values; numbers stay text, as they were written."""
    if not node or "null" in node:
        return None
    if "flag" in node:
        return bool(node["flag"])
    if "list" in node:
        return [plain(item) for item in node["list"].get("items", [])]
    if "map" in node:
        return {entry.get("key", ""): plain(entry.get("value")) for entry in node["map"].get("entries", [])}
    return node.get("number", node.get("text"))


def node(value):
    """Python values as a Node."""
    if value is None:
        return {"null": {}}
    if isinstance(value, bool):
        return {"flag": value}
    if isinstance(value, (int, float)):
        return {"number": str(value)}
    if isinstance(value, (list, tuple)):
        return {"list": {"items": [node(item) for item in value]}}
    if isinstance(value, dict):
        return {"map": {"entries": [{"key": key, "value": node(item)} for key, item in value.items()]}}
    return {"text": str(value)}
