#pragma once
// The type checks are macros around the variadic functions, which Swift cannot call anyhow.
#define CURL_DISABLE_TYPECHECK
#include <curl/curl.h>
#undef curl_easy_setopt
#undef curl_easy_getinfo

static inline CURLcode candela_curl_set_number(CURL *easy, CURLoption option, long value) {
    return curl_easy_setopt(easy, option, value);
}

static inline CURLcode candela_curl_set_text(CURL *easy, CURLoption option, const char *value) {
    return curl_easy_setopt(easy, option, value);
}

static inline CURLcode candela_curl_set_headers(CURL *easy, struct curl_slist *headers) {
    return curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers);
}

/// `bytes` must live as long as the transfer.
static inline CURLcode candela_curl_set_body(CURL *easy, const void *bytes, size_t count) {
    CURLcode code = curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)count);
    return code == CURLE_OK ? curl_easy_setopt(easy, CURLOPT_POSTFIELDS, bytes) : code;
}

/// 256 bytes (CURL_ERROR_SIZE) that must live as long as the transfer.
static inline CURLcode candela_curl_set_error_buffer(CURL *easy, char *buffer) {
    return curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, buffer);
}

typedef size_t (*candela_curl_sink)(char *bytes, size_t size, size_t count, void *context);

static inline CURLcode candela_curl_set_sinks(
    CURL *easy, candela_curl_sink header, candela_curl_sink body, void *context
) {
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, header);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, context);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, body);
    return curl_easy_setopt(easy, CURLOPT_WRITEDATA, context);
}

/// Certificate authorities are read anew for each connection; by default a changed file would go unnoticed for a day.
static inline void candela_curl_forget_authorities(CURL *easy) {
#if LIBCURL_VERSION_NUM >= 0x075700
    curl_easy_setopt(easy, CURLOPT_CA_CACHE_TIMEOUT, 0L);
#else
    (void)easy;
#endif
}

/// 0 while there was no answer.
static inline long candela_curl_status(CURL *easy) {
    long status = 0;
    curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
    return status;
}

/// The next transfer that has ended, or NULL.
static inline CURL *candela_curl_finished(CURLM *multi, CURLcode *result) {
    int left = 0;
    for (;;) {
        CURLMsg *message = curl_multi_info_read(multi, &left);
        if (!message) return NULL;
        if (message->msg == CURLMSG_DONE) {
            *result = message->data.result;
            return message->easy_handle;
        }
    }
}
