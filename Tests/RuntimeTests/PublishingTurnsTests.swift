import Testing

@testable import Runtime

@Suite struct PublishingTurnsTests {
    @Test func `who asks while a document is made has it made once more, by one`() {
        var turns = PublishingTurns()
        #expect(turns.begin(.state))
        #expect(!turns.begin(.state) && !turns.begin(.state))
        #expect(turns.begin(.alarms), "another document does not wait")
        #expect(turns.isAskedAgain(.state))
        #expect(!turns.isAskedAgain(.state))
        #expect(turns.begin(.state), "the turn was over")
    }
}
