/// What comes of a course of registers: the table of docs/counters.md.
extension CounterRuleTests {
    static let rows: [Row] = [
        Row(
            testDescription: "advance within the rating",
            steps: [Step(0, "4711.5"), Step(10, "4711.6"), Step(20, "4711.6"), Step(60, "4712.1")],
            course: ["good 1", "good 1", "good 1", "good 1"], energy: "0.6"),
        Row(
            testDescription: "a spike of 53 MW.h, once",
            steps: [Step(0, "4711.5"), Step(10, "57711.5"), Step(20, "4711.6")],
            course: ["good 1", "implausible 1", "good 1"],
            tale: ["counter_implausible 4711.5 > 57711.5 epoch 1"], energy: "0.1"),
        Row(
            testDescription: "a new level that stays, without a serial number",
            steps: [
                Step(0, "4711.5"), Step(10, "57711.5"), Step(20, "57711.5"), Step(30, "57711.6"), Step(40, "57711.7"),
                Step(50, "57711.9"),
            ],
            course: ["good 1", "implausible 1", "implausible 1", "discontinuity 2", "good 2", "good 2"],
            tale: [
                "counter_implausible 4711.5 > 57711.5 epoch 1", "counter_discontinuity 4711.5 > 57711.6 epoch 2",
            ], energy: "0.2"),
        Row(
            testDescription: "damaged values that do not agree are never believed",
            steps: [
                Step(0, "4711.5"), Step(10, "57711.5"), Step(20, "9711.5"), Step(30, "80000"), Step(40, "33000"),
                Step(50, "4711.6"),
            ],
            course: ["good 1", "implausible 1", "implausible 1", "implausible 1", "implausible 1", "good 1"],
            tale: ["counter_implausible 4711.5 > 57711.5 epoch 1"], energy: "0.1"),
        Row(
            testDescription: "a zero, once",
            steps: [Step(0, "4711.5", "A"), Step(10, "0", "A"), Step(20, "4711.6", "A")],
            course: ["good 1", "implausible 1", "good 1"],
            tale: ["counter_implausible 4711.5 > 0 epoch 1"], energy: "0.1"),
        Row(
            testDescription: "a zero, once, without a rating",
            isRated: false,
            steps: [Step(0, "4711.5"), Step(10, "0"), Step(20, "4711.6")],
            course: ["good 1", "implausible 1", "good 1"],
            tale: ["counter_implausible 4711.5 > 0 epoch 1"], energy: "0.1"),
        Row(
            testDescription: "zeros for half a minute, without a rating: the way back is no consumption",
            isRated: false,
            steps: [
                Step(0, "4711.5"), Step(10, "0"), Step(20, "0"), Step(30, "0"), Step(40, "4711.6"), Step(50, "4711.6"),
                Step(60, "4711.7"), Step(70, "4711.9"),
            ],
            course: [
                "good 1", "implausible 1", "implausible 1", "discontinuity 2", "implausible 2", "implausible 2",
                "discontinuity 3", "good 3",
            ],
            tale: [
                "counter_implausible 4711.5 > 0 epoch 1", "counter_discontinuity 4711.5 > 0 epoch 2",
                "counter_implausible 0 > 4711.6 epoch 2", "counter_discontinuity 0 > 4711.7 epoch 3",
            ], energy: "0"),
        Row(
            testDescription: "reset of the same meter",
            steps: [
                Step(0, "4711.5", "A"), Step(10, "0.3", "A"), Step(20, "0.4", "A"), Step(30, "0.5", "A"),
            ],
            course: ["good 1", "counterReset 1", "good 2", "good 2"],
            tale: ["counter_reset 4711.5 > 0.4 epoch 2"], energy: "0.1"),
        Row(
            testDescription: "reset to zero, and the load goes on",
            steps: [
                Step(0, "4711.5", "A"), Step(10, "0", "A"), Step(20, "0.1", "A"), Step(30, "0.2", "A"),
            ],
            course: ["good 1", "implausible 1", "good 2", "good 2"],
            tale: ["counter_implausible 4711.5 > 0 epoch 1", "counter_reset 4711.5 > 0.1 epoch 2"], energy: "0.1"),
        Row(
            testDescription: "a dip of the same meter, once",
            steps: [Step(0, "4711.5", "A"), Step(10, "4700", "A"), Step(20, "4711.6", "A")],
            course: ["good 1", "counterReset 1", "good 1"],
            tale: ["counter_implausible 4711.5 > 4700 epoch 1"], energy: "0.1"),
        Row(
            testDescription: "step back without a serial number",
            steps: [
                Step(0, "4711.5"), Step(10, "0.3"), Step(20, "0.4"), Step(30, "0.5"), Step(40, "0.6"), Step(50, "0.8"),
            ],
            course: ["good 1", "discontinuity 1", "discontinuity 1", "discontinuity 2", "good 2", "good 2"],
            tale: ["counter_discontinuity 4711.5 > 0.5 epoch 2"], energy: "0.2"),
        Row(
            testDescription: "exchange, the serial number read with the register",
            steps: [Step(0, "4711.5", "A"), Step(10, "12.3", "B"), Step(20, "12.4", "B")],
            course: ["good 1", "good 2", "good 2"],
            tale: ["meter_exchanged 4711.5 > 12.3 epoch 2"], energy: "0.1"),
        Row(
            testDescription: "exchange for a meter that stands higher",
            steps: [Step(0, "4711.5", "A"), Step(10, "4711.6", "B"), Step(20, "4711.7", "B")],
            course: ["good 1", "good 2", "good 2"],
            tale: ["meter_exchanged 4711.5 > 4711.6 epoch 2"], energy: "0.1"),
        Row(
            testDescription: "reset, the serial number read in a request of its own",
            steps: [
                Step(0, "4711.5"), Step(0.1, serial: "A"), Step(0.5, "0.3"), Step(0.6, serial: "A"), Step(1, "0.3"),
                Step(1.5, "0.4"),
            ],
            course: ["good 1", "discontinuity 1", "good 2", "good 2"],
            tale: ["counter_reset 4711.5 > 0.3 epoch 2"], energy: "0.1"),
        Row(
            testDescription: "exchange within the second in which the old serial number was read",
            steps: [
                Step(0, "4711.5"), Step(0.1, serial: "A"), Step(0.5, "12.3"), Step(0.6, serial: "B"), Step(1, "12.3"),
                Step(1.5, "12.4"),
            ],
            course: ["good 1", "discontinuity 1", "good 2", "good 2"],
            tale: ["meter_exchanged 4711.5 > 12.3 epoch 2"], energy: "0.1"),
        Row(
            testDescription: "exchange, and the new serial number is read before the first register",
            steps: [
                Step(0, "4711.5"), Step(0.1, serial: "A"), Step(0.4, serial: "B"), Step(0.5, "12.3"),
                Step(1, "12.4"),
            ],
            course: ["good 1", "good 2", "good 2"],
            tale: ["meter_exchanged 4711.5 > 12.3 epoch 2"], energy: "0.1"),
        Row(
            testDescription: "exchange for a meter at zero, within the second of the old serial number",
            steps: [
                Step(0, "4711.5"), Step(0.1, serial: "A"), Step(0.5, "0"), Step(0.6, serial: "B"), Step(1, "0"),
                Step(1.5, "0"), Step(2, "0.1"),
            ],
            course: ["good 1", "implausible 1", "implausible 1", "good 2", "good 2"],
            tale: ["counter_implausible 4711.5 > 0 epoch 1", "meter_exchanged 4711.5 > 0 epoch 2"], energy: "0.1"),
        Row(
            testDescription: "a step back, and the serial number cannot be read any more",
            steps: [Step(0, "4711.5"), Step(0.1, serial: "A")]
                + (1...7).map { Step(10 * Double($0), "12.\($0)") },
            course: ["good 1"] + Array(repeating: "discontinuity 1", count: 5) + ["discontinuity 2", "good 2"],
            tale: ["counter_discontinuity 4711.5 > 12.6 epoch 2"], energy: "0"),
        Row(
            testDescription: "a serial number from before a silence says nothing of what came after it",
            steps: [
                Step(0, "4711.5"), Step(0.1, serial: "A"), Step(600, "4713.5"), Step(600.1, serial: "B"),
                Step(610, "4713.6"), Step(620, "4713.7"),
            ],
            course: ["good 1", "discontinuity 1", "good 2", "good 2"],
            tale: ["meter_exchanged 4711.5 > 4713.6 epoch 2"], energy: "0.1"),
        Row(
            testDescription: "exchange, the serial number read later",
            steps: [
                Step(0, "4711.5", "A"), Step(10, "12.3"), Step(20, "12.4", "B"), Step(30, "12.5", "B"),
            ],
            course: ["good 1", "discontinuity 1", "good 2", "good 2"],
            tale: ["meter_exchanged 4711.5 > 12.4 epoch 2"], energy: "0.1"),
        Row(
            testDescription: "exchange for a meter that starts up with a zero",
            steps: [
                Step(0, "4711.5", "A"), Step(10, "0", "B"), Step(20, "812.5", "B"), Step(30, "812.6", "B"),
            ],
            course: ["good 1", "implausible 1", "good 2", "good 2"],
            tale: ["meter_exchanged 4711.5 > 812.5 epoch 2"], energy: "0.1"),
        Row(
            testDescription: "a device that starts answers zeros for its serial number too",
            steps: [
                Step(0, "4711.5", "A"), Step(10, "0", "0000"), Step(20, "4711.6", "A"),
            ],
            course: ["good 1", "implausible 1", "good 1"],
            tale: ["counter_implausible 4711.5 > 0 epoch 1"], energy: "0.1"),
        Row(
            testDescription: "rollover that agrees with rating and time",
            steps: [Step(0, "99999.9", "A"), Step(10, "0.1", "A"), Step(20, "0.2", "A")],
            course: ["good 1", "good 2", "good 2"],
            tale: ["counter_rollover 99999.9 > 0.1 epoch 2"], energy: "0.1"),
        Row(
            testDescription: "rollover without a serial number",
            steps: [Step(0, "99999.9"), Step(10, "0.1"), Step(20, "0.2")],
            course: ["good 1", "good 2", "good 2"],
            tale: ["counter_rollover 99999.9 > 0.1 epoch 2"], energy: "0.1"),
        Row(
            testDescription: "never a rollover when the rating does not allow the rest",
            steps: [
                Step(0, "90000"), Step(10, "0.1"), Step(20, "0.2"), Step(30, "0.3"),
            ],
            course: ["good 1", "discontinuity 1", "discontinuity 1", "discontinuity 2"],
            tale: ["counter_discontinuity 90000 > 0.3 epoch 2"], energy: "0"),
        Row(
            testDescription: "never a rollover without a rating",
            isRated: false,
            steps: [
                Step(0, "99999.9", "A"), Step(10, "0.1", "A"), Step(20, "0.2", "A"), Step(30, "0.3", "A"),
            ],
            course: ["good 1", "counterReset 1", "good 2", "good 2"],
            tale: ["counter_reset 99999.9 > 0.2 epoch 2"], energy: "0.1"),
        Row(
            testDescription: "after a silence the serial number comes first",
            steps: [
                Step(0, "4711.5", "A"), Step(600, "4713.5"), Step(601, "4713.5", "A"), Step(610, "4713.6"),
            ],
            course: ["good 1", "discontinuity 1", "good 1", "good 1"], energy: "2.1"),
        Row(
            testDescription: "after a silence another meter that stands a little higher",
            steps: [
                Step(0, "4711.5", "A"), Step(600, "4713.5"), Step(601, "4713.5", "B"), Step(610, "4713.6"),
            ],
            course: ["good 1", "discontinuity 1", "good 2", "good 2"],
            tale: ["meter_exchanged 4711.5 > 4713.5 epoch 2"], energy: "0.1"),
        Row(
            testDescription: "after a silence a device that does not give its serial number any more",
            steps: [
                Step(0, "4711.5", "A"), Step(600, "4713.5"), Step(610, "4713.6"), Step(620, "4713.7"),
                Step(630, "4713.8"),
            ],
            course: ["good 1", "discontinuity 1", "discontinuity 1", "discontinuity 1", "good 1"], energy: "2.3"),
        Row(
            testDescription: "a long silence allows what the rating allows in it",
            steps: [Step(0, "4711.5"), Step(36_000, "5211.5"), Step(36_010, "9211.5"), Step(36_020, "5211.6")],
            course: ["good 1", "good 1", "implausible 1", "good 1"],
            tale: ["counter_implausible 5211.5 > 9211.5 epoch 1"], energy: "500.1"),
        Row(
            testDescription: "a register that is renewed only every half hour",
            steps: [
                Step(0, "4711.5"), Step(600, "4711.5"), Step(1_200, "4711.5"), Step(1_800, "4731.5"),
                Step(1_810, "4731.5"),
            ],
            course: ["good 1", "good 1", "good 1", "good 1", "good 1"], energy: "20"),
        Row(
            testDescription: "a zero before anything else",
            isRated: false,
            steps: [Step(0, "0"), Step(10, "4711.5"), Step(20, "4711.6")],
            course: ["implausible 1", "good 1", "good 1"], energy: "0.1"),
        Row(
            testDescription: "a new meter that has counted nothing",
            steps: [Step(0, "0"), Step(10, "0"), Step(20, "0"), Step(30, "0.1")],
            course: ["implausible 1", "implausible 1", "good 1", "good 1"], energy: "0.1"),
    ]
}
