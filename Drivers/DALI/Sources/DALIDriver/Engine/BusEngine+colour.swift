internal import DriverProtocol
internal import Telemetry

extension BusEngine {
    /// An order of a colour temperature. The latest for a lamp counts.
    func submitColour(
        _ command: DriverCommand, to position: Int, completion: @escaping (DriverCommandDone) -> Void
    ) {
        let run: ColourCommand
        do throws(LampOrder.Refusal) {
            run = try ColourCommand(command, gear: gear[position], at: world.now())
        } catch {
            completion(.rejected(error.reason))
            return
        }
        jobs.removeAll { job in
            guard job.position == position, case .colour(let earlier, _) = job.work else { return false }
            job.complete(
                gear[position],
                reason: earlier.isSent
                    ? "sent, but a later colour for this lamp came before it was read back"
                    : "a later colour for this lamp took its place; nothing was sent")
            return true
        }
        jobs.append(Job(position: position, work: .colour(run, completion)))
    }
}
