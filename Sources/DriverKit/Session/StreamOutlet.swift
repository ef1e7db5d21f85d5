internal import CLinux
public import DriverProtocol
internal import Glibc
internal import SwiftProtobuf
internal import Synchronization
public import Telemetry

/// Facts of a driver as framed messages on a descriptor. Whole messages, one at a time, from any thread.
public final class StreamOutlet: DriverOutlet {
    /// Rows per `Samples` message: about 100 KB with long texts, well under the protocol's limit, and a message
    /// that the runtime can handle in a millisecond.
    static let rowsPerMessage = 1_000
    /// Longest text value sent, in bytes: what no register block can exceed (125 registers), with room.
    static let textLimit = 1_024
    /// Longest line for people inside a message, in bytes.
    static let detailLimit = 4_096

    private struct State {
        var isBroken = false
        /// Frames of samples wait for ``release()``.
        var isHolding = false
        var held: [UInt8] = []
    }

    /// Held samples are written when they are so many bytes, whatever is still to come: half of what a pipe takes at once.
    private static let heldLimit = 32_768

    private let descriptor: Int32
    private let state = Mutex(State())
    private let onBroken: @Sendable (String) -> Void

    /// - Parameters:
    ///   - descriptor: written to, not closed.
    ///   - onBroken: called once when nobody can read any more, with the reason.
    public init(descriptor: Int32, onBroken: @escaping @Sendable (String) -> Void) {
        self.descriptor = descriptor
        self.onBroken = onBroken
    }

    public func samples(device: UInt32, _ samples: [Sample]) {
        var rest = samples[...]
        while !rest.isEmpty {
            if let frame = SampleFrame.bytes(
                device: device, samples: rest.prefix(Self.rowsPerMessage), version: DriverProtocolLimits.version)
            {
                send(frame: frame, mayWait: true)
                rest = rest.dropFirst(Self.rowsPerMessage)
                continue
            }
            let part = rest.prefix(Self.rowsPerMessage).map(Self.bounded)
            rest = rest.dropFirst(Self.rowsPerMessage)
            var message = DriverFromDriver()
            message.samples = DriverSamples(device: device, samples: part)
            send(message)
        }
    }

    public func deviceState(_ state: DriverDeviceState) {
        var message = DriverFromDriver()
        message.deviceState = state
        message.deviceState.detail = Self.short(state.detail, Self.detailLimit)
        send(message)
    }

    public func event(_ event: DriverEvent) {
        var message = DriverFromDriver()
        message.event = event
        message.event.detail = Self.short(event.detail, Self.detailLimit)
        send(message)
    }

    public func traceRecord(_ record: DriverTraceRecord) {
        var message = DriverFromDriver()
        message.traceRecord = record
        send(message)
    }

    public func remember(_ memory: DriverMemory) {
        var message = DriverFromDriver()
        message.remember = memory
        send(message)
    }

    public func taskStep(_ step: DriverTaskStep) {
        var message = DriverFromDriver()
        message.taskStep = step
        send(message)
    }

    public func taskDone(_ done: DriverTaskDone) {
        var message = DriverFromDriver()
        message.taskDone = done
        send(message)
    }

    public func log(_ line: String) {
        let bytes = Array((line + "\n").utf8)
        // Best effort: a log that nobody reads must not stop a bus.
        _ = Glibc.write(2, bytes, bytes.count)
    }

    /// Sends one message with the protocol's version; blocks while the runtime does not read.
    func send(_ message: DriverFromDriver) {
        var message = message
        message.version = DriverProtocolLimits.version
        guard var bytes: [UInt8] = try? message.serializedBytes() else {
            log("a message to the runtime cannot be encoded and is left out")
            return
        }
        if bytes.count > DriverProtocolLimits.fromDriver, case .configured? = message.message {
            message.configured.sharePoints()
            bytes = (try? message.serializedBytes()) ?? bytes
        }
        guard bytes.count <= DriverProtocolLimits.fromDriver else {
            log("a message of \(bytes.count) bytes to the runtime is over the limit and is left out")
            return
        }
        send(frame: LengthDelimited.frame(bytes))
    }

    /// From now on samples are gathered until ``release()``: a turn of a bus of a thousand hosts brings those of a dozen, and each write
    /// costs a system call. What else is sent goes out at once and takes them along, so that the order stays.
    func hold() { state.withLock { $0.isHolding = true } }

    /// Writes what is held.
    func release() {
        write { state in
            state.isHolding = false
            return true
        }
    }

    private func send(frame: [UInt8], mayWait: Bool = false) {
        write { state in
            state.held += frame
            return !(mayWait && state.isHolding && state.held.count < Self.heldLimit)
        }
    }

    /// - Parameter prepare: adds to what is held, and says whether to write it now.
    private func write(_ prepare: (inout State) -> Bool) {
        let failure: Int32? = state.withLock { state in
            guard !state.isBroken, prepare(&state), !state.held.isEmpty else { return nil }
            let error = Self.writeAll(state.held, to: descriptor)
            // Memory for the next turn is kept, that of a large description is not.
            state.held.removeAll(keepingCapacity: state.held.capacity <= 2 * Self.heldLimit)
            guard error != 0 else { return nil }
            state.isBroken = true
            return error
        }
        if let failure { onBroken("cannot write to the runtime: \(errorText(failure))") }
    }

    private static func writeAll(_ bytes: [UInt8], to descriptor: Int32) -> Int32 {
        var sent = 0
        while sent < bytes.count {
            let count = bytes.withUnsafeBytes {
                Glibc.write(descriptor, $0.baseAddress?.advanced(by: sent), bytes.count - sent)
            }
            if count > 0 {
                sent += count
            } else if errno == EAGAIN {
                // Someone made the pipe non-blocking; wait for room as a blocking one would.
                var poller = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
                poll(&poller, 1, -1)
            } else if errno != EINTR {
                return errno
            }
        }
        return 0
    }

    private static func bounded(_ sample: Sample) -> Sample {
        guard case .text(let text)? = sample.value, text.utf8.count > textLimit else { return sample }
        return Sample(
            point: sample.point, value: .text(short(text, textLimit)), quality: sample.quality,
            acquired: sample.acquired)
    }

    private static func short(_ text: String, _ limit: Int) -> String {
        text.utf8.count <= limit ? text : String(decoding: text.utf8.prefix(limit), as: UTF8.self)
    }
}

/// The system's sentence for an errno. glibc keeps the text per thread.
func errorText(_ code: Int32) -> String { String(cString: strerror(code)) }
