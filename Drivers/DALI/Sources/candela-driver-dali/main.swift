import DALIDriver
import DriverKit

DriverMain.run(DALIDriver.self)
