import Testing

@testable import Runtime

@Suite struct `Who sent which command` {
    @Test func `results go back to the uplink that brought the command`() {
        let senders = CommandSenders()
        senders.remember("a-1", uplink: "operator")
        #expect(senders.uplink(of: "a-1") == "operator")
        #expect(senders.uplink(of: "a-2") == nil)
    }

    @Test func `nobody gets the results of another by using its id again`() {
        let senders = CommandSenders()
        senders.remember("a-1", uplink: "operator")
        senders.remember("a-1", uplink: "utility")
        #expect(senders.uplink(of: "a-1") == "operator")
    }

    @Test func `the oldest are forgotten, the newest are not`() {
        let senders = CommandSenders()
        for number in 0...CommandSenders.most { senders.remember("id-\(number)", uplink: "operator") }
        #expect(senders.uplink(of: "id-0") == nil)
        #expect(senders.uplink(of: "id-\(CommandSenders.most)") == "operator")
    }
}
