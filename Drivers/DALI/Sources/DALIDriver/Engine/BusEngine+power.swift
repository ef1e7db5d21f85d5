internal import DriverKit
internal import DriverProtocol
internal import Telemetry

/// Gear that shares a switch and has no mains now.
struct DarkFeeder {
    let positions: [Int]
    /// Which of them is asked next whether they are back.
    var probe = 0

    var probed: Int { positions[probe] }
}

extension BusEngine {
    /// The runtime says which gear has mains.
    func setPowered(_ message: DriverSetPowered) {
        let now = world.now()
        let named = Set(message.devices)
        let positions = gear.indices.filter { named.contains(gear[$0].index) }
        if message.powered {
            regainPower(positions, at: now)
        } else {
            losePower(positions.filter { !gear[$0].isUnpowered }, at: now)
        }
    }

    /// Each point is bad once, nobody is blamed, and one of them is asked from time to time.
    private func losePower(_ positions: [Int], at now: BootInstant) {
        guard !positions.isEmpty else { return }
        for position in positions {
            gear[position].losePower()
            unpowered.insert(gear[position].index)
            probes[position] = nil
            if polling?.position == position { polling = nil }
            if upkeep?.position == position { upkeep = nil }
            scheduler.hold(position)
            returning.remove(position)
            let samples = gear[position].samples(bad: .notPowered, at: now)
            if !samples.isEmpty { outlet.samples(device: gear[position].index, samples) }
            reportState(position, at: now)
        }
        darkFeeders.append(DarkFeeder(positions: positions.filter { scheduler.contains($0) }))
        if darkFeeders.last?.positions.isEmpty == true { darkFeeders.removeLast() }
        probeDark(at: now)
    }

    func regainPower(_ positions: [Int], at now: BootInstant) {
        for position in positions where gear[position].isUnpowered {
            gear[position].regainPower()
            unpowered.remove(gear[position].index)
            probes[position] = nil
            if scheduler.contains(position) {
                scheduler.release(position, due: now)
                returning.insert(position)
            }
            reportState(position, at: now)
        }
        darkFeeders.removeAll { feeder in !feeder.positions.contains { gear[$0].isUnpowered } }
    }

    /// One of each feeder is due at the next probe.
    func probeDark(at now: BootInstant) {
        for feeder in darkFeeders {
            scheduler.release(feeder.probed, due: now.advanced(by: Self.darkProbe))
        }
    }

    /// A gear without mains was asked.
    ///
    /// - Returns: false when it was none.
    func finishProbe(of position: Int, at now: BootInstant) -> Bool {
        guard gear[position].isUnpowered else { return false }
        guard let place = darkFeeders.firstIndex(where: { $0.positions.contains(position) }) else { return false }
        if gear[position].lastAnswer == now || gear[position].condition != .unknown {
            // It answers: the feeder is on, whatever its meter says.
            regainPower(darkFeeders[place].positions, at: now)
            return true
        }
        // The next one is asked next time: this one may be broken.
        scheduler.hold(position)
        darkFeeders[place].probe = (darkFeeders[place].probe + 1) % darkFeeders[place].positions.count
        scheduler.release(darkFeeders[place].probed, due: now.advanced(by: Self.darkProbe))
        return true
    }

    /// An offline gear answered. Where many are silent their feeder has probably come on: all are asked now, not each at its probe.
    func askTheOthers(at now: BootInstant) {
        guard lastCall.map({ now.duration(since: $0) >= Self.callPause }) ?? true else { return }
        let silent = gear.indices.filter { gear[$0].isOffline && !gear[$0].isUnpowered && scheduler.contains($0) }
        guard !silent.isEmpty else { return }
        lastCall = now
        for position in silent {
            scheduler.release(position, due: now)
            returning.insert(position)
        }
    }
}
