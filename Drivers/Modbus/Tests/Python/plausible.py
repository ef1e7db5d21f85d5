"""Numbers that a meter of the field might show."""

# By the first word of the quantity that fits.
PLAUSIBLE = [
    ("power_factor", "0.98"), ("voltage_angle", "120.5"), ("phase_angle", "12.5"), ("voltage_thd", "2.25"),
    ("current_thd", "3.25"), ("thd", "2.75"), ("voltage_unbalance", "0.75"), ("current_unbalance", "1.25"),
    ("voltage_peak", "325.5"), ("supply_voltage", "3.5"), ("voltage", "231.4"), ("current_peak", "9.5"),
    ("current", "5.25"), ("frequency", "50.02"), ("active_power", "1093.5"), ("reactive_power", "310.5"),
    ("apparent_power", "1140.5"), ("active_energy", "18234.5"), ("reactive_energy", "2034.25"),
    ("apparent_energy", "19034.75"), ("charge", "812.5"), ("heat_energy", "45321.5"), ("cooling_energy", "321.5"),
    ("heat_power", "7.5"), ("cooling_power", "1500"), ("water_volume", "4321.5"), ("water_flow", "1.25"),
    ("water_pressure", "0.5"), ("water_temperature", "12.25"), ("flow_temperature", "61.25"),
    ("return_temperature", "41.5"), ("temperature_difference", "19.75"), ("temperature", "33.5"),
    ("gas_volume", "18765.4321"), ("gas_flow", "2.5"), ("gas_pressure", "1.0625"), ("gas_temperature", "11.5"),
    ("gas_conversion_factor", "1.03125"), ("device_temperature", "31.5"), ("operating_time", "12345"),
    ("pulse_counter", "987654"), ("ct_ratio", "40"), ("vt_ratio", "1"), ("battery", "87"), ("signal_quality", "75"),
    ("speed_of_sound", "1482.5"), ("velocity", "1.5"), ("nominal_frequency", "50"), ("setpoint", "0.5"),
    ("relative_position", "0.25"),
]
