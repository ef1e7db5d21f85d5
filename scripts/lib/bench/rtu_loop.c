// The plainest master there is: libmodbus in a loop, three reads of 20 registers from each unit, without a pause.
//   rtu_loop PORT BAUD FIRST LAST TIMEOUT_MS SECONDS
#include <errno.h>
#include <modbus.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>

int main(int count, char **words) {
    if (count < 7) return 2;
    modbus_t *bus = modbus_new_rtu(words[1], atoi(words[2]), 'N', 8, 1);
    int milliseconds = atoi(words[5]);
    if (!bus || modbus_connect(bus) != 0) return 1;
    modbus_set_response_timeout(bus, milliseconds / 1000, milliseconds % 1000 * 1000);
    time_t end = time(NULL) + atoi(words[6]);
    static const int places[3] = {0, 1000, 2000};
    while (time(NULL) < end)
        for (int unit = atoi(words[3]); unit <= atoi(words[4]) && time(NULL) < end; unit++)
            for (int place = 0; place < 3; place++) {
                uint16_t values[20];
                modbus_set_slave(bus, unit);
                modbus_read_input_registers(bus, places[place], 20, values);
            }
    modbus_close(bus);
    modbus_free(bus);
    return 0;
}
