import Telemetry
import Testing

@testable import Runtime

struct AlarmBookTests {
    let now = BootInstant(nanoseconds: 1_000)

    @Test func `raising and clearing carry one id, and repeating either says nothing`() throws {
        var book = AlarmBook()
        let first = book.raise("bus:meters", kind: EventKind.busDown, detail: ["bus": "meters"], at: now)
        let raised = try #require(first)
        #expect(raised.active == true)
        let second = book.raise("bus:meters", kind: EventKind.busDown, detail: ["bus": "meters"], at: now)
        #expect(second == nil)
        #expect(book.list.map(\.event.id) == ["bus:meters"])
        let ended = book.clear("bus:meters", at: now)
        let cleared = try #require(ended)
        #expect(cleared.active == false)
        #expect(cleared.id == raised.id)
        #expect(cleared.kind == raised.kind)
        let again = book.clear("bus:meters", at: now)
        #expect(again == nil)
        #expect(book.list.isEmpty)
    }
}
