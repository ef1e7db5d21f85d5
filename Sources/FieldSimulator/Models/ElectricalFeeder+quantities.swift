import Glibc

extension ElectricalFeeder {
    public func quantities() -> [String: Double] {
        var values: [String: Double] = [:]
        values.reserveCapacity(120)
        for (index, phase) in phases.enumerated() {
            let name = "L\(index + 1)"
            values["voltage.\(name)"] = phase.voltage
            values["current.\(name)"] = phase.current
            values["active_power.\(name)"] = phase.active
            values["reactive_power.\(name)"] = phase.reactive
            values["apparent_power.\(name)"] = phase.apparent
            values["power_factor.\(name)"] = phase.powerFactor
            values["phase_angle.\(name)"] = acos(min(1, phase.powerFactor)) * 180 / .pi
            values["voltage_thd.\(name)"] = 1.8 + 0.1 * Double(index)
            values["current_thd.\(name)"] = 6.5 + 0.2 * Double(index)
            values["current_demand.\(name)"] = phase.current
            values["current_demand_max.\(name)"] = phase.largestCurrentDemand
            values["active_energy_import.\(name)"] = phase.activeEnergy
            values["active_energy_export.\(name)"] = phase.activeExport
            values["active_energy_net.\(name)"] = phase.activeEnergy - phase.activeExport
            values["active_energy_total.\(name)"] = phase.activeEnergy + phase.activeExport
            values["reactive_energy_import.\(name)"] = phase.reactiveEnergy
            values["reactive_energy_export.\(name)"] = phase.reactiveExport
            values["reactive_energy_net.\(name)"] = phase.reactiveEnergy - phase.reactiveExport
            values["reactive_energy_total.\(name)"] = phase.reactiveEnergy + phase.reactiveExport
            values["apparent_energy.\(name)"] = phase.apparentEnergy
            values["quadrant.\(name)"] = 1
        }
        totals(into: &values)
        lines(into: &values)
        return values
    }

    private func totals(into values: inout [String: Double]) {
        let active = total(\.active)
        let apparent = total(\.apparent)
        let factor = apparent > 0 ? active / apparent : 0
        let energy = total(\.activeEnergy)
        let exported = total(\.activeExport)
        let reactive = total(\.reactiveEnergy)
        let reactiveExported = total(\.reactiveExport)
        values["active_power"] = active
        values["active_power_import"] = max(0, active)
        values["active_power_export"] = max(0, -active)
        values["reactive_power"] = total(\.reactive)
        values["apparent_power"] = apparent
        values["power_factor"] = factor
        values["phase_angle"] = acos(min(1, factor)) * 180 / .pi
        values["frequency"] = frequency
        values["quadrant"] = 1
        values["active_energy_import"] = energy
        values["active_energy_export"] = exported
        values["active_energy_net"] = energy - exported
        values["active_energy_total"] = energy + exported
        values["reactive_energy_import"] = reactive
        values["reactive_energy_export"] = reactiveExported
        values["reactive_energy_net"] = reactive - reactiveExported
        values["reactive_energy_total"] = reactive + reactiveExported
        values["apparent_energy"] = total(\.apparentEnergy)
        values["active_power_demand"] = demand
        values["active_power_demand_max"] = largestDemand
        values["active_power_import_demand"] = demand
        values["active_power_import_demand_max"] = largestDemand
        values["active_power_export_demand"] = 0
        values["active_power_export_demand_max"] = 0
        values["apparent_power_demand"] = factor > 0 ? demand / factor : 0
        values["apparent_power_demand_max"] = factor > 0 ? largestDemand / factor : 0
        values["running_time"] = runningHours
        if phases.count == 1 {
            values["current_demand"] = phases[0].current
            values["current_demand_max"] = phases[0].largestCurrentDemand
        }
    }

    /// What exists only between phases or as an average over them.
    private func lines(into values: inout [String: Double]) {
        guard phases.count == 3 else { return }
        func line(_ a: Int, _ b: Int) -> Double {
            // Two phasors 120 degrees apart.
            let (u, v) = (phases[a].voltage, phases[b].voltage)
            return (u * u + v * v + u * v).squareRoot()
        }
        values["voltage.L1-L2"] = line(0, 1)
        values["voltage.L2-L3"] = line(1, 2)
        values["voltage.L3-L2"] = line(1, 2)
        values["voltage.L3-L1"] = line(2, 0)
        values["voltage.L1-L3"] = line(2, 0)
        values["voltage.avg-LN"] = total(\.voltage) / 3
        values["voltage.avg-LL"] = (line(0, 1) + line(1, 2) + line(2, 0)) / 3
        values["current.avg"] = total(\.current) / 3
        values["current.sum"] = total(\.current)
        let (a, b, c) = (phases[0].current, phases[1].current, phases[2].current)
        values["current.N"] = max(0, a * a + b * b + c * c - a * b - b * c - c * a).squareRoot()
        values["voltage_thd.avg-LN"] = 1.9
        values["current_thd.avg"] = 6.7
    }
}
