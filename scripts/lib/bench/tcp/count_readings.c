// Subscribes to everything a gateway sends and counts: readings, bytes, numbers that are missing or came twice, how old a message's
// oldest reading is when it arrives, and polls that were lost: of each point the seconds between two good readings, by their own time.
//
//   count_readings PORT TOPIC [INTERVAL]   one line of figures a second on stdout; INTERVAL: of the polls, in seconds (1)
#include <mosquitto.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { SLOTS = 1 << 14 };
static struct { char name[72]; uint64_t last; } known[SLOTS];
enum { POINT_SLOTS = 1 << 17 };
static struct { uint64_t key; double last; } points[POINT_SLOTS];
static double interval = 1, widest;
static uint64_t lost;

// Of a point, when its good reading before this one was taken; 0: never.
static double *taken_last(const char *name, size_t length) {
    uint64_t key = 14695981039346656037ull;
    for (size_t index = 0; index < length; index++) key = (key ^ (unsigned char)name[index]) * 1099511628211ull;
    uint64_t slot = key;
    for (;; slot++) {
        if (points[slot % POINT_SLOTS].key == 0) points[slot % POINT_SLOTS].key = key;
        if (points[slot % POINT_SLOTS].key == key) return &points[slot % POINT_SLOTS].last;
    }
}

// A poll is lost when the next reading comes later than one and a half intervals after the one before.
static void note_poll(const char *name, size_t length, double taken) {
    double *last = taken_last(name, length);
    if (*last > 0) {
        double gap = taken - *last;
        if (gap > widest) widest = gap;
        if (gap > 1.5 * interval) lost += (uint64_t)(gap / interval + 0.5) - 1;
    }
    *last = taken;
}

static uint64_t readings, messages, bytes, missing, repeated, not_good;
static double oldest;

static uint64_t *last_of(const char *name, size_t length) {
    uint32_t hash = 2166136261u;
    for (size_t index = 0; index < length; index++) hash = (hash ^ (unsigned char)name[index]) * 16777619u;
    for (;; hash++) {
        char *slot = known[hash % SLOTS].name;
        if (slot[0] == 0) memcpy(slot, name, length < 71 ? length : 71);
        if (strncmp(slot, name, length) == 0 && slot[length] == 0) return &known[hash % SLOTS].last;
    }
}

// Seconds since 1970 of a reading's time; 0 when it is none. By hand: there are forty thousand a second.
static double seconds_of(const char *text, const char *limit) {
    static char day[10];
    static double day_begin;
    if (limit - text < 24 || text[10] != 'T' || text[19] != '.') return 0;
    if (memcmp(day, text, 10) != 0) {
        struct tm parts = {0};
        if (sscanf(text, "%d-%d-%d", &parts.tm_year, &parts.tm_mon, &parts.tm_mday) != 3) return 0;
        parts.tm_year -= 1900;
        parts.tm_mon -= 1;
        day_begin = (double)timegm(&parts);
        memcpy(day, text, 10);
    }
#define DIGIT(place) (text[place] - '0')
    return day_begin + (DIGIT(11) * 10 + DIGIT(12)) * 3600 + (DIGIT(14) * 10 + DIGIT(15)) * 60 + DIGIT(17) * 10 + DIGIT(18)
        + DIGIT(20) / 10.0 + DIGIT(21) / 100.0 + DIGIT(22) / 1000.0;
}

static double age_of(const char *time_text) {
    struct tm parts = {0};
    int milliseconds = 0;
    if (sscanf(time_text, "%d-%d-%dT%d:%d:%d.%dZ", &parts.tm_year, &parts.tm_mon, &parts.tm_mday, &parts.tm_hour,
            &parts.tm_min, &parts.tm_sec, &milliseconds) != 7) return 0;
    parts.tm_year -= 1900;
    parts.tm_mon -= 1;
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (double)(now.tv_sec - timegm(&parts)) + now.tv_nsec / 1e9 - milliseconds / 1e3;
}

static void message(struct mosquitto *client, void *data, const struct mosquitto_message *one) {
    (void)client, (void)data;
    size_t suffix = strlen(one->topic);
    if (suffix < 9 || strcmp(one->topic + suffix - 9, "/readings") != 0) return;
    messages++;
    bytes += (uint64_t)one->payloadlen;
    const char *text = one->payload, *limit = text + one->payloadlen;
    int is_first = 1;
    while ((text = memmem(text, (size_t)(limit - text), "{\"device\":\"", 11))) {
        const char *name = text + 11;
        const char *name_end = memchr(name, '"', (size_t)(limit - name));
        const char *n = memmem(name, (size_t)(limit - name), "\"n\":", 4);
        if (!name_end || !n) break;
        uint64_t value = strtoull(n + 4, NULL, 10);
        uint64_t *last = last_of(name, (size_t)(name_end - name));
        if (*last && value <= *last) repeated++;
        if (*last && value > *last + 1) missing += value - *last - 1;
        if (value > *last) *last = value;
        const char *quality = memmem(n, (size_t)(limit - n), "\"quality\":\"", 11);
        int is_good = quality && strncmp(quality + 11, "good", 4) == 0;
        if (!is_good) not_good++;
        // Device and point stand one behind the other, in front of the number.
        const char *taken = memmem(n, (size_t)(limit - n), "\"time\":\"", 8);
        if (is_good && taken) {
            double moment = seconds_of(taken + 8, limit);
            if (moment > 0) note_poll(name, (size_t)(n - name), moment);
        }
        if (is_first) {
            const char *stamp = memmem(n, (size_t)(limit - n), "\"time\":\"", 8);
            double age = stamp ? age_of(stamp + 8) : 0;
            if (age > oldest) oldest = age;
            is_first = 0;
        }
        readings++;
        text = n;
    }
}

int main(int count, char **arguments) {
    if (count != 3 && count != 4) return 2;
    if (count == 4) interval = atof(arguments[3]);
    setvbuf(stdout, NULL, _IOLBF, 0);
    mosquitto_lib_init();
    struct mosquitto *client = mosquitto_new(NULL, true, NULL);
    mosquitto_message_callback_set(client, message);
    if (mosquitto_connect(client, "127.0.0.1", atoi(arguments[1]), 60)) return 1;
    if (mosquitto_subscribe(client, NULL, arguments[2], 0)) return 1;
    time_t told = 0;
    while (mosquitto_loop(client, 100, 1) == MOSQ_ERR_SUCCESS) {
        struct timespec now;
        clock_gettime(CLOCK_MONOTONIC, &now);
        if (now.tv_sec == told) continue;
        told = now.tv_sec;
        printf("%lld.%03ld %llu %llu %llu %llu %llu %llu %.3f %llu %.3f\n", (long long)now.tv_sec, now.tv_nsec / 1000000,
            (unsigned long long)readings, (unsigned long long)messages, (unsigned long long)bytes,
            (unsigned long long)missing, (unsigned long long)repeated, (unsigned long long)not_good, oldest,
            (unsigned long long)lost, widest);
        oldest = widest = 0;
    }
    return 1;
}
