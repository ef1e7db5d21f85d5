// ModbusDriver.
