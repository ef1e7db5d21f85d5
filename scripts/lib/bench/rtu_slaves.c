// Modbus RTU slaves on a pseudo-terminal with the timing of a real line, independent of everything else here.
//
//   rtu_slaves BAUD FIRST LAST [DEAD...]
//
// Units FIRST to LAST answer functions 3 and 4 with registers that hold their own address; DEAD ones among them say nothing.
// The terminal's path is the first line of output. At the end of standard input one line of JSON says what was seen on the wire.
//
// A pseudo-terminal moves bytes in no time, so the line is computed: a request occupies it for its length from the moment it
// arrives, the slave needs 3.5 characters of silence to see that it ended, and the answer leaves byte by byte, each when its last
// bit would be through. A request that begins less than 3.5 characters after the last byte on the line is a violation. 10 bits per character.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

// The kernel wakes a sleeper late by about this much; the rest is spent awake.
#define WAKE_UP 60000LL
#define WARM_UP 3000000000LL

static int64_t now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000LL + t.tv_nsec;
}

static void until(int64_t moment) {
    int64_t left = moment - now() - WAKE_UP;
    if (left > 0) {
        struct timespec t = {.tv_sec = left / 1000000000LL, .tv_nsec = left % 1000000000LL};
        nanosleep(&t, NULL);
    }
    while (now() < moment) {}
}

static uint16_t check(const uint8_t *bytes, int count) {
    uint16_t value = 0xFFFF;
    for (int i = 0; i < count; i++) {
        value ^= bytes[i];
        for (int bit = 0; bit < 8; bit++) value = value & 1 ? (value >> 1) ^ 0xA001 : value >> 1;
    }
    return value;
}

int main(int count, char **words) {
    if (count < 4) return 2;
    int64_t baud = atoll(words[1]);
    int first = atoi(words[2]), last = atoi(words[3]);
    bool dead[256] = {false};
    for (int i = 4; i < count; i++) dead[atoi(words[i]) & 255] = true;
    int64_t character = 10LL * 1000000000LL / baud;
    int64_t silence = baud > 19200 ? 1750000 : character * 7 / 2;
    prctl(PR_SET_TIMERSLACK, 1, 0, 0, 0);

    int master, slave;
    char name[128];
    if (openpty(&master, &slave, name, NULL, NULL) != 0) return 1;
    struct termios raw;
    tcgetattr(slave, &raw);
    cfmakeraw(&raw);
    tcsetattr(slave, TCSANOW, &raw);
    fcntl(master, F_SETFL, O_NONBLOCK);
    puts(name);
    fflush(stdout);

    uint8_t frame[512];
    int have = 0;
    int64_t line_end = 0, began = 0, measured_end = 0, worst_gap = INT64_MAX, gap_sum = 0;
    long requests = 0, answers = 0, registers = 0, violations = 0, broken = 0, gaps = 0, to_dead = 0;
    int64_t dead_time = 0, dead_since = 0;
    while (true) {
        // While a request would be too early it is looked for without sleeping, so that its moment is known to the microsecond.
        bool watch = now() < line_end + silence + 200000;
        struct pollfd waits[2] = {{.fd = master, .events = POLLIN}, {.fd = 0, .events = POLLIN}};
        int ready = poll(waits, 2, watch ? 0 : have ? 5 : 1000);
        if (ready > 0 && waits[1].revents) {
            char byte;
            if (read(0, &byte, 1) <= 0) break;
        }
        if (ready <= 0 || !(waits[0].revents & POLLIN)) {
            if (have && !watch && now() > line_end + silence) {
                broken++;
                have = 0;
            }
            continue;
        }
        int64_t arrival = now();
        int got = read(master, frame + have, sizeof frame - have);
        if (got <= 0) continue;
        if (have == 0) {
            if (dead_since) dead_time += arrival - dead_since;
            dead_since = 0;
            if (!began && arrival > 0) began = arrival + WARM_UP;
            if (arrival >= began && line_end) {
                int64_t gap = arrival - line_end;
                if (gap < worst_gap) worst_gap = gap;
                if (gap < silence) violations++;
                if (gap < silence * 10) gap_sum += gap, gaps++;
            }
            line_end = arrival > line_end ? arrival : line_end;
        }
        line_end += got * character;
        have += got;
        if (have < 8) continue;
        uint16_t sum = check(frame, have - 2);
        if (have != 8 || frame[6] != (sum & 255) || frame[7] != sum >> 8) {
            if (have > 8) broken++, have = 0;
            continue;
        }
        have = 0;
        bool counts = arrival >= began;
        if (counts) requests++;
        int unit = frame[0], function = frame[1], address = frame[2] << 8 | frame[3], wanted = frame[4] << 8 | frame[5];
        if (unit < first || unit > last || dead[unit] || (function != 3 && function != 4) || wanted < 1 || wanted > 125) {
            if (counts) to_dead++;
            dead_since = counts ? arrival : 0;
            continue;
        }
        uint8_t answer[260] = {unit, function, wanted * 2};
        for (int i = 0; i < wanted; i++) answer[3 + 2 * i] = (address + i) >> 8, answer[4 + 2 * i] = address + i;
        int length = 3 + 2 * wanted;
        sum = check(answer, length);
        answer[length++] = sum & 255;
        answer[length++] = sum >> 8;
        int64_t start = line_end + silence;
        for (int i = 0; i < length; i++) {
            until(start + (i + 1) * character);
            if (i == length - 1) line_end = now();
            if (write(master, answer + i, 1) != 1) break;
        }
        if (counts) answers++, registers += wanted, measured_end = line_end + silence;
    }
    double seconds = measured_end > began && began ? (measured_end - began) / 1e9 : 0;
    printf("{\"seconds\": %.3f, \"requests\": %ld, \"answers\": %ld, \"registers\": %ld, \"violations\": %ld, \"broken\": %ld, "
           "\"to_dead\": %ld, \"dead_seconds\": %.3f, \"shortest_gap_us\": %.1f, \"mean_gap_us\": %.1f, \"silence_us\": %.1f}\n",
           seconds, requests, answers, registers, violations, broken, to_dead, dead_time / 1e9,
           worst_gap == INT64_MAX ? 0 : worst_gap / 1e3, gaps ? gap_sum / 1e3 / gaps : 0, silence / 1e3);
    return 0;
}
