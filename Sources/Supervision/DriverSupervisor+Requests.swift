public import DriverProtocol

/// What can be asked of a running driver. Every call returns: at the latest a moment after its limit, and at once when the driver
/// stops or is not running.
extension DriverSupervisor {
    /// Reads points ahead of polling. `request` and `deadlineBootNs` are filled in (a nearer deadline given is kept).
    public func query(_ query: DriverQuery, within limit: Duration = .seconds(10)) async -> DriverQueryDone {
        let answer = await ask(within: limit, notAfter: query.deadlineBootNs) { request, deadline in
            var message = query
            message.request = request
            message.deadlineBootNs = deadline
            return .query(message)
        }
        var failed = DriverQueryDone()
        failed.failure = "the driver of bus '\(bus)' answered a query with something else"
        switch answer {
        case .query(let done): return done
        case .failed(let reason): failed.failure = reason
        case .command, .statistics: break
        }
        return failed
    }

    /// Changes something in the field. `request` and `deadlineBootNs` are filled in (a nearer deadline given is kept).
    ///
    /// - Returns: what the driver says; `failed` when it cannot say any more, and then it may still have been carried out.
    public func command(_ command: DriverCommand, within limit: Duration = .seconds(10)) async -> DriverCommandDone {
        let answer = await ask(within: limit, notAfter: command.deadlineBootNs) { request, deadline in
            var message = command
            message.request = request
            message.deadlineBootNs = deadline
            return .command(message)
        }
        var failed = DriverCommandDone()
        failed.outcome = .failed
        failed.reason = "the driver of bus '\(bus)' answered a command with something else"
        switch answer {
        case .command(let done): return done
        case .failed(let reason): failed.reason = reason
        case .query, .statistics: break
        }
        return failed
    }

    /// Sums since the last call; nil when the driver does not answer.
    public func statistics(within limit: Duration = .seconds(2)) async -> DriverStatistics? {
        let answer = await ask(within: limit, notAfter: 0) { request, _ in
            var message = DriverStatisticsRequest()
            message.request = request
            return .statisticsRequest(message)
        }
        if case .statistics(let sums) = answer { return sums }
        return nil
    }
}
