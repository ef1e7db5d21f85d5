import ArgumentParser
import ControlProtocol
import Glibc
import Telemetry

struct TopCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "top",
        abstract: "Live: what flows from the field through drivers and outbox to the broker. q ends it.",
        discussion: """
            What is not well stands first in each list. Where standard output is no terminal, one plain frame follows the \
            other; with --json one snapshot per line.
            """)
    @OptionGroup var options: SharedOptions
    @Option(help: "Time between two frames: 500ms, 2s; the daemon sends no faster than every 200ms.")
    var interval = SpanArgument(seconds: 1)
    @Option(help: "End after so many seconds.") var seconds: UInt32?
    @Flag(help: "One frame, then end.") var once = false

    /// Without a frame for this long beyond the interval, the daemon hangs.
    private static let patience: Duration = .seconds(30)
    /// How often keys and signals are looked at: a person feels a tenth of a second as at once.
    private static let glance: Duration = .milliseconds(100)

    func run() async throws {
        var client = try Daemon.connect(options)
        var request = ControlRequest()
        request.watch.intervalMs = UInt64(max(1, interval.duration.wholeMilliseconds))
        do {
            try client.send(request)
        } catch {
            throw Daemon.failure(error)
        }
        let isLive = Output.isTerminal && !once && !options.json
        var screen = TopScreen(isLive: isLive, style: Output.hasColour && isLive)
        screen.enter()
        defer { screen.leave() }
        try follow(&client, &screen)
    }

    private func follow(_ client: inout ControlClient, _ screen: inout TopScreen) throws {
        let end = seconds.map { ContinuousClock.now.advanced(by: .seconds(Int64($0))) }
        var latest = ContinuousClock.now.advanced(by: interval.duration + Self.patience)
        var rate = DeliveryRate()
        while !screen.wantsToEnd {
            if let end, ContinuousClock.now >= end { return }
            let reply: ControlReply?
            do {
                reply = try client.receive(within: Self.glance)
            } catch {
                throw Daemon.failure(error)
            }
            guard let reply else {
                guard ContinuousClock.now < latest else {
                    throw CommandFailure(ExitStatus.failed, "the daemon sends no more", hint: "look at its log")
                }
                continue
            }
            if case .failure(let failed)? = reply.message {
                throw CommandFailure(.init(Int32(failed.exitStatus)), failed.message, hint: failed.hint)
            }
            guard case .snapshot(let snapshot)? = reply.message else { continue }
            latest = ContinuousClock.now.advanced(by: interval.duration + Self.patience)
            if options.json {
                Output.print(ControlJSON.snapshot(snapshot))
            } else {
                let delivered = rate.note(snapshot, at: .now)
                screen.draw { TopView.frame(snapshot, deliveredPerSecond: delivered, width: $0, height: $1) }
            }
            if once { return }
        }
    }
}

/// Readings that uplinks acknowledge per second, from one snapshot to the next.
struct DeliveryRate {
    private var last: (count: UInt64, at: ContinuousClock.Instant)?

    mutating func note(_ snapshot: ControlSnapshot, at now: ContinuousClock.Instant) -> Double? {
        let count = snapshot.status.uplinks.reduce(0) { $0 &+ $1.acknowledgedReadings }
        defer { last = (count, now) }
        guard let last, count >= last.count else { return nil }
        let span = last.at.duration(to: now).inSeconds
        return span > 0 ? Double(count - last.count) / span : nil
    }
}
