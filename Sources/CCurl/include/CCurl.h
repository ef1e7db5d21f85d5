#pragma once
// libcurl as the HTTP uplink uses it, loaded when the first such uplink is made: the library brings a dozen others along (LDAP,
// Kerberos, two TLS libraries), which a gateway that only speaks MQTT need not hold in memory nor have installed.
#define CURL_DISABLE_TYPECHECK
#include <curl/curl.h>
#include <stddef.h>

/// Loads the library and makes it ready, once. Thread-safe. Nothing else here may be called before it has returned NULL.
///
/// Returns the reason when it could not be loaded.
const char *candela_curl_load(void);

CURL *candela_curl_easy_init(void);
void candela_curl_easy_cleanup(CURL *easy);
const char *candela_curl_easy_strerror(CURLcode code);
struct curl_slist *candela_curl_slist_append(struct curl_slist *list, const char *text);
void candela_curl_slist_free_all(struct curl_slist *list);
time_t candela_curl_getdate(const char *text);

CURLcode candela_curl_set_number(CURL *easy, CURLoption option, long value);
CURLcode candela_curl_set_text(CURL *easy, CURLoption option, const char *value);
CURLcode candela_curl_set_headers(CURL *easy, struct curl_slist *headers);
/// `bytes` must live as long as the transfer.
CURLcode candela_curl_set_body(CURL *easy, const void *bytes, size_t count);
/// 256 bytes (CURL_ERROR_SIZE) that must live as long as the transfer.
CURLcode candela_curl_set_error_buffer(CURL *easy, char *buffer);
typedef size_t (*candela_curl_sink)(char *bytes, size_t size, size_t count, void *context);
CURLcode candela_curl_set_sinks(CURL *easy, candela_curl_sink header, candela_curl_sink body, void *context);
/// Certificate authorities are read anew for each connection; by default a changed file would go unnoticed for a day.
void candela_curl_forget_authorities(CURL *easy);
/// 0 while there was no answer.
long candela_curl_status(CURL *easy);

CURLM *candela_curl_multi_init(void);
void candela_curl_multi_cleanup(CURLM *multi);
void candela_curl_multi_add(CURLM *multi, CURL *easy);
void candela_curl_multi_remove(CURLM *multi, CURL *easy);
/// Does what can be done without waiting; returns how many transfers are on their way.
int candela_curl_multi_perform(CURLM *multi);
void candela_curl_multi_poll(CURLM *multi, int milliseconds);
/// The one call that is allowed from any thread.
void candela_curl_multi_wakeup(CURLM *multi);
/// The next transfer that has ended, or NULL.
CURL *candela_curl_finished(CURLM *multi, CURLcode *result);
