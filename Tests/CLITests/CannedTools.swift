import ControlProtocol
import Telemetry

/// What the fake daemon answers to the technician's tools.
enum CannedTools {
    /// RTU frames of unit 1: a request and its answer (230.1 V as a float), a request without one, a broken answer, and one of a household.
    static let frames: [(sent: Bool, hex: String, text: String, device: String, failed: Bool)] = [
        (true, "01 04 00 00 00 02 71 CB", "read 2 input registers at 0x0000", "feeder-a", false),
        (false, "01 04 04 43 66 19 9A 85 E4", "2 registers", "feeder-a", false),
        (true, "02 04 00 00 00 02 71 F8", "read 2 input registers at 0x0000", "feeder-b", false),
        (false, "", "no answer within 500 ms", "feeder-b", true),
        (false, "01 04 04 43 FF", "broken: 5 of 9 bytes", "feeder-a", true),
        (false, "07 04 00 00 00 00 00 00 00", "a household's: the values of 9 bytes are not shown", "flat-3", false),
    ]

    static func trace(_ template: ControlReply, _ send: ControlServer.ControlReplySender) async {
        for (index, frame) in frames.enumerated() {
            var reply = template
            reply.traceRecord.time = "2026-11-21T16:04:05.\(250 + index)Z"
            reply.traceRecord.bootNs = 1_000_000_000 + UInt64(index) * 1_250_000
            reply.traceRecord.sent = frame.sent
            reply.traceRecord.data.append(
                contentsOf: frame.hex.split(separator: " ").compactMap { UInt8($0, radix: 16) })
            reply.traceRecord.text = frame.text
            reply.traceRecord.device = frame.device
            reply.traceRecord.failed = frame.failed
            guard (try? await send(reply)) != nil else { return }
        }
        await untilCancelled()
    }

    static func untilCancelled() async {
        while !Task.isCancelled { try? await Task.sleep(for: .milliseconds(20)) }
    }

    static func task(_ wanted: ControlTaskRequest, _ send: ControlServer.ControlReplySender) async {
        func step(_ line: String) async {
            var reply = ControlReply()
            reply.taskStep.content = JSONValue.object([.init("line", .string(line))]).description
            try? await send(reply)
        }
        var reply = ControlReply()
        var done = ControlTaskDone()
        let arguments = try? JSONValue(parsing: wanted.arguments)
        switch wanted.name {
        case "scan" where wanted.bus == "lamps":
            await step("asking 64 addresses")
            done.result = CannedLamps.scan
        case "commission":
            if arguments?["estimate"] == .bool(true) {
                done.result = CannedLamps.estimate
            } else {
                await step("2 addresses in use")
                done.result = CannedLamps.commissioning
            }
        case "query": done.result = CannedLamps.query
        case "memory": done.result = CannedLamps.memory
        case "replace": done.result = CannedLamps.replaced
        case "identify": done.result = #"{"identified":"A0","seconds":10}"#
        case "raw" where arguments?["frame"] != nil: done.result = CannedLamps.raw
        case "ring": done.result = ring
        case "raw":
            done.result =
                arguments?["unit"]?.number == ExactDecimal(9)
                ? #"{"request":"unit 9: read 1 holding register at 0x0000","sent":"09 03 00 00 00 01 85 42","received":"","outcome":"silence","words":"no answer"}"#
                : #"{"request":"unit 1: read 2 holding registers at 0x0000","sent":"01 03 00 00 00 02 C4 0B","received":"01 03 04 43 66 19 9A E4 3D","took_us":15200,"outcome":"answer","words":"2 registers: 0x4366 0x199A","registers":[{"at":0,"hex":"0x4366","unsigned":17254},{"at":1,"hex":"0x199A","unsigned":6554}]}"#
        case "scan":
            if arguments?["estimate"] == .bool(true) {
                done.result =
                    #"{"line":"...","seconds":250,"interrupts":["feeder-a","feeder-b"],"interrupted_seconds":125}"#
            } else {
                await step("looking at 247 addresses with 1 settings, about 99 s")
                await step("address 1: eastron-sdm630, configured as feeder-a")
                done.result = scan
            }
        case "sniff":
            await step("listening at 9600 8E1; nothing is sent")
            await untilCancelled()
            done.failure = "cancelled"
            done.result = #"{"settings":"9600 8E1","frames":17,"garbage":0,"units":[]}"#
        case "broken": done.failure = "the port is gone"
        default: done.failure = "the driver knows no task \"\(wanted.name)\""
        }
        reply.taskDone = done
        try? await send(reply)
    }

    private static let ring =
        #"{"exchanges":[{"boot_ns":1,"sent":"02 04 00 00 00 02 71 F8","received":"02 04 04 00 00 00 00 C8 84","outcome":"answer","latency_us":21000,"words":"2 registers"},{"boot_ns":2,"sent":"02 04 00 00 00 02 71 F8","received":"","outcome":"silence","words":"no answer within 500 ms"}],"frozen":true}"#

    private static let scan =
        #"{"devices":[{"address":1,"settings":"9600 8E1","configured":"feeder-a","verdict":"identified","profile":"eastron-sdm630","reasons":["register 0xFC02 holds 0x0070"],"line":"x"},{"address":7,"settings":"9600 8E1","verdict":"identified","profile":"eastron-sdm120","model":"SDM120","reasons":["register 0xFC02 holds 0x0020"],"entry":"meter-7: {bus: meters, address: 7, profile: eastron-sdm120}","line":"x"},{"address":9,"settings":"9600 8E1","verdict":"unknown","reasons":["it answers, and nothing says what it is"],"clues":[{"value":"{quantity: voltage, table: input, at: 0x0000, as: f32, unit: V}","reads":"230.1 V","reason":"a mains voltage"}],"line":"x"}],"garbled":[12],"asked":247}"#

    static func statistics(_ wanted: ControlStatisticsRequest) -> ControlStatistics {
        var sums = ControlStatistics()
        sums.bus = wanted.bus
        sums.windowUs = 60_000_000
        sums.requests = 600
        sums.foreignAnswers = 3
        for (name, answers, timeouts) in [("feeder-a", 590, 0), ("feeder-b", 12, 40), ("heat-b2", 100, 0)] {
            var device = ControlDeviceStatistics()
            device.device = name
            device.requests = UInt64(answers + timeouts)
            device.answers = UInt64(answers)
            device.timeouts = UInt64(timeouts)
            device.latencyP95Us = 22_000
            device.timeoutUs = 500_000
            sums.devices.append(device)
        }
        return sums
    }

    static func events(_ wanted: ControlEventsRequest) -> ControlEvents {
        var list = ControlEvents()
        let rows = [
            ("2026-11-21T15:58:00.000Z", "command", "flat-3", "info", "", #"{"by":"cli uid 1000","action":"read"}"#),
            (
                "2026-11-21T16:01:22.000Z", "device_offline", "feeder-b", "alarm", "begins",
                #"{"bus":"meters","address":"unit 2"}"#
            ),
        ]
        for row in rows where wanted.device.isEmpty || wanted.device == row.2 {
            var line = ControlEventLine()
            (line.time, line.kind, line.device, line.severity, line.phase, line.detail) = row
            list.events.append(line)
        }
        return list
    }
}
