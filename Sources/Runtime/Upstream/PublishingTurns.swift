import Uplinks

/// Who makes a retained document now. Its facts are gathered over several waits: were two at it at once, the one that asked first
/// could be the last to set it, and what is long over would stand at the broker until the next change.
struct PublishingTurns {
    private var running: Set<RetainedDocument> = []
    private var asked: Set<RetainedDocument> = []

    /// - Returns: whether the caller is to make it. Otherwise whoever is at it makes it once more.
    mutating func begin(_ document: RetainedDocument) -> Bool {
        if running.insert(document).inserted { return true }
        asked.insert(document)
        return false
    }

    /// After it was made: whether somebody asked meanwhile. If not, the turn is over.
    mutating func isAskedAgain(_ document: RetainedDocument) -> Bool {
        if asked.remove(document) != nil { return true }
        running.remove(document)
        return false
    }
}
