#include <dlfcn.h>
#include <pthread.h>

#include "CCurl.h"
#undef curl_easy_setopt
#undef curl_easy_getinfo

/// Every function of the library that is used, by its own name.
#define FUNCTIONS(each)                                                                                             \
    each(curl_global_init) each(curl_easy_init) each(curl_easy_cleanup) each(curl_easy_strerror) each(curl_easy_setopt) \
    each(curl_easy_getinfo) each(curl_slist_append) each(curl_slist_free_all) each(curl_getdate) each(curl_multi_init)  \
    each(curl_multi_cleanup) each(curl_multi_add_handle) each(curl_multi_remove_handle) each(curl_multi_perform)        \
    each(curl_multi_poll) each(curl_multi_wakeup) each(curl_multi_info_read)

#define MEMBER(name) __typeof__(name) *name;
static struct { FUNCTIONS(MEMBER) } library;
static const char *failure;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void load(void) {
    void *handle = dlopen("libcurl.so.4", RTLD_NOW | RTLD_LOCAL);
    if (!handle) {
        // The text is the loader's own and stays until its next failure on this thread; a copy outlives that.
        static char text[256];
        const char *reason = dlerror();
        size_t length = 0;
        while (reason && reason[length] && length < sizeof text - 1) {
            text[length] = reason[length];
            length++;
        }
        failure = length ? text : "libcurl.so.4 cannot be loaded";
        return;
    }
#define FIND(name)                                          \
    if (!(library.name = (__typeof__(name) *)dlsym(handle, #name))) { \
        failure = "libcurl.so.4 is too old: it has no " #name;        \
        return;                                             \
    }
    FUNCTIONS(FIND)
    if (library.curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) failure = "libcurl could not be made ready: no memory";
}

const char *candela_curl_load(void) {
    pthread_once(&once, load);
    return failure;
}

CURL *candela_curl_easy_init(void) { return library.curl_easy_init(); }
void candela_curl_easy_cleanup(CURL *easy) { library.curl_easy_cleanup(easy); }
const char *candela_curl_easy_strerror(CURLcode code) { return library.curl_easy_strerror(code); }

struct curl_slist *candela_curl_slist_append(struct curl_slist *list, const char *text) {
    return library.curl_slist_append(list, text);
}

void candela_curl_slist_free_all(struct curl_slist *list) { library.curl_slist_free_all(list); }
time_t candela_curl_getdate(const char *text) { return library.curl_getdate(text, NULL); }

CURLcode candela_curl_set_number(CURL *easy, CURLoption option, long value) {
    return library.curl_easy_setopt(easy, option, value);
}

CURLcode candela_curl_set_text(CURL *easy, CURLoption option, const char *value) {
    return library.curl_easy_setopt(easy, option, value);
}

CURLcode candela_curl_set_headers(CURL *easy, struct curl_slist *headers) {
    return library.curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers);
}

CURLcode candela_curl_set_body(CURL *easy, const void *bytes, size_t count) {
    CURLcode code = library.curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)count);
    return code == CURLE_OK ? library.curl_easy_setopt(easy, CURLOPT_POSTFIELDS, bytes) : code;
}

CURLcode candela_curl_set_error_buffer(CURL *easy, char *buffer) {
    return library.curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, buffer);
}

CURLcode candela_curl_set_sinks(CURL *easy, candela_curl_sink header, candela_curl_sink body, void *context) {
    library.curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, header);
    library.curl_easy_setopt(easy, CURLOPT_HEADERDATA, context);
    library.curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, body);
    return library.curl_easy_setopt(easy, CURLOPT_WRITEDATA, context);
}

void candela_curl_forget_authorities(CURL *easy) {
    // Since 7.87; an older library answers that it does not know the option, and keeps no authorities.
#if LIBCURL_VERSION_NUM >= 0x075700
    library.curl_easy_setopt(easy, CURLOPT_CA_CACHE_TIMEOUT, 0L);
#else
    (void)easy;
#endif
}

long candela_curl_status(CURL *easy) {
    long status = 0;
    library.curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
    return status;
}

CURLM *candela_curl_multi_init(void) { return library.curl_multi_init(); }
void candela_curl_multi_cleanup(CURLM *multi) { library.curl_multi_cleanup(multi); }
void candela_curl_multi_add(CURLM *multi, CURL *easy) { library.curl_multi_add_handle(multi, easy); }
void candela_curl_multi_remove(CURLM *multi, CURL *easy) { library.curl_multi_remove_handle(multi, easy); }

int candela_curl_multi_perform(CURLM *multi) {
    int running = 0;
    library.curl_multi_perform(multi, &running);
    return running;
}

void candela_curl_multi_poll(CURLM *multi, int milliseconds) {
    library.curl_multi_poll(multi, NULL, 0, milliseconds, NULL);
}

void candela_curl_multi_wakeup(CURLM *multi) { library.curl_multi_wakeup(multi); }

CURL *candela_curl_finished(CURLM *multi, CURLcode *result) {
    int left = 0;
    for (;;) {
        CURLMsg *message = library.curl_multi_info_read(multi, &left);
        if (!message) return NULL;
        if (message->msg == CURLMSG_DONE) {
            *result = message->data.result;
            return message->easy_handle;
        }
    }
}
