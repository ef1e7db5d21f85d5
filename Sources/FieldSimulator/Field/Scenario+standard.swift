extension Scenario {
    /// The field that `candela-sim` shows without a scenario file; the same text as docs/examples/simulated-field.json.
    public static let standardText = """
        {
          "seed": 1,
          "ports": [
            {
              "name": "rs485-1", "kind": "modbus", "baud": 9600, "parity": "even",
              "devices": [
                {"name": "feeder-a", "product": "eastron-sdm630", "address": 1, "size": 2500, "follows": "lamps"},
                {"name": "pump", "product": "eastron-sdm120", "address": 2, "size": 900},
                {"name": "station", "product": "janitza-umg96rm", "address": 3, "size": 45000},
                {"name": "school", "product": "abb-b23", "address": 4, "size": 12000},
                {"name": "heat", "product": "kamstrup-multical-hc003", "address": 5, "size": 1.6}
              ]
            },
            {
              "name": "rs485-2", "kind": "modbus", "baud": 9600, "parity": "even",
              "devices": [
                {"name": "water", "product": "bove-ultrasonic-water", "address": 1, "size": 1.2},
                {"name": "cabinet", "product": "cabinet-io", "address": 2}
              ]
            },
            {
              "name": "rs232-1", "kind": "luba", "baud": 38400, "bus": "lamps",
              "gear": [{"name": "lamp", "address": 0, "count": 8, "rated_power": 42, "groups": [0]}]
            }
          ],
          "servers": [
            {
              "name": "tcp-1", "listen": "127.0.0.1:0",
              "devices": [
                {"name": "tcp-feeder", "product": "eastron-sdm630", "address": 1},
                {"name": "tcp-station", "product": "janitza-umg96rm", "address": 2}
              ]
            }
          ]
        }

        """
}
