import ControlProtocol

/// The outbox as a person reads it.
enum QueueView {
    static func line(_ queue: ControlQueue) -> String {
        var text = "outbox \(queue.state): \(queue.unsentReadings) unsent in \(queue.unsentBatches) batches"
        if !queue.oldestUnsent.isEmpty { text += ", oldest \(queue.oldestUnsent)" }
        text +=
            ", \(Formats.bytes(queue.bytesUsed)) of \(Formats.bytes(queue.bytesLimit)), last sequence \(queue.lastSequence)"
        if queue.droppedReadings > 0 { text += ", \(queue.droppedReadings) DROPPED" }
        return text
    }

    static func text(_ queue: ControlQueue) -> String {
        var lines = [
            "stream         \(queue.stream)",
            "file           \(queue.path)",
            "disk           \(queue.state)",
            "used           \(Formats.bytes(queue.bytesUsed)) of \(Formats.bytes(queue.bytesLimit))",
            "last sequence  \(queue.lastSequence)",
            "unsent         \(queue.unsentReadings) in \(queue.unsentBatches) batches"
                + (queue.oldestUnsent.isEmpty ? "" : ", oldest \(queue.oldestUnsent)"),
            "in memory      \(queue.bufferedReadings), committed within \(Formats.oneDecimal(queue.flushS)) s",
            "dropped        \(queue.droppedReadings)",
            "",
        ]
        var lanes = Table([("LANE", .left), ("BATCHES", .right), ("READINGS", .right)])
        for lane in queue.lanes { lanes.add(lane.name, "\(lane.batches)", "\(lane.readings)") }
        lines += lanes.lines
        return lines.joined(separator: "\n")
    }
}
