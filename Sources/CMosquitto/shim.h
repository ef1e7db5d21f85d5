#pragma once
#include <mosquitto.h>
// Since libmosquitto 2.1 mosquitto.h brings the protocol's constants; the old name only warns, and warnings are errors here.
#if __has_include(<mosquitto/mqtt_protocol.h>)
#include <mosquitto/mqtt_protocol.h>
#else
#include <mqtt_protocol.h>
#endif
