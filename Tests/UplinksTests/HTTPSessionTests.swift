import Telemetry
import Testing

@testable import Uplinks

struct HTTPSessionTests {
    private typealias Session = HTTPSession

    private func at(_ seconds: Double) -> BootInstant { BootInstant(nanoseconds: Int64(seconds * 1e9)) }

    private func session(window: Int = 2) -> HTTPSession {
        HTTPSession(timing: HTTPTiming(), window: window, seed: 7, now: at(0))
    }

    private func connected(window: Int = 2) -> HTTPSession {
        var session = session(window: window)
        #expect(session.handle(.tick, at: at(0)) == [.probe])
        _ = session.handle(.documentSent(.state), at: at(0))
        let actions = session.handle(.answered(.document(.state), HTTPAnswer(status: 204)), at: at(0))
        #expect(actions == [.report(.connected(sessionPresent: false, version: "HTTP"))])
        return session
    }

    private func wait(_ actions: [HTTPSession.Action]) -> Duration? {
        for case .report(.disconnected(_, let wait)) in actions { return wait }
        return nil
    }

    @Test(arguments: [
        (200, HTTPAnswer.Verdict.accepted), (201, .accepted), (202, .accepted), (204, .accepted), (299, .accepted),
        (408, .later), (409, .later), (425, .later), (429, .later), (500, .later), (502, .later), (503, .later),
        (504, .later), (599, .later), (301, .refused), (308, .refused), (400, .refused), (401, .refused),
        (403, .refused), (404, .refused), (413, .refused), (415, .refused), (422, .refused), (0, .refused),
    ])
    func `a status is taken for what its class says`(status: Int, verdict: HTTPAnswer.Verdict) {
        #expect(HTTPAnswer(status: status).verdict == verdict)
    }

    @Test func `nothing is accepted before the server has answered, and then as much as the window holds`() throws {
        var session = session()
        #expect(throws: PublishRefusal.notConnected) {
            try session.accept(token: 1, content: "readings", bytes: 10, at: at(0))
        }
        session = connected()
        try session.accept(token: 1, content: "readings", bytes: 10, at: at(0))
        try session.accept(token: 2, content: "events", bytes: 10, at: at(0))
        #expect(throws: PublishRefusal.windowFull) {
            try session.accept(token: 3, content: "events", bytes: 10, at: at(0))
        }
        #expect(throws: PublishRefusal.tooLarge) {
            try session.accept(token: 3, content: "events", bytes: UplinkLimits.messageBytes + 1, at: at(0))
        }
        #expect(
            session.handle(.answered(.message(token: 1), HTTPAnswer(status: 200)), at: at(1)) == [
                .report(.acknowledged(token: 1))
            ])
        try session.accept(token: 3, content: "events", bytes: 10, at: at(1))
    }

    @Test func `a server that refuses the state document is a server that is there`() {
        var session = session()
        _ = session.handle(.tick, at: at(0))
        let actions = session.handle(.answered(.document(.state), HTTPAnswer(status: 404)), at: at(0))
        #expect(actions.first == .report(.connected(sessionPresent: false, version: "HTTP")))
        #expect(actions.count == 2)
    }

    @Test func `a busy server gets everything back again, not before it asked to, and waits double`() throws {
        var session = connected()
        try session.accept(token: 1, content: "readings", bytes: 10, at: at(0))
        try session.accept(token: 2, content: "events", bytes: 10, at: at(0))
        let actions = session.handle(
            .answered(.message(token: 1), HTTPAnswer(status: 503, retryAfter: .seconds(120))), at: at(1))
        #expect(actions.first == .cancel)
        #expect(actions.contains(.report(.unacknowledged(token: 1, reason: "503 Service Unavailable"))))
        #expect(actions.contains(.report(.unacknowledged(token: 2, reason: "503 Service Unavailable"))))
        let asked = try #require(wait(actions))
        #expect(asked >= .seconds(120) && asked <= .seconds(150))
        #expect(session.handle(.tick, at: at(120)) == [])
        #expect(session.handle(.tick, at: at(152)) == [.probe])
        var longest = Duration.zero
        for step in 0..<12 {
            let now = at(200 + Double(step) * 100)
            let failed = session.handle(.failed(.document(.state), "refused"), at: now)
            let own = try #require(wait(failed))
            #expect(own >= .seconds(1) && own <= .seconds(60))
            longest = max(longest, own)
            _ = session.handle(.tick, at: now.advanced(by: .seconds(90)))
        }
        #expect(longest > .seconds(40))
    }

    @Test func `a wait that a server asks for is bounded`() throws {
        var session = connected()
        try session.accept(token: 1, content: "readings", bytes: 10, at: at(0))
        let wish = HTTPAnswer(status: 429, retryAfter: .seconds(1 << 31))
        let asked = try #require(wait(session.handle(.answered(.message(token: 1), wish), at: at(1))))
        #expect(asked >= .seconds(86_400) && asked <= .seconds(110_000))
    }

    @Test func `what is refused rests for minutes, raises one condition, and is offered again`() throws {
        var session = connected()
        try session.accept(token: 1, content: "readings", bytes: 10, at: at(0))
        try session.accept(token: 2, content: "readings", bytes: 10, at: at(0))
        let answer = HTTPAnswer(status: 422, detail: "unknown gateway")
        let first = session.handle(.answered(.message(token: 1), answer), at: at(1))
        guard case .report(.refused(1, let reason, let rest))? = first.first else {
            Issue.record("\(first)")
            return
        }
        #expect(reason == "422 Unprocessable Content: unknown gateway")
        #expect(rest >= .seconds(225) && rest <= .seconds(375))
        #expect(first.contains { if case .report(.condition(.messagesRefused, true, _)) = $0 { true } else { false } })
        #expect(session.handle(.answered(.message(token: 2), answer), at: at(2)).count == 1)
        #expect(throws: PublishRefusal.self) { try session.accept(token: 3, content: "readings", bytes: 1, at: at(3)) }
        try session.accept(token: 4, content: "events", bytes: 1, at: at(3))
        _ = session.handle(.answered(.message(token: 4), HTTPAnswer(status: 200)), at: at(4))
        #expect(session.handle(.tick, at: at(400)).contains(.report(.ready)))
        try session.accept(token: 5, content: "readings", bytes: 1, at: at(400))
        let last = session.handle(.answered(.message(token: 5), HTTPAnswer(status: 200)), at: at(401))
        #expect(last.contains { if case .report(.condition(.messagesRefused, false, _)) = $0 { true } else { false } })
    }

    @Test func `a stop waits for what is on its way and for the last state, but not for ever`() throws {
        var session = connected()
        try session.accept(token: 1, content: "readings", bytes: 10, at: at(0))
        #expect(session.handle(.stop(owesState: true), at: at(1)) == [])
        #expect(session.handle(.answered(.message(token: 1), HTTPAnswer(status: 200)), at: at(2)).count == 1)
        _ = session.handle(.documentSent(.state), at: at(2))
        #expect(session.phase != .stopped)
        #expect(session.handle(.answered(.document(.state), HTTPAnswer(status: 200)), at: at(3)) == [.cancel])
        #expect(session.phase == .stopped)
        var silent = connected()
        _ = silent.handle(.stop(owesState: true), at: at(1))
        #expect(silent.handle(.tick, at: at(7)) == [.cancel])
        var idle = connected()
        #expect(idle.handle(.stop(owesState: false), at: at(1)) == [.cancel])
    }

    @Test(
        arguments: [
            ("120", nil, 120), (" 0 ", nil, 0), ("-5", nil, nil), ("soon", nil, nil),
            ("Sat, 21 Nov 2026 16:01:40 GMT", "Sat, 21 Nov 2026 16:00:00 GMT", 100),
            ("Sat, 21 Nov 2026 15:00:00 GMT", "Sat, 21 Nov 2026 16:00:00 GMT", 0),
            ("Sat, 21 Nov 2026 16:01:40 GMT", nil, nil),
        ] as [(String, String?, Int?)])
    func `Retry-After is seconds or a date by the server's own clock`(text: String, date: String?, seconds: Int?) {
        // The moments of this table and nothing else.
        let moments: [String: String] = [
            "Sat, 21 Nov 2026 16:01:40 GMT": "2026-11-21T16:01:40Z",
            "Sat, 21 Nov 2026 16:00:00 GMT": "2026-11-21T16:00:00Z",
            "Sat, 21 Nov 2026 15:00:00 GMT": "2026-11-21T15:00:00Z",
        ]
        let wait = HTTPAnswer.wait(retryAfter: text, date: date, now: nil) { moments[$0].flatMap { UTCInstant($0) } }
        #expect(wait == seconds.map { .seconds($0) })
    }
}
