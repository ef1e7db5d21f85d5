// DALIDriver.
