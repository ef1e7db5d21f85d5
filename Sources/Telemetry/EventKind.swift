/// Every kind of event there is. docs/events.md says what each means; a test keeps the two alike.
public enum EventKind {
    /// The daemon began: what was committed last, what comes first now, and in which boot.
    public static let restart = "restart"
    /// A new stream began, and why.
    public static let stream = "stream"
    /// Readings that policy removed before they were acknowledged.
    public static let gap = "gap"
    /// A stored batch failed its check and was set aside.
    public static let batchDamaged = "batch_damaged"
    /// The clock became trusted, or lost trust.
    public static let clock = "clock"
    /// The file cannot be used as it stands.
    public static let configuration = "configuration"
    /// A device's description changed.
    public static let devices = "devices"
    /// A device goes by another name now.
    public static let renamed = "renamed"
    /// A write was ordered, by whom, and what came of it.
    public static let command = "command"
    /// A person at the gateway read a household's values.
    public static let householdRead = "household_read"
    /// A command cut off by a restart.
    public static let commandInterrupted = "command_interrupted"
    /// A device does not answer.
    public static let deviceOffline = "device_offline"
    /// A bus cannot be used: its port is gone or its driver does not run.
    public static let busDown = "bus_down"
    /// A driver's process ended or was ended.
    public static let driverRestart = "driver_restart"
    /// The broker takes messages that nobody receives.
    public static let noSubscriber = "no_subscriber"
    /// Another client uses this gateway's session.
    public static let sessionTakenOver = "session_taken_over"
    /// The broker refused a message for good.
    public static let messageRefused = "message_refused"
    /// The outbox cannot write to its disk.
    public static let storage = "storage"
    /// Lamps stand in the configuration and are not controlled.
    public static let lampsNotControlled = "lamps_not_controlled"
    /// A lamp was put under an override, or the override ended.
    public static let override = "override"
    /// Somebody works on the installation: commands and schedules are kept from it, or no longer.
    public static let lock = "lock"
    /// The lamps' supply is being dropped, because nobody can rule the lamps.
    public static let lampWatchdog = "lamp_watchdog"
    /// The gear reports a failed lamp.
    public static let lampFailure = "lamp_failure"
    /// The control gear reports a failure of its own.
    public static let gearFailure = "gear_failure"
    /// The DALI bus has no power.
    public static let daliBusDown = "dali_bus_down"
    /// A counter began again although the meter is the same.
    public static let counterReset = "counter_reset"
    /// Another meter answers, or a person said so.
    public static let meterExchanged = "meter_exchanged"
    /// A counter passed the end of its register.
    public static let counterRollover = "counter_rollover"
    /// What turns a register into the value was changed: a ratio, a pulse value, an inversion, the unit.
    public static let counterBasisChanged = "counter_basis_changed"
    /// A register that cannot be true; the counter goes on as before.
    public static let counterImplausible = "counter_implausible"
    /// A counter stands at another level and nobody knows why.
    public static let counterDiscontinuity = "counter_discontinuity"
    /// Windows that cannot begin before the clock is trusted.
    public static let windowsWaiting = "windows_waiting"
    /// Periods of a window that are so many that they are told here instead of one by one.
    public static let windowsMissing = "windows_missing"
    /// A device refuses a register that its profile names, or takes fewer at once.
    public static let registerRefused = "register_refused"
    /// A device says of itself that it is not the product of its profile.
    public static let wrongDevice = "wrong_device"
    /// A configured setup value was written, because the device had something else.
    public static let setupWritten = "setup_written"
    /// A lamp's control gear does not answer although it has mains and its bus works.
    public static let communicationFailure = "communication_failure"
    /// A lamp burns although it is ordered off.
    public static let dayBurner = "day_burner"
    /// A lamp goes out and comes back by itself.
    public static let cycling = "cycling"
    /// A lamp does not stand at its ordered level.
    public static let dimmingFailure = "dimming_failure"
    /// A lamp that meters itself draws less than its level explains.
    public static let lampPowerLow = "lamp_power_low"
    /// A lamp that meters itself draws more than its level explains.
    public static let lampPowerHigh = "lamp_power_high"
    /// Mains of lamps were lost and came back.
    public static let supplyLoss = "supply_loss"
    /// A feeder has no supply while its lamps should have it.
    public static let feederDead = "feeder_dead"
    /// A feeder carries less than the lamps on it should draw.
    public static let feederLoadLow = "feeder_load_low"
    /// A feeder carries more than the lamps on it explain.
    public static let feederLoadHigh = "feeder_load_high"
    /// A feeder has supply although its contactor is off.
    public static let contactorStuckOn = "contactor_stuck_on"
    /// A feeder has no supply although its contactor is on.
    public static let contactorStuckOff = "contactor_stuck_off"
    /// What a control gear does without the gateway, as read from it.
    public static let gearSettings = "gear_settings"
    /// A control gear keeps something else than the configuration wants.
    public static let gearSettingRefused = "gear_setting_refused"
    /// Another control gear than the expected one answers at a lamp's address.
    public static let identityChanged = "identity_changed"
    /// Another controller sends levels on a lamp bus.
    public static let otherController = "other_controller"
    /// Something the driver's author had to say.
    public static let driver = "driver"

    /// Those that a driver may tell; anything else it says arrives as ``driver``.
    public static let fromDrivers: Set<String> = [
        lampFailure, gearFailure, daliBusDown, deviceOffline, busDown, registerRefused, wrongDevice, setupWritten,
        gearSettings, gearSettingRefused, identityChanged, otherController,
    ]
}
