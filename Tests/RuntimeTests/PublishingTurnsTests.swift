import Testing
import Uplinks

@testable import Runtime

@Suite struct PublishingTurnsTests {
    @Test func `who asks while a document is made has it made once more, by one`() {
        var turns = PublishingTurns()
        let first = turns.begin(.state)
        let others = [turns.begin(.state), turns.begin(.state)]
        #expect(first && others == [false, false])
        let another = turns.begin(.alarms)
        #expect(another, "another document does not wait")
        let again = [turns.isAskedAgain(.state), turns.isAskedAgain(.state)]
        #expect(again == [true, false])
        let next = turns.begin(.state)
        #expect(next, "the turn was over")
    }
}
