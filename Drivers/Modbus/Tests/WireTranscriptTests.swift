import Telemetry
import TestSupport
import Testing

@testable import ModbusDriver

/// What was on a line once, in hexadecimal, and what it must come to. A capture from the field becomes a test by writing it down:
/// `>>` what we sent, `<< +MS` what came so many milliseconds later, `*` where the right check goes (of what stands since the last `*` or `|`), `==` what is expected.
private struct Transcript {
    struct Problem: Error, CustomStringConvertible { let description: String }

    var settings = SerialSettings()
    var timeout: Duration = .milliseconds(500)
    var echo = RTUReceiver.Echo.possible
    var request: [UInt8] = []
    var pieces: [(after: Duration, bytes: [UInt8])] = []
    var expected: [[Substring]] = []

    init(_ text: String) throws {
        for line in text.split(separator: "\n") where !line.hasPrefix("#") {
            let words = line.split(separator: " ")
            switch words[0] {
            case "line":
                settings.baud = Int(words[1]) ?? 0
                settings.parity = words[2].dropFirst().first == "E" ? .even : .none
                timeout = .milliseconds(Int(words[4]) ?? 0)
            case "echo": echo = words[1] == "yes" ? .expected : .absent
            case ">>": request = try Self.bytes(words.dropFirst())
            case "<<":
                var rest = words.dropFirst()
                var count = 1
                if rest.first == "repeat" {
                    count = Int(rest.dropFirst().first ?? "") ?? 0
                    rest = rest.dropFirst(2)
                }
                guard let after = rest.first.flatMap({ Int($0.dropFirst()) }) else {
                    throw Problem(description: "no time in \(line)")
                }
                let bytes = try Self.bytes(rest.dropFirst())
                for _ in 0..<count { pieces.append((.milliseconds(after), bytes)) }
            case "==": expected.append(Array(words.dropFirst()))
            default: throw Problem(description: "cannot read \(line)")
            }
        }
    }

    private static func bytes(_ words: some Collection<Substring>) throws -> [UInt8] {
        try words.flatMap { word -> [UInt8] in
            if word == "*" || word == "|" { return [] }
            guard let byte = UInt8(word, radix: 16) else { throw Problem(description: "\(word) is no byte") }
            return [byte]
        }
    }

    static func pieces(_ text: String) throws -> [[UInt8]] {
        var open: [UInt8] = []
        return try text.split(separator: "\n").filter { $0.hasPrefix("<<") && !$0.contains("repeat") }.map { line in
            var piece: [UInt8] = []
            for word in line.split(separator: " ").dropFirst(2) {
                if word == "*" {
                    piece += RTUFrame.checked(open).suffix(2)
                    open = []
                } else if word == "|" {
                    open = []
                } else if let byte = UInt8(word, radix: 16) {
                    open.append(byte)
                    piece.append(byte)
                } else {
                    throw Problem(description: "\(word) is no byte")
                }
            }
            return piece
        }
    }
}

private let folder = Project.root + "/Drivers/Modbus/Tests/Transcripts"

@Suite struct `Transcripts of a serial line` {
    @Test(arguments: TestFiles.names(in: folder))
    func `each comes to what it says`(_ name: String) throws {
        let text = try #require(TestFiles.text("\(folder)/\(name)/transcript.txt"))
        var transcript = try Transcript(text)
        if !text.contains("repeat") {
            for (index, bytes) in try Transcript.pieces(text).enumerated() { transcript.pieces[index].bytes = bytes }
        }
        let request = try #require(ModbusRequest(bytes: Array(transcript.request.dropFirst())))
        let start = BootInstant(nanoseconds: 1_000_000_000_000)
        var receiver = RTUReceiver(
            unit: transcript.request[0], request: request, sent: RTUFrame.checked(transcript.request),
            deadline: start.advanced(by: transcript.timeout), byteTimeout: SerialLink.byteTimeout,
            quiet: SerialLink.shortestQuiet, echo: transcript.echo)
        var now = start
        var pieces = transcript.pieces[...]
        var next = pieces.first.map { now.advanced(by: $0.after) }
        var result: RTUReceiver.Result?
        while result == nil {
            switch receiver.step(at: now) {
            case .done(let done): result = done
            case .wait(let until, let missing):
                #expect(missing >= 1)
                if let due = next, due <= until, let piece = pieces.popFirst() {
                    now = due
                    receiver.take(piece.bytes, at: now)
                    next = pieces.first.map { now.advanced(by: $0.after) }
                } else {
                    // A wait that leads nowhere would go on for ever.
                    try #require(until > now)
                    now = until
                }
            }
        }
        for expectation in transcript.expected {
            check(expectation, try #require(result), receiver, request, now.duration(since: start), start)
        }
        #expect(!transcript.expected.isEmpty)
        if !transcript.expected.contains(where: { $0[0] == "strays" }), !text.contains("repeat") {
            #expect(receiver.strays.isEmpty)
        }
    }

    private func check(
        _ expectation: [Substring], _ result: RTUReceiver.Result, _ receiver: RTUReceiver, _ request: ModbusRequest,
        _ took: Duration, _ start: BootInstant
    ) {
        let rest = expectation.dropFirst()
        switch expectation[0] {
        case "strays":
            let count =
                switch rest.first {
                case "late": receiver.strays.late
                case "foreign": receiver.strays.foreign
                case "echoes": receiver.strays.echoes
                default: receiver.strays.noise
                }
            #expect("\(count)" == rest.dropFirst().first ?? "")
        case "latency":
            #expect("\(receiver.firstByte?.duration(since: start).wholeMilliseconds ?? -1)" == rest.first ?? "")
        case "silence":
            #expect(result == .silence)
            #expect("\(took.wholeMilliseconds)" == rest.dropFirst().first ?? "")
        case "broken":
            guard case .broken(let what, _) = result else {
                Issue.record("\(result) instead of broken")
                return
            }
            #expect(what == rest.joined(separator: " "))
        default:
            guard case .frame(let frame) = result,
                let answer = try? ModbusAnswer(Array(frame.dropFirst().dropLast(2)), to: request)
            else {
                Issue.record("\(result) is no answer")
                return
            }
            #expect(words(answer) == expectation.joined(separator: " "))
        }
    }

    private func words(_ answer: ModbusAnswer) -> String {
        switch answer {
        case .words(let words): (["words"] + words.map { String(hex($0).dropFirst(2)) }).joined(separator: " ")
        case .exception(let exception): "exception \(exception.code)"
        case .serverIdentifier(let bytes): "identifier \(hex(bytes))"
        case .identification(let identification): "identification \(identification.words)"
        case .custom: "custom"
        case .written: "written"
        case .bits(let bits): "bits \(bits)"
        }
    }
}
