/// How a control gear differs from what the standard asks, or which fault it or its lamp has. They add up; a test or a person
/// can give and take them while the field runs.
public enum GearPersonality: String, Sendable, Hashable, CaseIterable {
    /// Made to IEC 62386-102:2009: version 1, bank 0 ends at 0E, none of the commands that came with edition 2.
    case dali1
    /// RANDOMISE leaves its random address as it is.
    case keepsRandom = "keeps-random"
    /// The first random address it draws is the one that every gear with this personality draws first.
    case duplicateRandom = "duplicate-random"
    /// VERIFY SHORT ADDRESS stays without an answer.
    case noVerify = "no-verify"
    /// QUERY RANDOM ADDRESS H, M, L stay without an answer.
    case noRandomQuery = "no-random-query"
    /// Hears nothing for 300 ms after RESET.
    case deafAfterReset = "deaf-after-reset"
    /// Answers begin at the very end of the allowed time.
    case slowAnswers = "slow-answers"
    /// Answers begin after every master has given up.
    case lateAnswers = "late-answers"
    /// Neither an answer nor a reaction: the gear is dead or its wire is off.
    case silent
    /// The lamp's circuit is open.
    case lampOpen = "lamp-open"
    /// The lamp's circuit is shorted.
    case lampShort = "lamp-short"
    /// The gear itself reports a failure; the lamp burns.
    case gearFailure = "gear-failure"
    /// So warm that it gives less light than it was told.
    case derating
    /// The lamp goes out and comes back by itself, every ten minutes.
    case cycling
    /// The lamp goes out and comes back by itself, every few seconds.
    case flickering
    /// On is full light, and it says so.
    case ignoresDimming = "ignores-dimming"
    /// On is full light, and it says it dims.
    case concealsDimming = "conceals-dimming"
    /// OFF and level 0 do nothing.
    case ignoresOff = "ignores-off"
    /// It says that the lamp is out, and the lamp burns: a welded contact.
    case concealsBurning = "conceals-burning"
    /// Most of its LEDs are dark, and it does not notice.
    case partlyDark = "partly-dark"
    /// Somebody put a stronger light source into the luminaire.
    case strongerLamp = "stronger-lamp"
    /// From mains to light it takes two to three seconds instead of less than one.
    case slowStart = "slow-start"
}
