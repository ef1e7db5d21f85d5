import DriverKit
import ModbusDriver

DriverMain.run(ModbusDriver.self)
