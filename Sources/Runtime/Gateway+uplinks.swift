import Configuration
import Logging
import Outbox
import Telemetry
import Uplinks

/// The way upstream: uplinks are made, known to the outbox, and listened to.
extension Gateway {
    static func assemble(
        _ configuration: GatewayConfiguration, _ outbox: Outbox, _ events: EventDesk, _ publisher: Publisher,
        _ clock: GatewayClock, _ senders: CommandSenders, _ stateDirectory: String, _ log: Logger
    ) -> [AssembledUplink] {
        let will = Publisher.will(gateway: configuration.id, boot: clock.boot)
        return configuration.uplinks.compactMap { uplink in
            do {
                let settings = try UplinkAssembly.settings(
                    of: uplink, gateway: configuration.id, will: will, stateDirectory: stateDirectory)
                guard let kind = UplinkFactory.kind(named: settings.type),
                    let encoding = UplinkFactory.encoding(named: uplink.encoding.rawValue)
                else { return nil }
                let selection = UplinkAssembly.selection(of: uplink, in: configuration)
                let made = try kind.make(settings, log) { clock.utc(clock.now())?.time }
                let pump = UplinkPump(
                    uplink: made, encoding: encoding, outbox: outbox, events: events, log: log,
                    makeContext: {
                        EncodingContext(
                            gateway: configuration.id, devicesRevision: await publisher.revision, devices: selection,
                            isOwnCommand: { senders.uplink(of: $0) == uplink.name }
                        ) { instant, boot in
                            guard let (time, quality) = clock.utc(instant, boot: boot) else {
                                return ResolvedTime(utc: nil, quality: .unsynchronised)
                            }
                            return ResolvedTime(utc: time, quality: quality)
                        }
                    })
                return AssembledUplink(configuration: uplink, uplink: made, pump: pump, selection: selection)
            } catch {
                log.error("\(uplink.position): uplink \(uplink.name) is left out: \(error)")
                return nil
            }
        }
    }

    func register(_ uplink: String) async {
        do {
            try await storage.outbox.register(uplink: uplink)
        } catch {
            log.error("uplink \(uplink) has no cursor and gets nothing: \(error)")
        }
    }

    func takeCommands(of uplink: AssembledUplink) async {
        for await delivery in uplink.uplink.commands {
            switch delivery {
            case .command(let delivered):
                senders.remember(delivered.command.id, uplink: delivered.uplink)
                await router.accept(
                    delivered.command,
                    from: .uplink(
                        delivered.uplink, permission: uplink.configuration.commands, visible: uplink.selection,
                        brokerExpiry: delivered.brokerExpiry))
            case .rejected(let rejection):
                log.warning("uplink \(uplink.configuration.name): \(rejection)")
                if let id = rejection.id { senders.remember(id, uplink: uplink.configuration.name) }
                if let result = rejection.result(finished: clock.now()) {
                    await storage.outbox.append(results: [result])
                }
            }
        }
    }
}
