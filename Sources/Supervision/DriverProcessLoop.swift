import CLinux
import DriverProtocol
import Glibc
import Logging
import SwiftProtobuf
import Synchronization
import Telemetry

/// The work of a driver's thread: poll(2) over the three streams, the process itself and a wake-up.
final class DriverProcessLoop {
    private let process: DriverProcess
    private let limits: SupervisionLimits
    private var input = OwnedDescriptor(-1)
    private var output = OwnedDescriptor(-1)
    private var errors = OwnedDescriptor(-1)
    private var exit = OwnedDescriptor(-1)
    private var decoder = LengthDelimited.Decoder(limit: DriverProtocolLimits.fromDriver)
    private var flood: FloodMeter
    private var lines: LogLines
    private var chunk = [UInt8](repeating: 0, count: 65_536)
    private var isPaused = false
    /// Samples read and not handed over yet.
    private var blocks: [SampleBlock] = []
    private var blockBytes = 0
    /// When the bytes at hand were read.
    private var frameTime = BootInstant.now
    /// A bus with much to say is read in intervals; until then its pipe holds what it says.
    private var nextRead = BootInstant.now
    /// Messages in this second, and in the one before.
    private var messages = 0
    private var lastMessages = 0
    private var messageSecond: Int64 = 0
    /// Samples handed over together: as many as a quarter of the inbox.
    private static let blocksTogether = 64
    /// More messages than this in a second, and the pipe is read in intervals: each wake-up costs four changes of threads.
    private static let messagesAtOnce = 100
    /// How long output may lie in the pipe then: at the flood limit of 4 MB/s a third of what it holds. An answer that a person waits
    /// for is later by no more than that.
    private static let readInterval: Duration = .milliseconds(80)
    /// What the pipe of a driver may hold, in bytes; where the system refuses, it keeps its 64 KB.
    private static let pipeBytes: Int32 = 524_288
    /// After a breach nothing more is read from the driver: nobody knows where its next message begins.
    private var isDeaf = false
    private var hasEnded = false
    private var isInputBreachTold = false
    private var errorSecond: Int64 = 0
    private var errorBytes = 0

    init(process: DriverProcess) {
        self.process = process
        limits = process.limits
        flood = FloodMeter(limits: process.limits)
        lines = LogLines(limits: process.limits)
    }

    func run() {
        guard let pid = spawn() else { return }
        while !(hasEnded && !output.isOpen) { turn(pid: pid) }
        logLines(drainErrors())
        reap(pid)
    }

    // MARK: - Start and end

    private func spawn() -> Int32? {
        do throws(SystemError) {
            var toDriver = try PipeEnds()
            var fromDriver = try PipeEnds()
            var itsLog = try PipeEnds()
            let pid = process.launch.spawn(
                stdin: toDriver.read.number, stdout: fromDriver.write.number, stderr: itsLog.write.number)
            guard pid > 0 else { throw SystemError(code: -pid) }
            toDriver.read.close()
            fromDriver.write.close()
            itsLog.write.close()
            swap(&input, &toDriver.write)
            swap(&output, &fromDriver.read)
            swap(&errors, &itsLog.read)
            candela_widen_pipe(output.number, Self.pipeBytes)
            for descriptor in [input.number, output.number, errors.number] { setNonBlocking(descriptor) }
            exit = OwnedDescriptor(candela_process_descriptor(pid))
            process.shared.withLock { shared in
                shared.pid = pid
                shared.input.lastTaken = .now
                if shared.isKillWanted { _ = Glibc.kill(-pid, SIGKILL) }
            }
            process.inbox.post(.spawned(pid, process: process.number))
            return pid
        } catch {
            process.inbox.post(
                .spawnFailed(
                    process.launch.explain(errno: error.code), isTransient: DriverLaunch.isTransient(errno: error.code),
                    process: process.number))
            return nil
        }
    }

    /// Kills what the driver left of its process group while its number is still its own, then reaps it.
    private func reap(_ pid: Int32) {
        var status: Int32 = 0
        process.shared.withLock { shared in
            _ = Glibc.kill(-pid, SIGKILL)
            while waitpid(pid, &status, 0) < 0, errno == EINTR {}
            shared.pid = 0
        }
        input.close()
        process.inbox.post(.exited(DriverExit(waitStatus: status), process: process.number))
    }

    // MARK: - One turn

    private func turn(pid: Int32) {
        if isPaused { takeMessages() }
        let now = BootInstant.now
        let isResting = now < nextRead && !hasEnded
        let waiting = process.shared.withLock { $0.input.bytes > 0 && !$0.input.isBroken }
        let mayReadErrors = errors.isOpen && isWithinErrorBudget(at: now)
        var polled = [
            pollfd(fd: process.wake.readEnd, events: Int16(POLLIN), revents: 0),
            pollfd(fd: isPaused || isResting ? -1 : output.number, events: Int16(POLLIN), revents: 0),
            pollfd(fd: mayReadErrors ? errors.number : -1, events: Int16(POLLIN), revents: 0),
            pollfd(fd: waiting ? input.number : -1, events: Int16(POLLOUT), revents: 0),
            pollfd(fd: hasEnded ? -1 : exit.number, events: Int16(POLLIN), revents: 0),
        ]
        var limit = pollTimeout(waiting: waiting, mayReadErrors: mayReadErrors)
        if isResting, !isPaused {
            // Rounded up: waking a moment too early would spin.
            let rest = Int32(nextRead.duration(since: now).wholeMilliseconds) + 1
            limit = limit < 0 ? rest : min(limit, rest)
        }
        let ready = poll(&polled, nfds_t(polled.count), limit)
        if ready > 0 {
            if polled[0].revents != 0 { process.wake.clear() }
            if polled[2].revents != 0 { logLines(readErrors()) }
            if polled[1].revents != 0 { readOutput() }
        }
        writeInput()
        if !hasEnded, candela_process_ended(pid) != 0 { ended(pid) }
        // The process has gone and its pipe is empty: what a grandchild may still hold open is not waited for.
        if hasEnded, !isPaused, output.isOpen { readOutput() }
    }

    private func pollTimeout(waiting: Bool, mayReadErrors: Bool) -> Int32 {
        if hasEnded && !isPaused { return 0 }
        // Without pidfd_open the end is looked for; input that waits has its deadline; a throttled log goes on in the next second.
        if !exit.isOpen || !output.isOpen { return 100 }
        if errors.isOpen && !mayReadErrors { return 250 }
        return waiting || process.shared.withLock({ $0.input.isBroken }) ? 500 : -1
    }

    private func ended(_ pid: Int32) {
        hasEnded = true
        // Whatever it started goes with it, so that the pipes come to their end.
        process.shared.withLock { _ in _ = Glibc.kill(-pid, SIGKILL) }
    }

    // MARK: - stdout

    private func readOutput() {
        guard output.isOpen, !isPaused else { return }
        let count = read(output.number, &chunk, chunk.count)
        if count > 0 {
            if isDeaf { return }
            frameTime = .now
            rest(at: frameTime)
            chunk.withUnsafeBytes { decoder.append(UnsafeRawBufferPointer(rebasing: $0[..<count])) }
            takeMessages()
        } else if count == 0 {
            output.close()
            if !hasEnded, !isDeaf, candela_process_ended(process.shared.withLock { $0.pid }) == 0 {
                closedWhileAlive()
            }
        } else if errno != EINTR {
            if errno != EAGAIN || hasEnded { output.close() }
        }
    }

    /// Sets when the pipe is looked at next: at once, unless the driver has much to say in this second or had in the last.
    private func rest(at now: BootInstant) {
        let second = now.nanoseconds / 1_000_000_000
        if second != messageSecond {
            lastMessages = second == messageSecond + 1 ? messages : 0
            (messageSecond, messages) = (second, 0)
        }
        if max(messages, lastMessages) > Self.messagesAtOnce { nextRead = now.advanced(by: Self.readInterval) }
    }

    /// The end of the pipe is often seen an instant before the end of the process: that is no breach.
    private func closedWhileAlive() {
        var exited = pollfd(fd: exit.number, events: Int16(POLLIN), revents: 0)
        let grace: Int32 = 1_000
        if exit.isOpen, poll(&exited, 1, grace) > 0 { return }
        breach(.outputClosed)
    }

    private func takeMessages() {
        isPaused = false
        do throws(DriverBreach) {
            defer { handOverBlocks() }
            while !isDeaf {
                if blocks.count >= Self.blocksTogether { handOverBlocks() }
                if process.inbox.isFull(onRoom: { [wake = process.wake] in wake.wake() }) {
                    isPaused = true
                    process.notePause(at: .now)
                    return
                }
                guard let frame = try nextFrame() else { return }
                messages += 1
                if let flooded = flood.count(bytes: frame.bytes, at: frameTime) { throw flooded }
                switch try frame.content.get() {
                case .samples(let block):
                    blocks.append(block)
                    blockBytes += frame.bytes
                case .other(let message):
                    // A message of a later minor version: not known here, not a fault.
                    guard message.message != nil else { continue }
                    handOverBlocks()
                    process.inbox.post(message: message, bytes: frame.bytes, process: process.number)
                }
            }
        } catch {
            breach(error)
        }
    }

    /// Samples reach the supervisor before whatever was sent after them.
    private func handOverBlocks() {
        guard !blocks.isEmpty else { return }
        process.inbox.post(samples: blocks, bytes: blockBytes, process: process.number)
        blocks = []
        blockBytes = 0
    }

    private enum Content {
        case samples(SampleBlock)
        case other(DriverFromDriver)
    }

    private func nextFrame() throws(DriverBreach) -> (content: Result<Content, DriverBreach>, bytes: Int)? {
        do throws(LengthDelimited.Failure) {
            return try decoder.next { bytes in (Self.content(of: bytes), bytes.count) }
        } catch {
            switch error {
            case .tooLong(let length, let limit): throw .tooLong(length: length, limit: limit)
            case .badLength: throw .garbage("no message length")
            }
        }
    }

    private static func content(of bytes: UnsafeRawBufferPointer) -> Result<Content, DriverBreach> {
        if let block = SampleBlock(plain: bytes, version: DriverProtocolLimits.version) {
            return .success(.samples(block))
        }
        guard let message = try? DriverFromDriver(serializedBytes: Array(bytes)) else {
            return .failure(.garbage("\(bytes.count) bytes that are no FromDriver: \(hex(bytes.prefix(16)))"))
        }
        guard message.version == DriverProtocolLimits.version else {
            if message.version == 0 {
                return .failure(.garbage("a message without a version: \(hex(bytes.prefix(16)))"))
            }
            return .failure(.wrongVersion(message.version))
        }
        guard case .samples(let samples)? = message.message else { return .success(.other(message)) }
        do throws(SampleColumnsError) {
            return .success(.samples(try SampleBlock(samples)))
        } catch {
            return .failure(.nonsense(error.description))
        }
    }

    private static func hex(_ bytes: some Sequence<UInt8>) -> String {
        bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined(separator: " ")
    }

    private func breach(_ breach: DriverBreach) {
        isDeaf = true
        decoder = LengthDelimited.Decoder(limit: DriverProtocolLimits.fromDriver)
        process.inbox.post(.breach(breach, process: process.number))
    }

    // MARK: - stdin

    private func writeInput() {
        guard input.isOpen else { return }
        let now = BootInstant.now
        let finding = process.shared.withLock { shared -> (close: Bool, breach: DriverBreach?) in
            write(&shared.input, at: now)
            let isDone = shared.input.isClosing && (shared.input.bytes == 0 || shared.input.isBroken)
            let silence = now.duration(since: shared.input.lastTaken)
            let isStuck = shared.input.bytes > 0 && silence >= limits.inputStall
            return (isDone, isStuck ? .inputStuck(waiting: shared.input.bytes, for: silence) : nil)
        }
        if finding.close { input.close() }
        if let breach = finding.breach, !isInputBreachTold, !hasEnded {
            isInputBreachTold = true
            self.breach(breach)
        }
    }

    private func write(_ queue: inout DriverProcess.Input, at now: BootInstant) {
        while let first = queue.chunks.first, !queue.isBroken {
            let count = first[queue.written...].withUnsafeBytes { Glibc.write(input.number, $0.baseAddress, $0.count) }
            guard count >= 0 else {
                if errno == EINTR { continue }
                // The driver closed its end. If it is not about to exit, it will be met as one that does not read.
                if errno != EAGAIN { queue.isBroken = true }
                return
            }
            queue.lastTaken = now
            queue.bytes -= count
            queue.written += count
            if queue.written == first.count {
                queue.chunks.removeFirst()
                queue.written = 0
            }
        }
    }

    // MARK: - stderr

    private func isWithinErrorBudget(at now: BootInstant) -> Bool {
        let second = now.nanoseconds / 1_000_000_000
        if second != errorSecond { (errorSecond, errorBytes) = (second, 0) }
        return errorBytes < limits.logBytesPerSecond
    }

    private func readErrors() -> [String] {
        let count = read(errors.number, &chunk, chunk.count)
        if count > 0 {
            errorBytes += count
            return lines.append(chunk[..<count], at: .now)
        }
        if count == 0 || (errno != EAGAIN && errno != EINTR) { errors.close() }
        return []
    }

    /// What is left in the pipe when the process has ended: at most one pipe full.
    private func drainErrors() -> [String] {
        var rest: [String] = []
        var budget = 4
        while errors.isOpen, budget > 0 {
            budget -= 1
            var waiting = pollfd(fd: errors.number, events: Int16(POLLIN), revents: 0)
            guard poll(&waiting, 1, 0) > 0 else { break }
            rest += readErrors()
        }
        return rest + lines.end(at: .now)
    }

    private func logLines(_ texts: [String]) {
        for text in texts { process.log.notice("\(text)", metadata: ["bus": "\(process.launch.bus)"]) }
    }
}
